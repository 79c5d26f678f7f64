/* Allocation candidates where there are many: limits, turns between trees, batches, chance, and requests that combine widely. */
#include "tests/unit/placement/test_candidates.h"

static struct lab *lab_of(void **state)
{
    struct store *store = store_get(state);
    struct lab *lab = arena_alloc(&store->arena, sizeof(*lab));
    lab->store = store;
    return lab;
}

static struct candidates find(struct lab *lab, struct arena *arena, const struct candidates_request *request)
{
    struct candidates found;
    must(candidates_find(lab->store->db, arena, request, &found));
    return found;
}

static void assert_distinct(struct lab *lab, struct arena *arena, const struct candidates *found)
{
    const char **texts = lab_print_all(arena, lab, found);
    for (size_t i = 1; i < found->count; i++)
        assert_string_not_equal(texts[i - 1], texts[i]);
}

/* `count` providers with the same words under each of the parents. */
static void add_children(struct lab *lab, const char *parent, const char *prefix, int count, const char *words)
{
    for (int i = 0; i < count; i++)
        lab_add(lab, arena_printf(&lab->store->arena, "%s%s%d", parent ? parent : "", prefix, i), parent, words);
}

static int candidates_under(struct lab *lab, const struct candidates *found, const char *root)
{
    int count = 0;
    for (size_t i = 0; i < found->count; i++)
        count += &lab->providers[lab_find_uuid(lab, found->items[i].allocations[0].provider)->root] == lab_find(lab, root);
    return count;
}

static void a_limit_starves_no_tree(void **state)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    struct lab *lab = lab_of(state);
    lab_add(lab, "big", NULL, "VCPU:8");
    add_children(lab, "big", "pf", 20, "CUSTOM_VF:1");
    lab_add(lab, "small", NULL, "VCPU:8");
    add_children(lab, "small", "pf", 2, "CUSTOM_VF:1");
    lab_add(lab, "last", NULL, "VCPU:8");
    add_children(lab, "last", "pf", 20, "CUSTOM_VF:1");
    lab_write(lab);
    struct candidates_request request = lab_parse(&arena, lab, "resources=VCPU:1,CUSTOM_VF:1&limit=12");
    struct candidates found = find(lab, &arena, &request);
    assert_int_equal(found.count, 12);
    assert_int_equal(candidates_under(lab, &found, "big"), 5);
    assert_int_equal(candidates_under(lab, &found, "small"), 2);
    assert_int_equal(candidates_under(lab, &found, "last"), 5);
    assert_distinct(lab, &arena, &found);
    lab_check_summaries(lab, &request, &found);
    request.limit = 1; /* the other trees have no summaries */
    found = find(lab, &arena, &request);
    assert_int_equal(found.count, 1);
    assert_int_equal(found.summary_count, 21);
    request.limit = 0;
    assert_int_equal(find(lab, &arena, &request).count, 42);
}

/* Hosts that are full stand before those with room: more than one batch has to be read. */
static void rooms_are_found_behind_many_full_ones(void **state)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    struct lab *lab = lab_of(state);
    add_children(lab, NULL, "full", 150, "VCPU:1");
    add_children(lab, NULL, "free", 7, "VCPU:8");
    add_children(lab, NULL, "late", 20, "VCPU:1");
    lab_write(lab);
    struct candidates_request request = lab_parse(&arena, lab, "resources=VCPU:2");
    for (request.limit = 0; request.limit < 10; request.limit++) {
        const struct candidates found = find(lab, &arena, &request);
        assert_int_equal(found.count, request.limit == 0 || request.limit > 7 ? 7 : request.limit);
        lab_check_summaries(lab, &request, &found);
    }
}

/* Each tree looks right to the database, but only one has both on one subtree. */
static void make_failing_trees(struct lab *lab, int count, int good)
{
    lab->count = 0;
    for (int i = 0; i < count; i++) {
        const char *root = arena_printf(&lab->store->arena, "r%d", i);
        const char *node = arena_printf(&lab->store->arena, "n%d", i);
        lab_add(lab, root, NULL, "")->id = 1 + i; /* roots next to each other: none may be passed over */
        lab_add(lab, node, root, "VCPU:8")->id = 1000 + i;
        lab_add(lab, arena_printf(&lab->store->arena, "pf%d", i), i == good ? node : root, "CUSTOM_VF:1")->id = 2000 + i;
    }
    lab_write(lab);
}

