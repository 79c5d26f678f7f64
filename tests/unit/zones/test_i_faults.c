/* What requests see when a child refuses, falls silent, loses its store, drops a connection, or says too much. Over real HTTP. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#undef fail

#include "tests/unit/zones/tree.h"

static bool east_is_down(const struct zones_view *view)
{
    return health_overall(view->children[0].health) == HEALTH_DOWN || health_overall(view->children[0].health) == HEALTH_PROBING;
}

static bool east_is_up(const struct zones_view *view)
{
    return health_overall(view->children[0].health) == HEALTH_UP;
}

static void a_child_that_refuses_is_felt_once(void **state)
{
    struct tree *tree = tree_of(state);
    (void)join_east(tree);
    assert_int_equal(ask(tree, "GET", NULL, 5000).kind, ZONE_ANSWERED);
    station_vanish(tree->east);
    const struct http_answer first = ask(tree, "POST", "key", 5000);
    assert_int_equal(first.kind, ZONE_REFUSED);
    assert_false(first.sent); /* nothing happened: 503 */
    const int64_t before_ms = clock_mono_ms();
    for (int i = 0; i < 100; i++)
        assert_int_equal(ask(tree, "GET", NULL, 5000).kind, ZONE_REFUSED);
    assert_true(clock_mono_ms() - before_ms < 500);
    assert_true(becomes(tree, tree->top, east_is_down));
    assert_false(zone_is_active(child_of(tree, tree->top, "east")));
    assert_non_null(directory_find_path(&zones_view(tree->top->zones, &tree->arena)->directory, "east")); /* still known */
    station_listen(tree->east);
    assert_true(becomes(tree, tree->top, east_is_up));
    assert_int_equal(ask(tree, "GET", NULL, 5000).status, 200);
}

static void a_silent_child_is_felt_once(void **state)
{
    struct tree *tree = tree_of(state);
    (void)join_east(tree);
    atomic_store(&tree->east->silent, true);
    const int64_t before_ms = clock_mono_ms();
    assert_int_equal(ask(tree, "GET", NULL, 300).kind, ZONE_TIMEOUT);
    assert_true(clock_mono_ms() - before_ms < 1000);
    assert_true(becomes(tree, tree->top, east_is_down));
    const int64_t later_ms = clock_mono_ms();
    assert_int_equal(ask(tree, "GET", NULL, 5000).kind, ZONE_TIMEOUT);
    assert_true(clock_mono_ms() - later_ms < 100);
    atomic_store(&tree->east->silent, false);
    assert_true(becomes(tree, tree->top, east_is_up));
    assert_int_equal(ask(tree, "GET", NULL, 5000).status, 200);
}

/* The poller's own calls are in flight now and then. */
static bool nothing_is_in_flight(const struct zones_view *view)
{
    return atomic_load(&view->children[0].health->in_flight) == 0;
}

static void no_budget_is_no_fault_of_the_child(void **state)
{
    struct tree *tree = tree_of(state);
    (void)join_east(tree);
    const int seen = atomic_load(&tree->east->seen);
    for (int i = 0; i < 20; i++) {
        const struct http_answer answer = ask(tree, "GET", NULL, i % 2 ? 20 : -5);
        assert_int_equal(answer.kind, ZONE_NO_BUDGET);
        assert_false(answer.sent);
    }
    assert_true(atomic_load(&tree->east->seen) - seen < 20); /* polls only */
    assert_true(becomes(tree, tree->top, nothing_is_in_flight));
    assert_int_equal(atomic_load(&child_of(tree, tree->top, "east")->health->state[CLASS_READ]), HEALTH_UNKNOWN);
}

static void a_child_without_store_says_so(void **state)
{
    struct tree *tree = tree_of(state);
    (void)join_east(tree);
    atomic_store(&tree->east->store_down, 1);
    const struct http_answer answer = ask(tree, "GET", NULL, 5000);
    assert_int_equal(answer.kind, ZONE_STORE);
    assert_int_equal(answer.status, 503);
}

/* A warm connection that dies under the request: a read is sent again with a new nonce, a mutation under its key too, another
 * mutation is not, and then its outcome is unknown. */
static void dead_connections_cost_no_read(void **state)
{
    struct tree *tree = tree_of(state);
    (void)join_east(tree);
    assert_int_equal(ask(tree, "GET", NULL, 5000).status, 200);
    atomic_store(&tree->east->drop_next, 1);
    assert_int_equal(ask(tree, "GET", NULL, 5000).status, 200);
    assert_int_equal(atomic_load(&tree->east->drop_next), 0);
    atomic_store(&tree->east->drop_next, 1);
    assert_int_equal(ask(tree, "POST", "key", 5000).status, 200);
    atomic_store(&tree->east->drop_next, 1);
    const struct http_answer answer = ask(tree, "DELETE", NULL, 5000);
    assert_int_equal(answer.kind, ZONE_GARBAGE);
    assert_true(answer.sent);
}

