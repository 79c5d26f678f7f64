/* A simple claim: one message to the server; all of it, or nothing at all when anything is not as it should be. */
#include "compute/placement/allocation.h"
#include "compute/placement/inventory.h"
#include "compute/placement/problem.h"
#include "compute/placement/provider.h"
#include "compute/placement/resource_class.h"
#include "schema/placement_claim.h"
#include "tests/unit/schema/store.h"

#define MOST 3

static void make_provider(struct store *store)
{
    /* total, reserved, min, max, step, ratio: VCPU has room for 12, MEMORY_MB for 64 to 256 in steps of 64, DISK_GB for nothing */
    const struct placement_inventory inventories[] = {
        {"VCPU", 8, 2, 1, 16, 1, 2.0, 0}, {"MEMORY_MB", 1024, 0, 64, 256, 64, 1.0, 0}, {"DISK_GB", 10, 10, 1, 10, 1, 1.0, 0}};
    const struct placement_inventory_rules rules = {NULL, true};
    const struct uuid uuid = uuid_of(1);
    struct placement_provider out;
    must(placement_sync(store->db));
    must(placement_provider_create(store->db, &store->arena, &uuid, "one", NULL, &out));
    must(placement_inventories_set(store->db, &store->arena, &uuid, inventories, ARRAY_LEN(inventories), &rules, &out));
}

static int64_t generation(struct store *store)
{
    return ask_int(store, "SELECT generation FROM resource_providers WHERE name = 'one'");
}

static int64_t used(struct store *store, const char *resource_class)
{
    return ask_int(store, arena_printf(&store->arena,
                                       "SELECT i.used FROM inventories i JOIN resource_classes c ON c.id = i.resource_class_id"
                                       " WHERE c.name = '%s'",
                                       resource_class));
}

static void expect_nothing_but(struct store *store, int64_t vcpus, int64_t consumers)
{
    assert_int_equal(used(store, "VCPU"), vcpus);
    assert_int_equal(used(store, "MEMORY_MB"), 0);
    assert_int_equal(ask_int(store, "SELECT COUNT(*) FROM consumers"), consumers);
    assert_int_equal(ask_int(store, "SELECT COALESCE(SUM(used), 0) FROM allocations"), vcpus);
}

static void what_is_not_simple_is_refused_and_leaves_nothing(void **state)
{
    static const struct {
        const char *classes[MOST];
        int64_t amounts[MOST];
        uint8_t provider, consumer;
        const char *type;
    } cases[] = {
        {{"VCPU"}, {13}, 1, 100, "INSTANCE"},                             /* no room */
        {{"VCPU"}, {17}, 1, 100, "INSTANCE"},                             /* above max_unit */
        {{"MEMORY_MB"}, {32}, 1, 100, "INSTANCE"},                        /* below min_unit */
        {{"MEMORY_MB"}, {96}, 1, 100, "INSTANCE"},                        /* between two steps */
        {{"DISK_GB"}, {1}, 1, 100, "INSTANCE"},                           /* all is reserved */
        {{"VCPU", "DISK_GB"}, {1, 1}, 1, 100, "INSTANCE"},                /* one of two */
        {{"VCPU", "VCPU"}, {1, 1}, 1, 100, "INSTANCE"},                   /* the same twice */
        {{"VCPU", "PCPU"}, {1, 1}, 1, 100, "INSTANCE"},                   /* no inventory */
        {{"VCPU", "CUSTOM_UNKNOWN"}, {1, 1}, 1, 100, "INSTANCE"},         /* no such class */
        {{"VCPU"}, {1}, 9, 100, "INSTANCE"},                              /* no such provider */
        {{"VCPU"}, {1}, 1, 100, "A_NEW_TYPE"},                            /* no such type yet */
        {{"VCPU", "MEMORY_MB"}, {1, 64}, 1, 200, "INSTANCE"},             /* the consumer is there */
        {{"VCPU", "MEMORY_MB", "PCPU"}, {12, 256, 1}, 1, 100, "INSTANCE"} /* the last of three */
    };
    struct store *store = store_get(state);
    make_provider(store);
    const char *vcpu[] = {"VCPU"};
    const int64_t two[] = {2};
    const struct claim_row first = {uuid_of(200), "p", "u", NULL, uuid_of(1), vcpu, two, 1};
    must(claim_insert(store->db, &store->arena, &first));
    const int64_t before = generation(store);
    expect_nothing_but(store, 2, 1);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        size_t count = 0;
        while (count < MOST && cases[i].classes[count])
            count++;
        const struct claim_row claim = {
            uuid_of(cases[i].consumer), "p",  "u", cases[i].type, uuid_of(cases[i].provider), cases[i].classes,
            cases[i].amounts,           count};
        assert_int_equal(claim_insert(store->db, &store->arena, &claim), E_CONFLICT);
        expect_nothing_but(store, 2, 1);
        assert_int_equal(generation(store), before);
    }
}

