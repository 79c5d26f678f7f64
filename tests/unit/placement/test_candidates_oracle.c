/*
 * Allocation candidates against a reference that tries everything. A few thousand random requests on random small worlds; without a
 * limit both must find the same, with a limit ours must be as many as asked for (or all there are) and only what the reference
 * knows.
 */
#include "tests/unit/placement/test_candidates_reference.h"

#define WORLDS   250
#define REQUESTS 14

struct random {
    uint64_t state;
};

/* xorshift: the same worlds every time. */
static int below(struct random *random, int bound)
{
    random->state ^= random->state << 13;
    random->state ^= random->state >> 7;
    random->state ^= random->state << 17;
    return (int)((random->state >> 20) % (uint64_t)bound);
}

static bool one_in(struct random *random, int n)
{
    return below(random, n) == 0;
}

static void random_stock(struct random *random, struct lab_stock *stock)
{
    static const double ratios[] = {1.0, 1.0, 1.5, 0.7, 16.0};
    stock->total = 2 + below(random, 12);
    stock->reserved = one_in(random, 4) ? below(random, (int)stock->total) : 0;
    stock->min_unit = one_in(random, 6) ? 2 : 1;
    stock->max_unit = one_in(random, 4) ? 1 + below(random, 5) : 1000;
    stock->step_size = one_in(random, 6) ? 2 : 1;
    stock->ratio = ratios[below(random, ARRAY_LEN(ratios))];
    stock->used = one_in(random, 3) ? below(random, (int)stock->total + 1) : 0;
}

static void random_world(struct random *random, struct lab *lab)
{
    static const char *const names[] = {"p0", "p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8"};
    const int count = 1 + below(random, ARRAY_LEN(names));
    const int nesting = below(random, 4); /* 0: flat */
    lab->count = 0;
    for (int i = 0; i < count; i++) {
        const bool is_child = i > 0 && nesting > 0 && !one_in(random, 1 + nesting);
        struct lab_provider *provider = lab_add(lab, names[i], is_child ? names[below(random, i)] : NULL, "");
        for (int j = 0; j < LAB_CLASSES - 1; j++) {
            if (below(random, 4) < 3)
                random_stock(random, &provider->stocks[j]);
        }
        for (int j = 0; j < LAB_TRAITS - 1; j++)
            provider->traits |= (unsigned)one_in(random, j == 0 ? 4 : 2) << j;
        for (int j = 0; j < LAB_AGGREGATES - 1; j++) /* nobody is in the last one */
            provider->aggregates |= (unsigned)one_in(random, 2) << j;
    }
    for (int i = 0; i < count; i++) /* ids do not tell who was there first, as after a provider got another parent */
        lab->providers[i].id = 100 + (int64_t)((i * 7 + 3 + count) % 11);
}

static void random_resources(struct random *random, struct text *query, const char *suffix)
{
    const int first = below(random, LAB_CLASSES - 1);
    const int count = 1 + (one_in(random, 2) ? below(random, 3) : 0);
    text_add_format(query, "&resources%s=", suffix);
    for (int i = 0; i < count; i++)
        text_add_format(query, "%s%s:%d", i > 0 ? "," : "", lab_classes[(first + i) % (LAB_CLASSES - 1)],
                        1 + one_in(random, 2) + one_in(random, 4));
}

static void random_filters(struct random *random, struct text *query, const char *suffix, const struct lab *lab)
{
    const int trait = below(random, LAB_TRAITS - 1);
    const int aggregate = below(random, LAB_AGGREGATES);
    if (one_in(random, 5))
        text_add_format(query, "&required%s=%s", suffix, lab_traits[trait]);
    if (one_in(random, 7))
        text_add_format(query, "&required%s=!%s", suffix, lab_traits[(trait + 1) % LAB_TRAITS]);
    if (one_in(random, 4))
        text_add_format(query, "&required%s=in:%s,%s", suffix, lab_traits[(trait + 2) % LAB_TRAITS],
                        lab_traits[(trait + 3) % LAB_TRAITS]);
    if (one_in(random, 8))
        text_add_format(query, "&member_of%s=%s", suffix, lab_aggregates[aggregate]);
    if (one_in(random, 6))
        text_add_format(query, "&member_of%s=in:%s,%s", suffix, lab_aggregates[(aggregate + 1) % LAB_AGGREGATES],
                        lab_aggregates[3]);
    if (one_in(random, 9))
        text_add_format(query, "&member_of%s=!%s", suffix, lab_aggregates[(aggregate + 2) % LAB_AGGREGATES]);
    if (one_in(random, 12))
        text_add_format(query, "&in_tree%s=%s", suffix, lab->providers[below(random, lab->count)].name);
}

