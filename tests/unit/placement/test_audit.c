/* The audit against a real database: every kind of finding, what the repair leaves, and what is none of its business. */
#include <pthread.h>

#include "compute/placement/audit.h"
#include "compute/placement/placement.h"
#include "schema/host.h"
#include "tests/unit/schema/store.h"

#define HOST   1
#define OTHER  2
#define PLAIN  3 /* a provider that is no host */
#define CHILD  4 /* of HOST */
#define SERVER 10
#define LOST   11

static void report(struct store *store, uint8_t number, const char *name, bool is_host)
{
    const struct host host = {.uuid = uuid_of(number), .service = uuid_of(number + 100), .name = name, .uri = "test:///default"};
    const struct resource_inventory inventories[] = {{"VCPU", 8, 0, 1.0}, {"MEMORY_MB", 128, 0, 1.0}, {"DISK_GB", 10, 0, 1.0}};
    if (is_host)
        must(host_add(store->db, &host));
    must(placement_report(store->db, &host.uuid, name, inventories, ARRAY_LEN(inventories)));
}

static struct store *fresh(void **state)
{
    struct store *store = store_get(state);
    run_sql(store, "DELETE FROM allocations; DELETE FROM consumers; DELETE FROM inventories; DELETE FROM resource_providers;"
                   "DELETE FROM hosts; DELETE FROM servers; DELETE FROM tasks; DELETE FROM resource_provider_traits");
    report(store, HOST, "h", true);
    report(store, OTHER, "other", true);
    report(store, PLAIN, "plain", false);
    return store;
}

struct claim {
    uint8_t provider;
    uint8_t consumer;
    int64_t vcpus;
    int64_t ram_mib;
};

static enum err claim_in_transaction(struct db *db, void *context)
{
    const struct claim *claim = context;
    const struct uuid provider = uuid_of(claim->provider);
    const struct uuid consumer = uuid_of(claim->consumer);
    const struct resource_amount amounts[] = {{"VCPU", claim->vcpus}, {"MEMORY_MB", claim->ram_mib}, {"DISK_GB", 1}};
    return placement_claim(db, &provider, &consumer, "p", "u", amounts, ARRAY_LEN(amounts));
}

static void claim(struct store *store, uint8_t provider, uint8_t consumer, int64_t vcpus, int64_t ram_mib)
{
    struct claim it = {provider, consumer, vcpus, ram_mib};
    must(db_transaction(store->db, claim_in_transaction, &it));
}

static void add_server(struct store *store, uint8_t number)
{
    const struct uuid uuid = uuid_of(number);
    const struct server server = server_sample(&uuid);
    must(server_insert(store->db, &server));
}

static struct audit_findings audit(struct store *store, bool fix)
{
    struct audit_findings findings;
    must(placement_audit(store->db, &store->arena, fix, &findings));
    return findings;
}

/* One finding, which the repair mends; afterwards there is none. */
static void finds_and_mends(struct store *store, enum audit_kind kind, const char *detail)
{
    struct audit_findings findings = audit(store, false);
    assert_int_equal(findings.count, 1);
    assert_int_equal(findings.open, 1);
    assert_string_equal(audit_kind_name(findings.items[0].kind), audit_kind_name(kind));
    assert_string_equal(findings.items[0].detail, detail);
    findings = audit(store, true);
    assert_int_equal(findings.count, 1);
    if (!findings.items[0].repaired)
        print_message("%s\n", findings.items[0].why);
    assert_int_equal(findings.open, 0);
    assert_int_equal(audit(store, false).count, 0);
}

static void all_in_order_is_no_finding(void **state)
{
    struct store *store = fresh(state);
    add_server(store, SERVER);
    claim(store, HOST, SERVER, 1, 64);
    assert_int_equal(audit(store, true).count, 0);
    assert_int_equal(ask_int(store, "SELECT COUNT(*) FROM allocations"), 3);
}

