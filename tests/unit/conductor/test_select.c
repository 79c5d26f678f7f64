/* Candidates of this zone against a real database, the sizing's text, and the choice among the best. */
#include "compute/placement/placement.h"
#include "compute/placement/resource_class.h"
#include "gateway/conductor/select.h"
#include "gateway/conductor/together.h"
#include "gateway/gateway.h"
#include "tests/unit/schema/store.h"

#define HOSTS 6
#define SIZING(cpus, ram, disk, zone, wanted)                                                                                      \
    {                                                                                                                              \
        .vcpus = (cpus), .ram_mib = (ram), .disk_gib = (disk), .availability_zone = (zone), .host = (wanted)                       \
    }

static const struct {
    const char *name;
    const char *zone; /* NULL: the default */
    bool up;
    bool disabled;
    int64_t vcpus;
} hosts[HOSTS] = {
    {"a", NULL, true, false, 8},  {"b", NULL, true, false, 4}, {"c", "east", true, false, 8},
    {"d", NULL, false, false, 8}, {"e", NULL, true, true, 8},  {"f", NULL, true, false, 1},
};

static struct store *fresh(void **state)
{
    struct store *store = store_get(state);
    run_sql(store, "DELETE FROM hosts; DELETE FROM inventories; DELETE FROM resource_providers");
    must(placement_sync(store->db));
    for (uint8_t i = 0; i < HOSTS; i++) {
        const struct host host = {
            .uuid = uuid_of(i), .service = uuid_of(100), .name = hosts[i].name, .uri = "u", .availability_zone = hosts[i].zone};
        const struct resource_inventory room[] = {
            {"VCPU", hosts[i].vcpus, 0, 1}, {"MEMORY_MB", 1024, 0, 1}, {"DISK_GB", 100, 0, 1}};
        must(host_add(store->db, &host));
        must(host_seen(store->db, &host.uuid, hosts[i].up, NULL, NULL));
        must(host_set_disabled(store->db, &host.uuid, hosts[i].disabled, NULL));
        must(placement_report(store->db, &host.uuid, host.name, room, ARRAY_LEN(room)));
    }
    return store;
}

/* The names of the candidates, in the order of the table above. */
static void assert_candidates(struct store *store, const char *default_zone, const struct sizing *sizing, const char *expected)
{
    struct gateway gateway = {.name = "north", .tag = 0xabcdef};
    config_init(&gateway.config);
    gateway.plans = together_new(select_together);
    struct request request = {.gateway = &gateway, .arena = &store->arena, .db = store->db};
    struct plan_entries entries;
    char found[HOSTS + 1] = "";
    size_t count = 0;
    free(gateway.config.zone.default_availability_zone);
    gateway.config.zone.default_availability_zone = strdup(default_zone);
    must(select_here(&request, sizing, &entries));
    for (uint8_t i = 0; i < HOSTS; i++) {
        const struct uuid uuid = uuid_of(i);
        for (size_t j = 0; j < entries.count; j++) {
            if (uuid_equal(&entries.items[j].host, &uuid))
                found[count++] = hosts[i].name[0];
        }
    }
    assert_string_equal(found, expected);
    assert_int_equal(entries.count, count);
    for (size_t j = 0; j < entries.count; j++) {
        assert_true(entries.items[j].weight >= 0 && entries.items[j].weight <= 1);
        assert_true(entries.items[j].tag == 0xabcdef && uuid_is_zero(&entries.items[j].zone) && !entries.items[j].blob);
    }
    together_free(gateway.plans);
    config_clear(&gateway.config);
}

