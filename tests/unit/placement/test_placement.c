/*
 * Placement's domain against a real database: reports, what fits, claims. Then 64 threads that claim and release at random: no
 * provider is ever over its capacity, and the books balance.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "compute/placement/placement.h"
#include "schema/placement_inventory.h"
#include "tests/unit/schema/store.h"

#define FULL(class, provider)                                                                                                      \
    "Unable to create allocation for '" class "' on resource provider '" provider                                                  \
                                              "'. The requested amount would exceed the capacity."

#define ONE "11111111-2222-4333-8444-555555555501"
#define UNITS(class, provider)                                                                                                     \
    "Unable to create allocation for '" class "' on resource provider '" provider                                                  \
                                              "'. The requested amount would violate inventory constraints."

static struct store *fresh(void **state)
{
    struct store *store = store_get(state);
    run_sql(store, "DELETE FROM allocations; DELETE FROM consumers; DELETE FROM inventories; DELETE FROM resource_providers;"
                   "DELETE FROM resource_classes WHERE name LIKE 'CUSTOM%'");
    return store;
}

static void report(struct store *store, uint8_t provider, const char *name, int64_t vcpus, double ratio, int64_t ram, int64_t disk)
{
    const struct uuid uuid = uuid_of(provider);
    const struct resource_inventory inventories[] = {
        {"VCPU", vcpus, 0, ratio}, {"MEMORY_MB", ram, 0, 1.0}, {"DISK_GB", disk, 0, 1.0}};
    must(placement_report(store->db, &uuid, name, inventories, ARRAY_LEN(inventories)));
}

static struct provider_row provider_get(struct store *store, uint8_t number)
{
    const struct uuid uuid = uuid_of(number);
    struct provider_rows rows;
    must(provider_rows_get(store->db, &store->arena, &uuid, 1, &rows));
    assert_int_equal(rows.count, 1);
    return rows.items[0];
}

struct claim {
    struct uuid provider;
    struct uuid consumer;
    struct resource_amount amounts[3];
    bool release;
};

static enum err claim_in_transaction(struct db *db, void *context)
{
    const struct claim *claim = context;
    if (claim->release)
        return placement_release(db, &claim->consumer);
    return placement_claim(db, &claim->provider, &claim->consumer, "p", "u", claim->amounts, 3);
}

static enum err claim_on(struct store *store, uint8_t provider, uint8_t consumer, int64_t vcpus, int64_t ram, int64_t disk)
{
    struct claim claim = {uuid_of(provider), uuid_of(consumer), {{"VCPU", vcpus}, {"MEMORY_MB", ram}, {"DISK_GB", disk}}, false};
    return db_transaction(store->db, claim_in_transaction, &claim);
}

static enum err release(struct store *store, uint8_t consumer)
{
    struct claim claim = {.consumer = uuid_of(consumer), .release = true};
    return db_transaction(store->db, claim_in_transaction, &claim);
}

/* After a reshape the report does not count what is below a second time; what the host itself has is kept up to date. */
static void a_report_leaves_to_children_what_is_theirs(void **state)
{
    static const char sql[] =
        "SELECT GROUP_CONCAT(CONCAT(p.name, ' ', k.name, ' ', i.total) ORDER BY p.id, k.id) FROM inventories i"
        " JOIN resource_providers p ON p.id = i.resource_provider_id"
        " JOIN resource_classes k ON k.id = i.resource_class_id";
    struct store *store = fresh(state);
    report(store, 1, "one", 4, 16.0, 2048, 10);
    report(store, 2, "numa", 4, 16.0, 2048, 10);
    run_sql(store, "UPDATE resource_providers c JOIN resource_providers p ON p.name = 'one' SET c.parent_provider_id = p.id,"
                   " c.root_provider_id = p.id WHERE c.name = 'numa';"
                   "DELETE i FROM inventories i JOIN resource_providers p ON p.id = i.resource_provider_id JOIN resource_classes k"
                   " ON k.id = i.resource_class_id WHERE (p.name = 'one') = (k.name = 'VCPU')");
    report(store, 1, "one", 8, 16.0, 4096, 10);
    assert_string_equal(ask_text(store, sql), "one MEMORY_MB 4096,one DISK_GB 10,numa VCPU 4");
}