static void a_claim_without_a_server_is_removed(void **state)
{
    struct store *store = fresh(state);
    claim(store, HOST, LOST, 2, 64);
    const int64_t generation = ask_int(store, "SELECT generation FROM resource_providers WHERE name = 'h'");
    finds_and_mends(store, AUDIT_ORPHANED, "VCPU 2, MEMORY_MB 64, DISK_GB 1 of no server");
    assert_int_equal(ask_int(store, "SELECT COUNT(*) FROM allocations"), 0);
    assert_int_equal(ask_int(store, "SELECT COUNT(*) FROM consumers"), 0);
    assert_int_equal(ask_int(store, "SELECT generation FROM resource_providers WHERE name = 'h'"), generation + 1);
    add_server(store, LOST);
    claim(store, HOST, LOST, 1, 64);
    run_sql(store, "UPDATE servers SET deleted = TRUE");
    finds_and_mends(store, AUDIT_ORPHANED, "VCPU 1, MEMORY_MB 64, DISK_GB 1 of no server");
}

static void a_provider_that_is_no_host_is_named_so(void **state)
{
    struct store *store = fresh(state);
    claim(store, PLAIN, LOST, 2, 64);
    finds_and_mends(store, AUDIT_NOT_A_HOST, "VCPU 2, MEMORY_MB 64, DISK_GB 1 of no server");
}

static void what_a_task_works_on_is_left_alone(void **state)
{
    struct store *store = fresh(state);
    claim(store, HOST, LOST, 2, 64);
    add_server(store, SERVER);
    run_sql(store, "INSERT INTO tasks (id, kind, subject, request_id, state, not_before, data, created_at, updated_at)"
                   " SELECT uuid, 'build', uuid, 'req', 'ready', UTC_TIMESTAMP(6), '{}', UTC_TIMESTAMP(6), UTC_TIMESTAMP(6)"
                   " FROM (SELECT uuid FROM servers UNION SELECT uuid FROM consumers) subjects");
    assert_int_equal(audit(store, true).count, 0);
    run_sql(store, "DELETE FROM tasks");
    assert_int_equal(audit(store, false).count, 2);
}

static void other_services_consumers_are_theirs(void **state)
{
    struct store *store = fresh(state);
    claim(store, HOST, LOST, 2, 64);
    run_sql(store, "UPDATE consumers SET consumer_type_id = NULL");
    assert_int_equal(audit(store, true).count, 0);
    run_sql(store, "UPDATE consumers SET consumer_type_id = (SELECT id FROM consumer_types WHERE name = 'MIGRATION')");
    assert_int_equal(audit(store, true).count, 0);
}

static void consumers_without_allocations_are_removed(void **state)
{
    struct store *store = fresh(state);
    claim(store, HOST, LOST, 2, 64);
    run_sql(store, "DELETE FROM allocations");
    finds_and_mends(store, AUDIT_EMPTY, "a consumer without allocations");
}

static void dangling_rows_are_removed(void **state)
{
    struct store *store = fresh(state);
    add_server(store, SERVER);
    claim(store, HOST, SERVER, 1, 64);
    run_sql(store, "INSERT INTO allocations SELECT consumer_id, 999999, resource_class_id, used, updated_at FROM allocations"
                   " WHERE used = 64");
    finds_and_mends(store, AUDIT_DANGLING, "MEMORY_MB 64 of a provider that is gone");
    run_sql(store, "INSERT INTO allocations SELECT 999999, resource_provider_id, resource_class_id, used, updated_at"
                   " FROM allocations WHERE used = 64");
    finds_and_mends(store, AUDIT_DANGLING, "MEMORY_MB 64 of a consumer that is gone");
    assert_int_equal(ask_int(store, "SELECT COUNT(*) FROM allocations"), 3);
}

#define HELD                                                                                                                       \
    "SELECT GROUP_CONCAT(CONCAT(p.name, ' ', k.name, ' ', a.used) ORDER BY p.id, k.id) FROM allocations a"                         \
    " JOIN resource_providers p ON p.id = a.resource_provider_id JOIN resource_classes k ON k.id = a.resource_class_id"