/* Wherever it stands: first and last of a batch, too. */
static void combinations_that_fail_are_made_up_for(void **state)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    struct lab *lab = lab_of(state);
    for (int good = 0; good < 40; good++) {
        make_failing_trees(lab, 40, good);
        const struct candidates_request request =
            lab_parse(&arena, lab, "resources_C=VCPU:1&resources_N=CUSTOM_VF:1&group_policy=none&same_subtree=_C,_N&limit=1");
        const struct candidates found = find(lab, &arena, &request);
        assert_int_equal(found.count, 1);
        assert_string_equal(lab_print(&arena, lab, &found.items[0]),
                            arena_printf(&arena, "n%d:VCPU=1 pf%d:CUSTOM_VF=1 |_C=n%d _N=pf%d", good, good, good, good));
    }
}

/* All hosts reach the same disk: that is one candidate, however many of them there are. */
static void what_is_only_shared_is_found_once(void **state)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    struct lab *lab = lab_of(state);
    add_children(lab, NULL, "h", 100, "VCPU:8 g0");
    lab_add(lab, "s0", NULL, "DISK_GB:9 MISC_SHARES_VIA_AGGREGATE g0");
    lab_add(lab, "s1", NULL, "CUSTOM_BW:9 MISC_SHARES_VIA_AGGREGATE g0 A");
    lab_write(lab);
    static const char *const queries[] = {"resources=DISK_GB:1", "resources=DISK_GB:1&limit=2", "resources=DISK_GB:1,CUSTOM_BW:1",
                                          "resources=DISK_GB:1&root_required=!MISC_SHARES_VIA_AGGREGATE"};
    for (size_t i = 0; i < ARRAY_LEN(queries); i++) {
        const struct candidates_request request = lab_parse(&arena, lab, queries[i]);
        const struct candidates found = find(lab, &arena, &request);
        assert_int_equal(found.count, 1);
        lab_check_summaries(lab, &request, &found);
    }
}

static void chance_changes_which_and_in_what_order(void **state)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    struct lab *lab = lab_of(state);
    add_children(lab, NULL, "h", 100, "VCPU:8");
    lab_write(lab);
    struct candidates_request request = lab_parse(&arena, lab, "resources=VCPU:1&limit=5");
    bool was_given[100] = {false};
    int given = 0;
    const struct candidates first = find(lab, &arena, &request);
    for (size_t i = 0; i < first.count; i++) /* without it: the same ones every time */
        assert_string_equal(lab_print(&arena, lab, &first.items[i]), arena_printf(&arena, "h%zu:VCPU=1 |=h%zu", i, i));
    request.randomize = true;
    for (int round = 0; round < 40; round++) {
        const struct candidates found = find(lab, &arena, &request);
        assert_int_equal(found.count, 5);
        assert_distinct(lab, &arena, &found);
        for (size_t i = 0; i < found.count; i++) {
            const size_t number = (size_t)(lab_find_uuid(lab, found.items[i].allocations[0].provider) - lab->providers);
            given += !was_given[number];
            was_given[number] = true;
        }
    }
    assert_true(given > 30); /* of 100; 200 were drawn */
    request.limit = 0;
    assert_int_equal(find(lab, &arena, &request).count, 100);
}

#define EIGHT(policy)                                                                                                              \
    "resources_1=CUSTOM_VF:1&resources_2=CUSTOM_VF:1&resources_3=CUSTOM_VF:1&resources_4=CUSTOM_VF:1&resources_5=CUSTOM_VF:1"      \
    "&resources_6=CUSTOM_VF:1&resources_7=CUSTOM_VF:1&resources_8=CUSTOM_VF:1&group_policy=" policy

static void eight_groups_over_64_providers(void **state)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    struct lab *lab = lab_of(state);
    lab_add(lab, "r", NULL, "A");
    add_children(lab, "r", "pf", 64, "CUSTOM_VF:1 B");
    lab_write(lab);
    static const char *const queries[] = {EIGHT("none"), EIGHT("isolate"),
                                          EIGHT("isolate") "&required_T=A&same_subtree=_T,_1,_2,_3,_4,_5,_6,_7,_8"};
    for (size_t i = 0; i < ARRAY_LEN(queries); i++) {
        struct candidates_request request = lab_parse(&arena, lab, queries[i]);
        request.limit = 10;
        const struct candidates found = find(lab, &arena, &request);
        assert_int_equal(found.count, 10);
        assert_false(found.truncated);
        assert_distinct(lab, &arena, &found);
        lab_check_summaries(lab, &request, &found);
    }
}

