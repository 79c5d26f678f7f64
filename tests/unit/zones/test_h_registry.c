/*
 * Zones that register each other, over real HTTP and real databases: joining by password and by token, what is refused, directories
 * that travel upward, loops, and what requests see when a child refuses, falls silent, or drops a connection.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <time.h>

#include <cmocka.h>
#undef fail

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

static void must(enum err result)
{
    if (result != OK)
        print_error("%s: %s\n", err_name(result), err_message());
    assert_int_equal(result, OK);
}

static int setup(void **state)
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

static int teardown(void **state)
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

static struct tree *tree_of(void **state)
{
    if (!getenv("ZONEGATE_TEST_DATABASE"))
        skip();
    return *state;
}

/* `spec` is consumed. */
static enum err add(struct tree *tree, struct station *station, struct db *db, json_t *spec, int64_t *out)
{
    const enum err result = zones_child_add(station->zones, db, &tree->arena, spec, out);
    json_decref(spec);
    return result;
}

static json_t *by_password(const struct station *child, const char *name, const char *password)
{
    return json_pack("{s:s,s:s,s:s,s:s}", "name", name, "api_url", child->url, "username", "admin", "password", password);
}

static const struct zone *child_of(struct tree *tree, struct station *station, const char *name)
{
    const struct zone *zone = view_child_by_name(zones_view(station->zones, &tree->arena), name);
    assert_non_null(zone);
    return zone;
}

static void settle(struct station *station)
{
    assert_true(zones_settle(station->zones, budget_from_ms(PATIENCE_MS)));
}

/* east is joined to top as "east". */
static int64_t join_east(struct tree *tree)
{
    int64_t id = 0;
    must(add(tree, tree->top, tree->db, by_password(tree->east, "east", STATION_PASSWORD), &id));
    settle(tree->top);
    if (!child_of(tree, tree->top, "east")->row.joined)
        print_error("%s\n", child_of(tree, tree->top, "east")->row.last_error);
    assert_true(child_of(tree, tree->top, "east")->row.joined);
    return id;
}

static void a_child_is_joined_with_a_password_that_is_dropped(void **state)
{
    struct tree *tree = tree_of(state);
    const int64_t id = join_east(tree);
    settle(tree->top);
    const struct zone *east = child_of(tree, tree->top, "east");
    assert_int_equal(east->row.id, id);
    assert_true(uuid_equal(&east->row.uuid, &tree->east->keys.zone));
    assert_null(east->row.credential);
    assert_null(east->row.username);
    assert_null(east->row.last_error);
    assert_true(east->row.last_seen_us > 0);
    assert_int_equal(east->row.incarnation, 1);
    assert_memory_equal(east->row.signing_key, tree->east->keys.sign_public, 32);
    assert_string_equal(zone_state_name(east), "up");
    assert_true(zone_is_active(east));
    const struct zones_view *below = zones_view(tree->east->zones, &tree->arena);
    assert_int_equal(below->parent_count, 1);
    assert_string_equal(below->parents[0].row.name, "top");
    assert_memory_equal(&below->parents[0].sessions[0], &east->sessions[0], sizeof(struct link_session));
    const struct zones_view *view = zones_view(tree->top->zones, &tree->arena);
    assert_int_equal(view->directory.count, 2);
    assert_string_equal(directory_find_path(&view->directory, "east")->state, "up");
}

static void a_wrong_password_is_named_and_can_be_set_right(void **state)
{
    struct tree *tree = tree_of(state);
    int64_t id = 0;
    must(add(tree, tree->top, tree->db, by_password(tree->east, "east", "wrong"), &id));
    settle(tree->top);
    settle(tree->top); /* the error is in the rows that the next round reads */
    const struct zone *east = child_of(tree, tree->top, "east");
    assert_false(east->row.joined);
    assert_false(zone_is_active(east));
    assert_non_null(strstr(east->row.last_error, "password"));
    json_t *change = json_pack("{s:s}", "password", STATION_PASSWORD);
    must(zones_child_update(tree->top->zones, tree->db, &tree->arena, id, change));
    json_decref(change);
    settle(tree->top);
    assert_true(child_of(tree, tree->top, "east")->row.joined);
}