static void hosts_pass_or_do_not(void **state)
{
    static const struct {
        struct sizing sizing;
        const char *default_zone;
        const char *expected;
    } rows[] = {
        {SIZING(1, 64, 1, NULL, NULL), "", "abcf"},
        {SIZING(2, 64, 1, NULL, NULL), "", "abc"},
        {SIZING(5, 64, 1, NULL, NULL), "", "ac"},
        {SIZING(9, 64, 1, NULL, NULL), "", ""},
        {SIZING(1, 2048, 1, NULL, NULL), "", ""},
        {SIZING(1, 64, 101, NULL, NULL), "", ""},
        {SIZING(1, 64, 0, "north", NULL), "", "abf"}, /* a host without a zone is in the zone's own */
        {SIZING(1, 64, 0, "north", NULL), "west", ""},
        {SIZING(1, 64, 0, "west", NULL), "west", "abf"},
        {SIZING(1, 64, 0, "east", NULL), "west", "c"},
        {SIZING(1, 64, 0, "East", NULL), "", ""},
        {SIZING(1, 64, 0, NULL, "a"), "", "a"},
        {SIZING(1, 64, 0, NULL, "d"), "", "d"}, /* an admin's choice counts, whatever the host's state */
        {SIZING(1, 64, 0, "north", "e"), "", "e"},
        {SIZING(9, 64, 0, NULL, "a"), "", ""}, /* but not without room */
        {SIZING(1, 64, 0, NULL, "none"), "", ""},
    };
    struct store *store = fresh(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_candidates(store, rows[i].default_zone, &rows[i].sizing, rows[i].expected);
}

static void sizings_travel_as_text(void **state)
{
    static const struct sizing rows[] = {SIZING(1, 64, 0, NULL, NULL), SIZING(INT64_C(1) << 40, 2, 3, "az \"x\"", NULL),
                                         SIZING(4, 5, 6, "größe", "h")};
    static const char *const bad[] = {"",
                                      "{}",
                                      "[]",
                                      "{\"vcpus\":1,\"ram_mib\":1}",
                                      "{\"vcpus\":\"1\",\"ram_mib\":1,\"disk_gib\":1}",
                                      "{\"vcpus\":1.5,\"ram_mib\":1,\"disk_gib\":1}",
                                      "{\"vcpus\":1,\"ram_mib\":1,\"disk_gib\":1"};
    CLEANUP(arena_clear) struct arena arena = {0};
    struct sizing back;
    (void)state;
    assert_string_equal(sizing_write(&arena, &rows[0]),
                        "{\"vcpus\":1,\"ram_mib\":64,\"disk_gib\":0,\"availability_zone\":null,\"host\":null}");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *text = sizing_write(&arena, &rows[i]);
        must(sizing_read(&arena, text, strlen(text), &back));
        assert_true(back.vcpus == rows[i].vcpus && back.ram_mib == rows[i].ram_mib && back.disk_gib == rows[i].disk_gib);
        assert_true(str_equal(back.availability_zone, rows[i].availability_zone) && str_equal(back.host, rows[i].host));
        assert_string_equal(sizing_write(&arena, &back), text);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(sizing_read(&arena, bad[i], strlen(bad[i]), &back), E_INVALID);
}

static void one_of_the_best_four_is_taken(void **state)
{
    bool seen[10] = {false};
    (void)state;
    for (int round = 0; round < 500; round++) {
        struct plan_entry items[10];
        struct plan_entries entries = {items, 10, 0};
        struct plan_entry taken;
        double last = 2;
        for (int i = 0; i < 10; i++)
            items[i] = (struct plan_entry){.weight = 1.0 - i / 1000.0, .tag = (uint32_t)i};
        assert_true(plan_entry_take(&entries, &taken));
        assert_true(taken.tag < 4);
        seen[taken.tag] = true;
        assert_int_equal(entries.count, 9);
        for (size_t i = 0; i < entries.count; i++) { /* the others stay, best first */
            assert_true(items[i].weight < last && items[i].tag != taken.tag);
            last = items[i].weight;
        }
    }
    assert_true(seen[0] && seen[1] && seen[2] && seen[3]);
}

static void every_candidate_is_taken_once(void **state)
{
    struct plan_entry items[7];
    struct plan_entries entries = {items, 7, 0};
    struct plan_entry taken = {.tag = 99};
    unsigned seen = 0;
    (void)state;
    for (uint32_t i = 0; i < 7; i++)
        items[i] = (struct plan_entry){.tag = i};
    while (plan_entry_take(&entries, &taken)) {
        assert_false(seen & 1U << taken.tag);
        seen |= 1U << taken.tag;
    }
    assert_int_equal(seen, 0x7f);
    taken.tag = 99;
    assert_false(plan_entry_take(&entries, &taken));
    assert_int_equal(taken.tag, 99);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hosts_pass_or_do_not),
        cmocka_unit_test(sizings_travel_as_text),
        cmocka_unit_test(one_of_the_best_four_is_taken),
        cmocka_unit_test(every_candidate_is_taken_once),
    };
    return cmocka_run_group_tests(tests, store_setup, store_teardown);
}