static void an_unchanged_report_is_not_written(void **state)
{
    struct store *store = fresh(state);
    struct inventory_rows rows;
    report(store, 1, "one", 4, 16.0, 2048, 10);
    const int64_t first = provider_get(store, 1).generation;
    report(store, 1, "one", 4, 16.0, 2048, 10);
    assert_int_equal(provider_get(store, 1).generation, first);
    report(store, 1, "one", 4, 16.0, 2049, 10);
    assert_int_equal(provider_get(store, 1).generation, first + 1);
    report(store, 1, "one", 4, 8.5, 2049, 10);
    assert_int_equal(provider_get(store, 1).generation, first + 2);
    must(inventory_rows_all(store->db, &store->arena, &rows));
    assert_int_equal(rows.count, 3);
    assert_string_equal(rows.items[0].resource_class, "VCPU");
    assert_true(rows.items[0].total == 4 && rows.items[0].allocation_ratio == 8.5 && rows.items[0].used == 0);
    assert_true(rows.items[1].total == 2049 && rows.items[1].reserved == 0 && rows.items[2].total == 10);
    report(store, 1, "renamed", 4, 8.5, 2049, 10);
    assert_string_equal(provider_get(store, 1).name, "renamed");
}

static void wrong_reports_leave_nothing(void **state)
{
    struct store *store = fresh(state);
    const struct uuid two = uuid_of(2);
    const struct resource_inventory unknown[] = {{"VCPU", 1, 0, 1.0}, {"UNKNOWN", 1, 0, 1.0}};
    report(store, 1, "one", 4, 1.0, 2048, 10);
    must_fail(placement_report(store->db, &two, "one", unknown, 1), E_CONFLICT,
              "Resource provider name 'one' is used by another provider.");
    must_fail(placement_report(store->db, &two, "two", unknown, 2), E_NOT_FOUND, "No such resource class UNKNOWN.");
    assert_int_equal(ask_int(store, "SELECT COUNT(*) FROM resource_providers"), 1);
    assert_int_equal(ask_int(store, "SELECT COUNT(*) FROM inventories"), 3);
}

static void claims_fill_and_releases_empty(void **state)
{
    struct store *store = fresh(state);
    report(store, 1, "one", 2, 1.5, 100, 10);
    const int64_t first = provider_get(store, 1).generation;
    must(claim_on(store, 1, 10, 2, 60, 5));
    assert_int_equal(provider_get(store, 1).generation, first + 1);
    must_fail(claim_on(store, 1, 11, 2, 1, 1), E_CONFLICT, FULL("VCPU", ONE));
    must_fail(claim_on(store, 1, 11, 1, 41, 1), E_CONFLICT, FULL("MEMORY_MB", ONE));
    must_fail(claim_on(store, 1, 11, 1, 40, 6), E_CONFLICT, FULL("DISK_GB", ONE));
    assert_int_equal(ask_int(store, "SELECT COUNT(*) FROM consumers"), 1); /* failures leave nothing */
    assert_int_equal(provider_get(store, 1).generation, first + 1);
    must(claim_on(store, 1, 11, 1, 40, 5)); /* exactly full */
    must_fail(claim_on(store, 1, 12, 0, 1, 0), E_CONFLICT, FULL("MEMORY_MB", ONE));
    must(release(store, 10));
    must(release(store, 10));
    assert_int_equal(ask_int(store, "SELECT COUNT(*) FROM allocations"), 3);
    must(claim_on(store, 1, 12, 2, 60, 5));
    must(release(store, 11));
    must(release(store, 12));
    assert_int_equal(ask_int(store, "SELECT COUNT(*) FROM allocations"), 0);
    assert_int_equal(ask_int(store, "SELECT COUNT(*) FROM consumers"), 0);
    assert_int_equal(provider_get(store, 1).generation, first + 6);
}

static void a_second_claim_replaces_the_first(void **state)
{
    struct store *store = fresh(state);
    report(store, 1, "one", 4, 1.0, 100, 10);
    report(store, 2, "two", 4, 1.0, 100, 10);
    must(claim_on(store, 1, 10, 3, 100, 0));
    must(claim_on(store, 1, 10, 4, 90, 0)); /* what it had is free for it */
    assert_int_equal(ask_int(store, "SELECT SUM(used) FROM allocations"), 94);
    const int64_t before = provider_get(store, 1).generation;
    must(claim_on(store, 2, 10, 1, 1, 1));
    assert_int_equal(ask_int(store, "SELECT SUM(used) FROM allocations"), 3);
    /* The one that was left is not told, as in Placement 8.0.0. */
    assert_int_equal(provider_get(store, 1).generation, before);
    must_fail(claim_on(store, 1, 10, 1, 101, 1), E_CONFLICT, UNITS("MEMORY_MB", ONE));
    assert_int_equal(ask_int(store, "SELECT SUM(used) FROM allocations"), 3); /* a failed one changes nothing */
}