static void a_simple_claim_is_one_message_and_says_all(void **state)
{
    static const char asked[] = "SELECT CAST(VARIABLE_VALUE AS INT) FROM information_schema.SESSION_STATUS"
                                " WHERE VARIABLE_NAME = 'Questions'";
    struct store *store = store_get(state);
    struct placement_consumer consumer;
    struct placement_allocations has;
    make_provider(store);
    const struct resource_amount amounts[] = {{"VCPU", 12}, {"MEMORY_MB", 256}};
    const struct placement_share share = {uuid_of(1), amounts, ARRAY_LEN(amounts)};
    const struct placement_claim_of claim = {.consumer = uuid_of(100),
                                             .project_id = "p",
                                             .user_id = "u",
                                             .type = "INSTANCE",
                                             .checks_generation = true,
                                             .shares = &share,
                                             .count = 1};
    const int64_t before = generation(store);
    const int64_t questions = ask_int(store, asked);
    must(placement_allocations_replace(store->db, &claim, 1));
    assert_int_equal(ask_int(store, asked) - questions, 2); /* the second is the asking */
    must(placement_allocations_of_consumer(store->db, &store->arena, &claim.consumer, &consumer, &has));
    assert_string_equal(consumer.project_id, "p");
    assert_string_equal(consumer.user_id, "u");
    assert_string_equal(consumer.type, "INSTANCE");
    assert_int_equal(consumer.generation, 1);
    assert_int_equal(has.count, 2);
    assert_int_equal(has.items[0].used, 12);
    assert_int_equal(has.items[1].used, 256);
    assert_int_equal(generation(store), before + 1);
    assert_int_equal(used(store, "VCPU"), 12);
    assert_int_equal(used(store, "MEMORY_MB"), 256);
    must(placement_allocations_delete(store->db, &claim.consumer)); /* what was counted once is given back once */
    expect_nothing_but(store, 0, 0);
}

/* What claim_insert does not say, the way behind it does. */
static void refused_claims_are_told_why(void **state)
{
    static const struct {
        struct resource_amount amount;
        uint8_t provider, consumer;
        enum err kind;
        enum placement_problem problem;
    } cases[] = {
        {{"VCPU", 13}, 1, 100, E_CONFLICT, PROBLEM_NO_ROOM},
        {{"CUSTOM_UNKNOWN", 1}, 1, 100, E_NOT_FOUND, PROBLEM_UNKNOWN_CLASS},
        {{"PCPU", 1}, 1, 100, E_CONFLICT, PROBLEM_NO_ROOM},
        {{"VCPU", 1}, 9, 100, E_INVALID, PROBLEM_UNKNOWN_PROVIDER},
        {{"VCPU", 1}, 1, 200, E_CONFLICT, PROBLEM_CONSUMER_GENERATION},
    };
    struct store *store = store_get(state);
    make_provider(store);
    const char *vcpu[] = {"VCPU"};
    const int64_t two[] = {2};
    const struct claim_row first = {uuid_of(200), "p", "u", NULL, uuid_of(1), vcpu, two, 1};
    must(claim_insert(store->db, &store->arena, &first));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct placement_share share = {uuid_of(cases[i].provider), &cases[i].amount, 1};
        const struct placement_claim_of claim = {
            .consumer = uuid_of(cases[i].consumer), .checks_generation = true, .shares = &share, .count = 1};
        assert_int_equal(placement_allocations_replace(store->db, &claim, 1), cases[i].kind);
        assert_int_equal(placement_problem(), cases[i].problem);
        expect_nothing_but(store, 2, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_simple_claim_is_one_message_and_says_all, store_setup, store_teardown),
        cmocka_unit_test_setup_teardown(what_is_not_simple_is_refused_and_leaves_nothing, store_setup, store_teardown),
        cmocka_unit_test_setup_teardown(refused_claims_are_told_why, store_setup, store_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
