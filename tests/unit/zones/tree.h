/* A top zone and a child, east, as stations, and what the tests do with them. With cmocka: include it before. */
#pragma once

#include "tests/unit/zones/station.h"
#include "zones/fanout.h"

#define PATIENCE_MS 10000

struct tree {
    struct station *top;
    struct station *east;
    struct db *db;         /* of top */
    struct fanout *fanout; /* of top */
    struct arena arena;
};

static inline void must(enum err result)
{
    if (result != OK)
        print_error("%s: %s\n", err_name(result), err_message());
    assert_int_equal(result, OK);
}

static inline int setup(void **state)
{
    struct tree *tree = calloc(1, sizeof(*tree));
    *state = tree;
    if (!getenv("ZONEGATE_TEST_DATABASE"))
        return 0;
    tree->top = station_open("top");
    tree->east = station_open("east");
    must(db_open(&tree->top->target, &tree->db));
    must(fanout_open(tree->top->zones, &tree->fanout));
    return 0;
}

static inline int teardown(void **state)
{
    struct tree *tree = *state;
    arena_clear(&tree->arena);
    fanout_close(tree->fanout);
    db_close(tree->db);
    /* The one that may be waiting for the other goes first. */
    station_close(tree->top);
    station_close(tree->east);
    free(tree);
    return 0;
}

static inline struct tree *tree_of(void **state)
{
    if (!getenv("ZONEGATE_TEST_DATABASE"))
        skip();
    return *state;
}

/* `spec` is consumed. */
static inline enum err add(struct tree *tree, struct station *station, struct db *db, json_t *spec, int64_t *out)
{
    const enum err result = zones_child_add(station->zones, db, &tree->arena, spec, out);
    json_decref(spec);
    return result;
}

static inline json_t *by_password(const struct station *child, const char *name, const char *password)
{
    return json_pack("{s:s,s:s,s:s,s:s}", "name", name, "api_url", child->url, "username", "admin", "password", password);
}

static inline const struct zone *child_of(struct tree *tree, struct station *station, const char *name)
{
    const struct zone *zone = view_child_by_name(zones_view(station->zones, &tree->arena), name);
    assert_non_null(zone);
    return zone;
}

static inline void settle(struct station *station)
{
    assert_true(zones_settle(station->zones, budget_from_ms(PATIENCE_MS)));
}

/* east is joined to top as "east". */
static inline int64_t join_east(struct tree *tree)
{
    int64_t id = 0;
    must(add(tree, tree->top, tree->db, by_password(tree->east, "east", STATION_PASSWORD), &id));
    settle(tree->top);
    if (!child_of(tree, tree->top, "east")->row.joined)
        print_error("%s\n", child_of(tree, tree->top, "east")->row.last_error);
    assert_true(child_of(tree, tree->top, "east")->row.joined);
    return id;
}

static const char *const roles[] = {"member"};
static const struct caller user = {.user_id = "ann",
                                   .user_name = "ann",
                                   .user_domain_id = "default",
                                   .project_id = "p",
                                   .project_name = "p",
                                   .project_domain_id = "default",
                                   .roles = roles,
                                   .role_count = 1,
                                   .request_id = "req-11111111-2222-4333-8444-555555555555"};

static inline struct http_answer ask(struct tree *tree, const char *method, const char *key, int64_t budget_ms)
{
    struct link_origin *origin = arena_alloc(&tree->arena, sizeof(*origin));
    *origin = link_origin_from(&user, NULL, "http://top/compute/v2.1", key);
    struct zone_call call = {.zone = child_of(tree, tree->top, "east"),
                             .origin = origin,
                             .class = link_is_mutation(method) ? CLASS_MUTATE : CLASS_READ,
                             .method = method,
                             .target = "/compute/v2.1/servers/x?a=b%20c",
                             .body = link_is_mutation(method) ? "{}" : NULL,
                             .body_length = link_is_mutation(method) ? 2 : 0};
    fanout_run(tree->fanout, &tree->arena, &call, 1, budget_from_ms(budget_ms));
    return call.answer;
}

/* Waits for what the pollers do by themselves. */
static inline bool becomes(struct tree *tree, struct station *station, bool (*is_so)(const struct zones_view *view))
{
    struct budget patience = budget_from_ms(PATIENCE_MS);
    while (budget_left_ms(&patience) > 0) {
        if (is_so(zones_view(station->zones, &tree->arena)))
            return true;
        (void)zones_settle(station->zones, patience);
    }
    return false;
}