static void there_is_an_end_to_all_there_are(void **state)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    struct lab *lab = lab_of(state);
    lab_add(lab, "r", NULL, "");
    add_children(lab, "r", "pf", 64, "CUSTOM_VF:1");
    lab_write(lab);
    const struct candidates_request request = lab_parse(&arena, lab, EIGHT("isolate"));
    const struct candidates found = find(lab, &arena, &request);
    assert_int_equal(found.count, CANDIDATES_MOST);
    assert_true(found.truncated);
}

#define THIRTEEN(policy)                                                                                                           \
    EIGHT(policy)                                                                                                                  \
    "&resources_9=CUSTOM_VF:1&resources_A=CUSTOM_VF:1&resources_B=CUSTOM_VF:1&resources_C=CUSTOM_VF:1"                             \
    "&resources_D=CUSTOM_VF:1"

/* What cannot be is seen before all of 12! or 30^4 ways were tried. */
static void the_impossible_takes_no_time(void **state)
{
    static const char *const queries[] = {
        THIRTEEN("isolate"),                                                           /* on twelve providers */
        THIRTEEN("none") "&same_subtree=_1,_2,_3,_4,_5,_6,_7,_8",                      /* siblings, of which each has one */
        "resources=CUSTOM_VF:1,VCPU:1,MEMORY_MB:1,DISK_GB:1,CUSTOM_BW:1&required=A,B", /* from one provider each */
    };
    CLEANUP(arena_clear) struct arena arena = {0};
    struct lab *lab = lab_of(state);
    lab_add(lab, "r", NULL, "");
    add_children(lab, "r", "pf", 12, "CUSTOM_VF:1");
    add_children(lab, "r", "gpu", 30, "VCPU:1 MEMORY_MB:1 DISK_GB:1 CUSTOM_BW:1");
    lab_describe(lab_find(lab, "rpf1"), "A");
    lab_describe(lab_find(lab, "rpf2"), "B");
    lab_write(lab);
    for (size_t i = 0; i < ARRAY_LEN(queries); i++) {
        const struct candidates_request request = lab_parse(&arena, lab, queries[i]);
        const struct candidates found = find(lab, &arena, &request);
        assert_int_equal(found.count, 0);
        assert_false(found.truncated); /* the search came to its end */
    }
}

/* Thirteen on twelve with one each, which nothing sees beforehand; the tree behind it has its turn all the same. */
static void a_hopeless_tree_does_not_hold_up_the_others(void **state)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    struct lab *lab = lab_of(state);
    lab_add(lab, "r", NULL, "");
    add_children(lab, "r", "pf", 12, "CUSTOM_VF:1");
    lab_add(lab, "good", NULL, "CUSTOM_VF:13");
    lab_write(lab);
    struct candidates_request request = lab_parse(&arena, lab, THIRTEEN("none"));
    struct candidates found = find(lab, &arena, &request);
    assert_int_equal(found.count, 1);
    assert_true(found.truncated);
    request.limit = 1;
    found = find(lab, &arena, &request);
    assert_int_equal(found.count, 1);
    assert_false(found.truncated);
    assert_int_equal(candidates_under(lab, &found, "good"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_limit_starves_no_tree),
        cmocka_unit_test(rooms_are_found_behind_many_full_ones),
        cmocka_unit_test(combinations_that_fail_are_made_up_for),
        cmocka_unit_test(what_is_only_shared_is_found_once),
        cmocka_unit_test(chance_changes_which_and_in_what_order),
        cmocka_unit_test(eight_groups_over_64_providers),
        cmocka_unit_test(there_is_an_end_to_all_there_are),
        cmocka_unit_test(the_impossible_takes_no_time),
        cmocka_unit_test(a_hopeless_tree_does_not_hold_up_the_others),
    };
    return cmocka_run_group_tests(tests, store_setup, store_teardown);
}