static void servers_get_the_claim_of_their_flavor(void **state)
{
    struct store *store = fresh(state);
    add_server(store, SERVER);
    finds_and_mends(store, AUDIT_MISSING, "VCPU 0 of 1, MEMORY_MB 0 of 64, DISK_GB 0 of 1");
    assert_string_equal(ask_text(store, HELD), "h VCPU 1,h MEMORY_MB 64,h DISK_GB 1");
    assert_string_equal(ask_text(store, "SELECT project_id FROM consumers"), "p");
    claim(store, HOST, SERVER, 2, 64);
    finds_and_mends(store, AUDIT_AMOUNTS, "VCPU 2 of 1, MEMORY_MB 64 of 64, DISK_GB 1 of 1");
    claim(store, OTHER, SERVER, 1, 64);
    finds_and_mends(store, AUDIT_MISPLACED, "VCPU 1 of 1, MEMORY_MB 64 of 64, DISK_GB 1 of 1");
    claim(store, PLAIN, SERVER, 1, 64);
    finds_and_mends(store, AUDIT_MISPLACED, "VCPU 1 of 1, MEMORY_MB 64 of 64, DISK_GB 1 of 1");
    assert_string_equal(ask_text(store, HELD), "h VCPU 1,h MEMORY_MB 64,h DISK_GB 1");
    run_sql(store, "UPDATE servers SET host = NULL");
    finds_and_mends(store, AUDIT_UNHOSTED, "VCPU 1 of 1, MEMORY_MB 64 of 64, DISK_GB 1 of 1");
    assert_int_equal(ask_int(store, "SELECT COUNT(*) FROM consumers"), 0);
}

/* After a reshape the tree holds the claim, wherever in it; a new claim is made where there is room in it. */
static void a_nested_host_is_one_host(void **state)
{
    struct store *store = fresh(state);
    add_server(store, SERVER);
    claim(store, HOST, SERVER, 1, 64);
    report(store, CHILD, "numa", false);
    run_sql(store,
            "UPDATE resource_providers c JOIN resource_providers h ON h.name = 'h' SET c.parent_provider_id = h.id,"
            " c.root_provider_id = h.id WHERE c.name = 'numa';"
            "DELETE i FROM inventories i JOIN resource_providers p ON p.id = i.resource_provider_id JOIN resource_classes k"
            " ON k.id = i.resource_class_id WHERE (p.name = 'h' AND k.name = 'VCPU') OR (p.name = 'numa' AND k.name <> 'VCPU');"
            "UPDATE allocations a JOIN resource_classes k ON k.id = a.resource_class_id JOIN resource_providers p"
            " ON p.name = 'numa' SET a.resource_provider_id = p.id WHERE k.name = 'VCPU'");
    assert_string_equal(ask_text(store, HELD), "h MEMORY_MB 64,h DISK_GB 1,numa VCPU 1");
    assert_int_equal(audit(store, true).count, 0);
    run_sql(store, "DELETE FROM allocations; DELETE FROM consumers");
    finds_and_mends(store, AUDIT_MISSING, "VCPU 0 of 1, MEMORY_MB 0 of 64, DISK_GB 0 of 1");
    assert_string_equal(ask_text(store, HELD), "h MEMORY_MB 64,h DISK_GB 1,numa VCPU 1");
}

static void left(struct store *store, const char *why)
{
    const struct audit_findings findings = audit(store, true);
    assert_int_equal(findings.count, 1);
    assert_int_equal(findings.open, 1);
    assert_string_equal(findings.items[0].why, why);
}