static void random_subtrees(struct random *random, struct text *query, int suffixed, bool has_empty)
{
    if (has_empty)
        text_add_format(query, "&same_subtree=_0,_%d", suffixed - 1);
    else if (suffixed > 1 && one_in(random, 3))
        text_add_str(query, suffixed > 2 && one_in(random, 2) ? "&same_subtree=_0,_1,_2" : "&same_subtree=_1,_0");
}

static const char *random_query(struct random *random, struct arena *arena, const struct lab *lab)
{
    static const char *const suffixes[] = {"_0", "_1", "_2"};
    CLEANUP(text_clear) struct text query = {0};
    const int suffixed = one_in(random, 3) ? 0 : 1 + below(random, 3);
    const bool has_loose = suffixed == 0 || one_in(random, 2);
    const bool has_empty = suffixed > 1 && one_in(random, 3);
    text_add_str(&query, one_in(random, 2) ? "group_policy=isolate" : "group_policy=none");
    if (has_loose) {
        random_resources(random, &query, "");
        random_filters(random, &query, "", lab);
    }
    for (int i = 0; i < suffixed; i++) {
        if (has_empty && i == 0)
            text_add_format(&query, "&required_0=%s%s", one_in(random, 3) ? "!" : "", lab_traits[1 + below(random, 4)]);
        else
            random_resources(random, &query, suffixes[i]);
        random_filters(random, &query, suffixes[i], lab);
    }
    random_subtrees(random, &query, suffixed, has_empty);
    if (one_in(random, 6))
        text_add_format(&query, "&root_required=%s%s", one_in(random, 2) ? "!" : "", lab_traits[below(random, LAB_TRAITS)]);
    return arena_strdup(arena, text_str(&query));
}

static void explain(const char *query, const char *word, const char *candidate)
{
    print_error("%s\n%s: %s\n", query, word, candidate);
}

static void compare(const char *query, const char **ours, size_t our_count, const struct reference *reference)
{
    for (size_t i = 0, j = 0; i < our_count || j < reference->found_count;) {
        const int order = i == our_count ? 1 : j == reference->found_count ? -1 : strcmp(ours[i], reference->found[j]);
        if (order != 0)
            explain(query, order < 0 ? "too many" : "missing", order < 0 ? ours[i] : reference->found[j]);
        assert_int_equal(order, 0);
        i++;
        j++;
    }
}

static void compare_limited(const char *query, const char **ours, size_t our_count, size_t limit, const struct reference *reference)
{
    assert_int_equal(our_count, limit < reference->found_count ? limit : reference->found_count);
    for (size_t i = 0; i < our_count; i++) {
        const char **known = bsearch(&ours[i], reference->found, reference->found_count, sizeof(*ours), lab_compare_texts);
        if (!known || (i > 0 && strcmp(ours[i - 1], ours[i]) == 0))
            explain(query, known ? "twice" : "wrong", ours[i]);
        assert_true(known && (i == 0 || strcmp(ours[i - 1], ours[i]) != 0));
    }
}

static size_t ask(struct random *random, struct lab *lab)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    const char *query = random_query(random, &arena, lab);
    struct candidates_request request = lab_parse(&arena, lab, query);
    request.nested_aware = !one_in(random, 5) || request.same_subtree_count > 0;
    request.all_classes = one_in(random, 2);
    request.want_traits = one_in(random, 2);
    struct reference reference = {.lab = lab, .arena = &arena, .request = &request};
    struct candidates found;
    find_all(&reference);
    must(candidates_find(lab->store->db, &arena, &request, &found));
    assert_false(found.truncated);
    compare(query, lab_print_all(&arena, lab, &found), found.count, &reference);
    lab_check_summaries(lab, &request, &found);
    request.limit = 1 + (size_t)below(random, 6);
    request.randomize = one_in(random, 2);
    must(candidates_find(lab->store->db, &arena, &request, &found));
    compare_limited(query, lab_print_all(&arena, lab, &found), found.count, request.limit, &reference);
    lab_check_summaries(lab, &request, &found);
    return reference.found_count;
}

static void random_requests_have_the_reference_s_answers(void **state)
{
    struct store *store = store_get(state);
    struct lab *lab = arena_alloc(&store->arena, sizeof(*lab));
    struct random random = {UINT64_C(0x9e3779b97f4a7c15)};
    size_t answered = 0;
    lab->store = store;
    for (int i = 0; i < WORLDS; i++) {
        random_world(&random, lab);
        lab_write(lab);
        for (int j = 0; j < REQUESTS; j++)
            answered += ask(&random, lab) > 0;
    }
    print_message("%zu of %d requests had candidates\n", answered, WORLDS * REQUESTS);
    assert_true(answered > WORLDS * REQUESTS / 4); /* else it compares nothing with nothing */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_requests_have_the_reference_s_answers),
    };
    return cmocka_run_group_tests(tests, store_setup, store_teardown);
}