static void units_and_classes_are_checked(void **state)
{
    struct store *store = fresh(state);
    const struct uuid nine = uuid_of(9);
    report(store, 1, "one", 8, 16.0, 100, 10);
    run_sql(store, "UPDATE inventories SET min_unit = 2, step_size = 2 WHERE resource_class_id ="
                   " (SELECT id FROM resource_classes WHERE name = 'VCPU')");
    must(claim_on(store, 1, 10, 2, 1, 1));
    for (int64_t amount = 1; amount <= 9; amount += 2) { /* below the least, odd, above the most (8) */
        must_fail(claim_on(store, 1, 11, amount, 1, 1), E_CONFLICT, UNITS("VCPU", ONE));
    }
    must_fail(claim_on(store, 1, 11, 10, 1, 1), E_CONFLICT, UNITS("VCPU", ONE));
    run_sql(store, "DELETE FROM inventories WHERE resource_class_id = (SELECT id FROM resource_classes WHERE name = 'DISK_GB')");
    must_fail(claim_on(store, 1, 11, 2, 1, 1), E_CONFLICT, "Inventory for 'DISK_GB' on resource provider '" ONE "' invalid.");
    must(claim_on(store, 1, 11, 2, 1, 0)); /* nothing is asked of the class that is not there */
    struct claim claim = {nine, uuid_of(12), {{"VCPU", 1}, {"MEMORY_MB", 1}, {"DISK_GB", 1}}, false};
    must_fail(db_transaction(store->db, claim_in_transaction, &claim), E_NOT_FOUND,
              "No resource provider with uuid 11111111-2222-4333-8444-555555555509 found");
}

static void reserved_and_ratio_make_the_capacity(void **state)
{
    struct store *store = fresh(state);
    const struct uuid one = uuid_of(1);
    const struct resource_inventory inventories[] = {{"VCPU", 10, 3, 1.5}, {"MEMORY_MB", 64, 0, 1.0}, {"DISK_GB", 64, 0, 1.0}};
    must(placement_report(store->db, &one, "one", inventories, ARRAY_LEN(inventories)));
    must(claim_on(store, 1, 10, 10, 1, 1)); /* (10 - 3) * 1.5 = 10.5 */
    must_fail(claim_on(store, 1, 11, 1, 1, 1), E_CONFLICT, FULL("VCPU", ONE));
}

/* What fits is what can be claimed, for many shapes on half-full providers. */
static void fit_means_claimable(void **state)
{
    struct store *store = fresh(state);
    for (uint8_t i = 1; i <= 6; i++) {
        report(store, i, arena_printf(&store->arena, "p%d", i), i, 1.0 + i / 4.0, 50 * i, 4 * i);
        must(claim_on(store, i, (uint8_t)(20 + i), i > 2, 25 * i, i));
    }
    for (int shape = 0; shape < 60; shape++) {
        const int64_t vcpus = shape % 5;
        const int64_t ram = shape * 3;
        const int64_t disk = shape / 4;
        const struct resource_amount amounts[] = {{"VCPU", vcpus}, {"MEMORY_MB", ram}, {"DISK_GB", disk}};
        struct placement_fits fits;
        must(placement_fit(store->db, &store->arena, amounts, ARRAY_LEN(amounts), &fits));
        for (uint8_t i = 1; i <= 6; i++) {
            const struct uuid uuid = uuid_of(i);
            bool fits_here = false;
            for (size_t j = 0; j < fits.count; j++)
                fits_here = fits_here || uuid_equal(&fits.items[j].provider, &uuid);
            const enum err claimed = claim_on(store, i, 99, vcpus, ram, disk);
            assert_int_equal(claimed, fits_here ? OK : E_CONFLICT);
            must(release(store, 99));
        }
    }
}

static void a_fit_tells_what_is_free(void **state)
{
    struct store *store = fresh(state);
    const struct resource_amount amounts[] = {{"VCPU", 2}, {"MEMORY_MB", 50}, {"DISK_GB", 0}};
    const struct resource_amount nothing[] = {{"VCPU", 0}};
    const struct resource_amount unknown[] = {{"CUSTOM_X", 1}};
    struct placement_fits fits;
    report(store, 1, "one", 4, 2.0, 200, 10);
    must(claim_on(store, 1, 10, 2, 50, 1));
    must(placement_fit(store->db, &store->arena, amounts, ARRAY_LEN(amounts), &fits));
    assert_int_equal(fits.count, 1);
    assert_true(fits.items[0].free_share == 0.5); /* of 8 and of 200, after the claim: 4 and 100 */
    assert_true(fits.items[0].free_vcpus == 6 && fits.items[0].free_ram_mib == 150 && fits.items[0].free_disk_gib == 9);
    must(placement_fit(store->db, &store->arena, nothing, 1, &fits));
    assert_int_equal(fits.count, 1);
    assert_true(fits.items[0].free_share == 1.0);
    must(placement_fit(store->db, &store->arena, unknown, 1, &fits));
    assert_int_equal(fits.count, 0);
}