static void what_cannot_be_repaired_says_why_and_keeps_what_it_has(void **state)
{
    struct store *store = fresh(state);
    for (uint8_t number = SERVER; number < SERVER + 3; number++)
        add_server(store, number);
    claim(store, HOST, SERVER, 1, 64);
    claim(store, HOST, SERVER + 1, 1, 64);
    claim(store, OTHER, SERVER + 2, 1, 64);
    left(store, "Host h has no room for 1 VCPU, 64 MEMORY_MB, 1 DISK_GB.");
    assert_int_equal(ask_int(store, "SELECT COUNT(*) FROM allocations"), 9);
    run_sql(store, "UPDATE servers SET host = 'gone' WHERE uuid = UNHEX('1111111122224333844455555555550C')");
    left(store, "Host gone is not registered.");
    run_sql(store, "UPDATE servers SET host = 'h', flavor = '{\"extra_specs\":{\"resources:CUSTOM_X\":\"1\"}}'"
                   " WHERE uuid = UNHEX('1111111122224333844455555555550C')");
    left(store, "The flavor names resources of its own.");
}

static void amounts_of_a_flavor_with_resources_are_not_judged(void **state)
{
    struct store *store = fresh(state);
    add_server(store, SERVER);
    run_sql(store, "UPDATE servers SET flavor = '{\"extra_specs\":{\"resources1:VCPU\":\"3\"}}'");
    claim(store, HOST, SERVER, 3, 64);
    assert_int_equal(audit(store, false).count, 0);
}

/* --- beside builds */

struct builder {
    struct store *store;
    bool ended; /* atomic */
};

static enum err build_in_transaction(struct db *db, void *context)
{
    const struct uuid *uuid = context;
    const struct uuid provider = uuid_of(HOST);
    const struct resource_amount amounts[] = {{"VCPU", 1}, {"MEMORY_MB", 64}, {"DISK_GB", 1}};
    const struct server server = server_sample(uuid);
    TRY(placement_claim(db, &provider, uuid, "p", "u", amounts, ARRAY_LEN(amounts)));
    return server_insert(db, &server);
}

static enum err drop_in_transaction(struct db *db, void *context)
{
    TRY(placement_release(db, context));
    return server_set_deleted(db, context);
}

static void *build_and_delete(void *context)
{
    struct builder *builder = context;
    struct db *db = NULL;
    must(db_open(&builder->store->target, &db));
    for (uint8_t number = 100; number < 160; number++) {
        struct uuid uuid = uuid_of(number);
        must(db_transaction(db, build_in_transaction, &uuid));
        must(db_transaction(db, drop_in_transaction, &uuid));
    }
    db_close(db);
    db_thread_end();
    __atomic_store_n(&builder->ended, true, __ATOMIC_RELEASE);
    return NULL;
}

/* Claims and servers come and go in one transaction each: no repair ever takes a claim away, and none is made for what is gone. */
static void builds_in_flight_are_never_touched(void **state)
{
    struct store *store = fresh(state);
    struct builder builder = {store, false};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, build_and_delete, &builder), 0);
    size_t looks = 0;
    do {
        assert_int_equal(audit(store, true).count, 0);
        looks++;
    } while (!__atomic_load_n(&builder.ended, __ATOMIC_ACQUIRE));
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(looks > 0);
    assert_int_equal(ask_int(store, "SELECT COUNT(*) FROM allocations"), 0);
    assert_int_equal(ask_int(store, "SELECT COUNT(*) FROM servers WHERE deleted"), 60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_in_order_is_no_finding),
        cmocka_unit_test(a_claim_without_a_server_is_removed),
        cmocka_unit_test(a_provider_that_is_no_host_is_named_so),
        cmocka_unit_test(what_a_task_works_on_is_left_alone),
        cmocka_unit_test(other_services_consumers_are_theirs),
        cmocka_unit_test(consumers_without_allocations_are_removed),
        cmocka_unit_test(dangling_rows_are_removed),
        cmocka_unit_test(servers_get_the_claim_of_their_flavor),
        cmocka_unit_test(a_nested_host_is_one_host),
        cmocka_unit_test(what_cannot_be_repaired_says_why_and_keeps_what_it_has),
        cmocka_unit_test(amounts_of_a_flavor_with_resources_are_not_judged),
        cmocka_unit_test(builds_in_flight_are_never_touched),
    };
    return cmocka_run_group_tests(tests, store_setup, store_teardown);
}