static void answers_are_bounded(void **state)
{
    struct tree *tree = tree_of(state);
    (void)join_east(tree);
    const struct link_origin origin = link_origin_from(&user, NULL, "http://top/compute/v2.1", NULL);
    struct zone_call calls[3];
    for (size_t i = 0; i < ARRAY_LEN(calls); i++)
        calls[i] = (struct zone_call){.zone = child_of(tree, tree->top, "east"),
                                      .origin = &origin,
                                      .class = CLASS_READ,
                                      .method = "GET",
                                      .target = "/compute/v2.1/servers/x"};
    calls[0].answer_limit = 10;
    calls[1].target = "/compute/v2.1/servers/a b";
    fanout_run(tree->fanout, &tree->arena, calls, 3, budget_from_ms(5000));
    assert_int_equal(calls[0].answer.kind, ZONE_GARBAGE);
    assert_string_equal(calls[0].answer.why, "the answer is too large");
    assert_int_equal(calls[1].answer.kind, ZONE_GARBAGE);
    assert_false(calls[1].answer.sent);
    assert_int_equal(calls[2].answer.status, 200);
    assert_true(becomes(tree, tree->top, nothing_is_in_flight));
}

/* What is done beside two reads, and what it sees. */
struct work {
    struct station *station;
    int until;  /* questions that it waits for */
    int64_t ms; /* that it lasts at least */
    enum err result;
    int runs;
    int asked;
};

static enum err work_run(void *context)
{
    struct work *work = context;
    const int64_t begun_ms = clock_mono_ms();
    struct budget patience = budget_from_ms(PATIENCE_MS);
    work->runs++;
    while ((atomic_load(&work->station->asked) < work->until || clock_mono_ms() - begun_ms < work->ms) &&
           budget_left_ms(&patience) > 0)
        (void)usleep(1000);
    work->asked = atomic_load(&work->station->asked);
    return work->result == OK ? OK : fail(work->result, "no store");
}

static enum err ask_beside(struct tree *tree, struct work *work, struct zone_call calls[2])
{
    const struct beside beside = {work_run, work};
    struct link_origin *origin = arena_alloc(&tree->arena, sizeof(*origin));
    *origin = link_origin_from(&user, NULL, "http://top/compute/v2.1", NULL);
    for (size_t i = 0; i < 2; i++)
        calls[i] = (struct zone_call){.zone = child_of(tree, tree->top, "east"),
                                      .origin = origin,
                                      .class = CLASS_READ,
                                      .method = "GET",
                                      .target = "/compute/v2.1/servers/x"};
    return fanout_run_beside(tree->fanout, &tree->arena, calls, 2, budget_from_ms(5000), &beside);
}

/* The zone has the questions before this side's own work is done, gets each once, and a second time when nobody listened for long;
 * when the work fails, what was asked is dropped, and nobody is blamed. */
static void own_work_is_done_beside_the_questions(void **state)
{
    struct tree *tree = tree_of(state);
    struct zone_call calls[2];
    (void)join_east(tree);
    struct work work = {.station = tree->east};
    assert_int_equal(ask_beside(tree, &work, calls), OK); /* connects */
    assert_int_equal(atomic_load(&tree->east->asked), 2);
    work = (struct work){.station = tree->east, .until = 4};
    assert_int_equal(ask_beside(tree, &work, calls), OK);
    assert_int_equal(work.runs, 1);
    assert_int_equal(work.asked, 4);
    assert_int_equal(calls[0].answer.status, 200);
    assert_int_equal(calls[1].answer.status, 200);
    work = (struct work){.station = tree->east, .until = 6, .ms = 300};
    assert_int_equal(ask_beside(tree, &work, calls), OK);
    assert_int_equal(work.runs, 1);
    assert_int_equal(calls[0].answer.status, 200);
    assert_int_equal(calls[1].answer.status, 200);
    assert_int_equal(atomic_load(&tree->east->asked), 8);
    work = (struct work){.station = tree->east, .until = 10, .result = E_UNAVAILABLE};
    assert_int_equal(ask_beside(tree, &work, calls), E_UNAVAILABLE);
    assert_string_equal(err_message(), "no store");
    assert_int_equal(calls[0].answer.status, 0);
    assert_true(becomes(tree, tree->top, nothing_is_in_flight));
    assert_int_equal(atomic_load(&child_of(tree, tree->top, "east")->health->state[CLASS_READ]), HEALTH_UP);
    assert_int_equal(ask(tree, "GET", NULL, 5000).status, 200);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_child_that_refuses_is_felt_once),     TEST(a_silent_child_is_felt_once),   TEST(no_budget_is_no_fault_of_the_child),
        TEST(a_child_without_store_says_so),         TEST(dead_connections_cost_no_read), TEST(answers_are_bounded),
        TEST(own_work_is_done_beside_the_questions),
    };
    return seal_setup() == OK && http_client_setup() == OK ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