static int64_t vcpus_used(struct store *store)
{
    struct inventory_rows rows;
    must(inventory_rows_all(store->db, &store->arena, &rows));
    assert_string_equal(rows.items[0].resource_class, "VCPU");
    return rows.items[0].used;
}

/* A program that knows nothing of the kept sums, and one that does, at the same time. */
static void what_an_earlier_version_writes_is_counted(void **state)
{
    static const char insert[] = "INSERT INTO allocations (consumer_id, resource_provider_id, resource_class_id, used, updated_at)"
                                 " SELECT 1000000, p.id, c.id, 3, UTC_TIMESTAMP(6) FROM resource_providers p, resource_classes c"
                                 " WHERE c.name = 'VCPU'";
    struct store *store = fresh(state);
    report(store, 1, "one", 8, 1.0, 100, 10);
    must(claim_on(store, 1, 100, 2, 10, 1));
    run_sql(store, insert);
    assert_int_equal(vcpus_used(store), 5);
    must_fail(claim_on(store, 1, 101, 4, 10, 1), E_CONFLICT, FULL("VCPU", ONE));
    run_sql(store, "UPDATE allocations SET used = 1 WHERE consumer_id = 1000000");
    assert_int_equal(vcpus_used(store), 3);
    run_sql(store, "DELETE FROM allocations WHERE consumer_id <> 1000000");
    assert_int_equal(vcpus_used(store), 1);
    run_sql(store, "DELETE FROM inventories");
    report(store, 1, "one", 8, 1.0, 100, 10);
    assert_int_equal(vcpus_used(store), 1);
    run_sql(store, "DELETE FROM allocations");
    assert_int_equal(vcpus_used(store), 0);
}

static void the_upgrade_counts_what_is_there(void **state)
{
    struct store *store = fresh(state);
    int from = 0;
    int to = 0;
    report(store, 1, "one", 8, 1.0, 100, 10);
    must(claim_on(store, 1, 100, 3, 10, 1));
    run_sql(store,
            "DROP TRIGGER allocations_inserted; DROP TRIGGER inventories_inserting; ALTER TABLE inventories DROP COLUMN used;"
            "DELETE FROM schema_migrations WHERE version = 14");
    must(db_upgrade(store->db, &from, &to));
    assert_int_equal(vcpus_used(store), 3);
    run_sql(store, "DELETE FROM schema_migrations WHERE version = 14"); /* and once more, with all of it there */
    must(db_upgrade(store->db, &from, &to));
    must(claim_on(store, 1, 101, 2, 10, 1));
    assert_int_equal(vcpus_used(store), 5);
}

/* A caller may go on with its transaction after a refusal: nothing of the claim is in it. */
static enum err refused_claim(struct db *db, void *context)
{
    return claim_in_transaction(db, context) == E_CONFLICT ? OK : fail(E_INTERNAL, "It was not refused.");
}

static void a_refused_claim_leaves_nothing(void **state)
{
    struct store *store = fresh(state);
    struct claim more = {uuid_of(1), uuid_of(100), {{"VCPU", 1}, {"MEMORY_MB", 101}, {"DISK_GB", 1}}, false};
    struct claim other = {uuid_of(1), uuid_of(101), {{"VCPU", 1}, {"MEMORY_MB", 101}, {"DISK_GB", 1}}, false};
    report(store, 1, "one", 8, 1.0, 100, 10);
    must(claim_on(store, 1, 100, 3, 10, 1));
    must(db_transaction(store->db, refused_claim, &more));
    must(db_transaction(store->db, refused_claim, &other));
    assert_int_equal(ask_int(store, "SELECT COUNT(*) FROM consumers"), 1);
    assert_int_equal(ask_int(store, "SELECT SUM(used) FROM allocations"), 14);
    assert_int_equal(vcpus_used(store), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unchanged_report_is_not_written),
        cmocka_unit_test(a_report_leaves_to_children_what_is_theirs),
        cmocka_unit_test(wrong_reports_leave_nothing),
        cmocka_unit_test(claims_fill_and_releases_empty),
        cmocka_unit_test(a_second_claim_replaces_the_first),
        cmocka_unit_test(units_and_classes_are_checked),
        cmocka_unit_test(reserved_and_ratio_make_the_capacity),
        cmocka_unit_test(fit_means_claimable),
        cmocka_unit_test(a_fit_tells_what_is_free),
        cmocka_unit_test(a_refused_claim_leaves_nothing),
        cmocka_unit_test(what_an_earlier_version_writes_is_counted),
        cmocka_unit_test(the_upgrade_counts_what_is_there),
    };
    return cmocka_run_group_tests(tests, store_setup, store_teardown);
}