static void a_token_is_good_once(void **state)
{
    struct tree *tree = tree_of(state);
    struct db *db = NULL;
    const char *token = NULL;
    int64_t id = 0;
    must(db_open(&tree->east->target, &db));
    must(zones_token_new(&tree->east->options, db, &tree->arena, &token));
    must(add(tree, tree->top, tree->db, json_pack("{s:s}", "token", token), &id));
    settle(tree->top);
    assert_true(child_of(tree, tree->top, "east")->row.joined); /* the name is the token's */
    must(zones_child_delete(tree->top->zones, tree->db, id));
    must(add(tree, tree->top, tree->db, json_pack("{s:s,s:s}", "token", token, "name", "again"), &id));
    settle(tree->top);
    settle(tree->top);
    assert_false(child_of(tree, tree->top, "again")->row.joined);
    assert_non_null(strstr(child_of(tree, tree->top, "again")->row.last_error, "token"));
    json_t *own = NULL;
    const char *own_token = NULL;
    must(zones_token_new(&tree->top->options, tree->db, &tree->arena, &own_token));
    own = json_pack("{s:s}", "token", own_token);
    assert_int_equal(add(tree, tree->top, tree->db, own, &id), E_CONFLICT); /* its own */
    db_close(db);
}

static void bad_specs_are_sentences(void **state)
{
    struct tree *tree = tree_of(state);
    static const struct {
        const char *spec;
        enum err wanted;
    } rows[] = {
        {"[]", E_INVALID},
        {"{}", E_INVALID},
        {"{\"api_url\":\"http://127.0.0.1:1\"}", E_INVALID}, /* no credential */
        {"{\"api_url\":\"http://127.0.0.1:1\",\"username\":\"a\"}", E_INVALID},
        {"{\"api_url\":\"http://127.0.0.1:1\",\"password\":\"a\"}", E_INVALID},
        {"{\"api_url\":5,\"username\":\"a\",\"password\":\"b\"}", E_INVALID},
        {"{\"api_url\":\"http://10.0.0.1\",\"username\":\"a\",\"password\":\"b\"}", E_INVALID}, /* plain http */
        {"{\"api_url\":\"http://127.0.0.1:1\",\"username\":\"a\",\"password\":\"b\",\"name\":\"a/b\"}", E_INVALID},
        {"{\"api_url\":\"http://127.0.0.1:1\",\"username\":\"a\",\"password\":\"b\",\"name\":\".\"}", E_INVALID},
        {"{\"api_url\":\"http://127.0.0.1:1\",\"username\":\"a\",\"password\":\"b\",\"weight_scale\":\"x\"}", E_INVALID},
        {"{\"api_url\":\"http://127.0.0.1:1\",\"username\":\"a\",\"password\":\"b\",\"weight_scale\":true}", E_INVALID},
        {"{\"api_url\":\"http://127.0.0.1:1\",\"username\":\"a\",\"password\":\"b\",\"max_in_flight\":0}", E_INVALID},
        {"{\"api_url\":\"http://127.0.0.1:1\",\"username\":\"a\",\"password\":\"b\",\"insecure\":1}", E_INVALID},
        {"{\"api_url\":\"http://127.0.0.1:1\",\"username\":\"a\",\"password\":\"b\",\"state\":\"up\"}", E_INVALID},
        {"{\"api_url\":\"http://127.0.0.1:1\",\"username\":\"a\",\"password\":\"b\",\"kind\":\"nova\"}", E_INVALID},
        {"{\"api_url\":\"http://127.0.0.1:1\",\"username\":\"a\",\"password\":\"b\",\"id\":5}", E_INVALID},
        {"{\"token\":\"bm90IGEgdG9rZW4\"}", E_INVALID},
        {"{\"api_url\":\"http://127.0.0.1:1\",\"username\":\"a\",\"password\":\"b\",\"weight_scale\":\"0.5\",\"weight_offset\":0}",
         OK},
        {"{\"api_url\":\"http://127.0.0.1:1/v1.1\",\"username\":\"a\",\"password\":\"b\"}", E_CONFLICT}, /* the same name */
    };
    int64_t id = 0;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const enum err result = add(tree, tree->top, tree->db, json_loads(rows[i].spec, 0, NULL), &id);
        if (result != rows[i].wanted)
            print_error("%s: %s\n", rows[i].spec, err_message());
        assert_int_equal(result, rows[i].wanted);
    }
    const struct zone *zone = child_of(tree, tree->top, "127.0.0.1-1");
    assert_true(zone->row.weight_scale == 0.5 && zone->row.weight_offset == 0);
    assert_int_equal(add(tree, tree->top, tree->db, by_password(tree->top, "self", "x"), &id), E_CONFLICT);
    assert_int_equal(zones_child_delete(tree->top->zones, tree->db, 4711), E_NOT_FOUND);
}

static void updates_change_what_they_name(void **state)
{
    struct tree *tree = tree_of(state);
    const int64_t id = join_east(tree);
    json_t *change = json_pack("{s:f,s:s,s:i}", "weight_offset", 1000.5, "state", "draining", "timeout_ms", 77);
    must(zones_child_update(tree->top->zones, tree->db, &tree->arena, id, change));
    json_decref(change);
    const struct zone *east = child_of(tree, tree->top, "east");
    assert_true(east->row.weight_offset == 1000.5 && east->row.weight_scale == 1);
    assert_int_equal(east->row.timeout_ms, 77);
    assert_true(east->row.joined);
    assert_string_equal(zone_state_name(east), "draining");
    change = json_pack("{s:i}", "weight_offset", 0);
    must(zones_child_update(tree->top->zones, tree->db, &tree->arena, id, change));
    json_decref(change);
    assert_true(child_of(tree, tree->top, "east")->row.weight_offset == 0);
    assert_string_equal(zone_state_name(child_of(tree, tree->top, "east")), "draining");
    must(zones_child_delete(tree->top->zones, tree->db, id));
    assert_int_equal(zones_view(tree->top->zones, &tree->arena)->child_count, 0);
    assert_int_equal(zones_view(tree->top->zones, &tree->arena)->directory.count, 1);
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

static struct http_answer ask(struct tree *tree, const char *method, const char *key, int64_t budget_ms)
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

static void calls_arrive_as_the_user(void **state)
{
    struct tree *tree = tree_of(state);
    (void)join_east(tree);
    static const char *const methods[] = {"GET", "POST", "PUT", "PATCH", "DELETE"};
    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        const struct http_answer answer = ask(tree, methods[i], i ? "AAAAAAAAAAAAAAAAAAAAAA" : NULL, 5000);
        if (answer.kind != ZONE_ANSWERED || answer.status != 200)
            print_error("%s: %d %s %s\n", methods[i], answer.status, answer.body, answer.why);
        assert_int_equal(answer.kind, ZONE_ANSWERED);
        assert_int_equal(answer.status, 200);
        assert_true(answer.sent);
        assert_non_null(strstr(answer.body, "\"user\":\"ann\",\"from\":\"top\",\"hops\":10"));
        assert_string_equal(headers_get(&answer.headers, "content-type"), "application/json");
    }
}

static void mutations_are_not_replayed(void **state)
{
    struct tree *tree = tree_of(state);
    struct db *db = NULL;
    const char *header = NULL;
    struct caller caller;
    struct link_caller *link = NULL;
    (void)join_east(tree);
    const struct link_origin origin = link_origin_from(&user, NULL, "http://top/compute/v2.1", "key");
    must(link_make(tree->top->zones, child_of(tree, tree->top, "east"), "POST", "/compute/v2.1/servers", "{}", 2, &origin,
                   &tree->arena, &header));
    const struct link_question question = {.method = "POST",
                                           .target = "/compute/v2.1/servers",
                                           .body = "{}",
                                           .body_length = 2,
                                           .delegation = header,
                                           .idempotency = "key"};
    must(db_open(&tree->east->target, &db));
    must(link_check(tree->east->zones, &question, db, &tree->arena, &caller, &link));
    assert_string_equal(link->key, "key");
    assert_int_equal(link_check(tree->east->zones, &question, db, &tree->arena, &caller, &link), E_UNAUTHORIZED);
    must(zone_row_set_policy(db, link->id, "{\"read_only\":true}"));
    must(zones_reload(tree->east->zones, db));
    db_close(db);
    assert_int_equal(ask(tree, "POST", "key", 5000).status, 403);
    assert_int_equal(ask(tree, "GET", NULL, 5000).status, 200);
}

/* Waits for what the pollers do by themselves. */
static bool becomes(struct tree *tree, struct station *station, bool (*is_so)(const struct zones_view *view))
{
    struct budget patience = budget_from_ms(PATIENCE_MS);
    while (budget_left_ms(&patience) > 0) {
        if (is_so(zones_view(station->zones, &tree->arena)))
            return true;
        (void)zones_settle(station->zones, patience);
    }
    return false;
}

static bool has_grandchild(const struct zones_view *view)
{
    return directory_find_path(&view->directory, "east/e1") != NULL;
}

static bool has_no_grandchild(const struct zones_view *view)
{
    return !has_grandchild(view);
}

static void directories_travel_upward_and_loops_are_refused(void **state)
{
    struct tree *tree = tree_of(state);
    struct db *db = NULL;
    int64_t id = 0;
    (void)join_east(tree);
    struct station *leaf = station_open("e1");
    must(db_open(&tree->east->target, &db));
    must(add(tree, tree->east, db, by_password(leaf, "e1", STATION_PASSWORD), &id));
    settle(tree->east); /* joins and pushes */
    settle(tree->east);
    assert_true(has_grandchild(zones_view(tree->top->zones, &tree->arena))); /* by the push: top was not asked to poll */
    /* The leaf takes the top for its child: the top knows better, and says so by name. */
    struct db *leaf_db = NULL;
    int64_t loop = 0;
    must(db_open(&leaf->target, &leaf_db));
    must(add(tree, leaf, leaf_db, by_password(tree->top, "top", STATION_PASSWORD), &loop));
    settle(leaf);
    settle(leaf);
    const struct zone *refused = child_of(tree, leaf, "top");
    assert_false(refused->row.joined);
    assert_non_null(strstr(refused->row.last_error, "e1 lives below this zone (east/e1)"));
    /* east takes its own parent: seen at once, by its URL. */
    assert_int_equal(add(tree, tree->east, db, by_password(tree->top, "top", STATION_PASSWORD), &loop), E_CONFLICT);
    must(zones_child_delete(tree->east->zones, db, id));
    assert_true(becomes(tree, tree->top, has_no_grandchild));
    db_close(db);
    db_close(leaf_db);
    arena_clear(&tree->arena);
    station_close(leaf);
}

static void a_directory_with_this_zone_in_it_disables_the_child(void **state)
{
    struct tree *tree = tree_of(state);
    (void)join_east(tree);
    const struct zone *east = child_of(tree, tree->top, "east");
    const struct link_caller link = {.id = east->row.id, .direction = LINK_UP};
    char self[UUID_TEXT_SIZE];
    char child[UUID_TEXT_SIZE];
    memcpy(self, uuid_to_text(&tree->top->keys.zone).text, sizeof(self));
    memcpy(child, uuid_to_text(&tree->east->keys.zone).text, sizeof(child));
    json_t *body = json_pack("{s:s,s:[{s:s,s:s,s:s,s:s,s:b},{s:s,s:s,s:s,s:s,s:b}]}", "digest", "x", "zones", "uuid", child, "tag",
                             arena_printf(&tree->arena, "%06x", east->tag), "path", ".", "state", "up", "untagged", 0, "uuid", self,
                             "tag", arena_printf(&tree->arena, "%06x", zone_tag(&tree->top->keys.zone)), "path", "back", "state",
                             "up", "untagged", 0);
    assert_int_equal(zones_accept_directory(tree->top->zones, tree->db, &tree->arena, NULL, body), E_FORBIDDEN);
    assert_int_equal(zones_accept_directory(tree->top->zones, tree->db, &tree->arena, &link, body), E_LOOP);
    json_decref(body);
    assert_string_equal(zone_state_name(child_of(tree, tree->top, "east")), "disabled");
    assert_string_equal(child_of(tree, tree->top, "east")->row.last_error, "loop");
    assert_int_equal(ask(tree, "GET", NULL, 5000).kind, ZONE_DISABLED);
}

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
    assert_int_equal(atomic_load(&child_of(tree, tree->top, "east")->health->in_flight), 0);
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
    assert_int_equal(atomic_load(&child_of(tree, tree->top, "east")->health->in_flight), 0);
}

/* Keys, directory and the lack of passwords are in the database: another process of this zone knows the same. */
static void a_restart_loses_nothing(void **state)
{
    struct tree *tree = tree_of(state);
    (void)join_east(tree);
    settle(tree->top);
    char digest[DIRECTORY_DIGEST_SIZE];
    struct link_session session = child_of(tree, tree->top, "east")->sessions[0];
    memcpy(digest, zones_view(tree->top->zones, &tree->arena)->directory.digest, sizeof(digest));
    station_vanish(tree->east);
    station_vanish(tree->top); /* its server uses the registry */
    arena_clear(&tree->arena);
    fanout_close(tree->fanout);
    zones_close(tree->top->zones);
    must(zones_open(&tree->top->options, &tree->top->zones));
    must(fanout_open(tree->top->zones, &tree->fanout));
    const struct zones_view *view = zones_view(tree->top->zones, &tree->arena);
    assert_non_null(directory_find_path(&view->directory, "east"));
    assert_memory_equal(&view->children[0].sessions[0], &session, sizeof(session));
    assert_false(zones_settle(tree->top->zones, budget_from_ms(50))); /* no poller runs */
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_child_is_joined_with_a_password_that_is_dropped),
        TEST(a_wrong_password_is_named_and_can_be_set_right),
        TEST(a_token_is_good_once),
        TEST(bad_specs_are_sentences),
        TEST(updates_change_what_they_name),
        TEST(calls_arrive_as_the_user),
        TEST(mutations_are_not_replayed),
        TEST(directories_travel_upward_and_loops_are_refused),
        TEST(a_directory_with_this_zone_in_it_disables_the_child),
        TEST(a_child_that_refuses_is_felt_once),
        TEST(a_silent_child_is_felt_once),
        TEST(no_budget_is_no_fault_of_the_child),
        TEST(a_child_without_store_says_so),
        TEST(dead_connections_cost_no_read),
        TEST(answers_are_bounded),
        TEST(a_restart_loses_nothing),
    };
    return seal_setup() == OK && http_client_setup() == OK ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
