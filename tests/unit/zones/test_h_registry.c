/*
 * Zones that register each other, over real HTTP and real databases: joining by password and by token, what is refused, directories
 * that travel upward, loops, new keys, restarts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <time.h>

#include <cmocka.h>
#undef fail

#include "schema/zone_directory.h"
#include "tests/unit/zones/tree.h"
#include "zones/resolve.h"

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
    const int64_t parent_id = link->id;
    assert_int_equal(link_check(tree->east->zones, &question, db, &tree->arena, &caller, &link), E_UNAUTHORIZED);
    /* Another gateway of the same zone has the same rows. */
    struct zones *other = NULL;
    struct arena arena = {0};
    must(zones_open(&tree->east->options, &other));
    assert_int_equal(link_check(other, &question, db, &arena, &caller, &link), E_UNAUTHORIZED);
    assert_non_null(strstr(err_message(), "used before"));
    arena_clear(&arena);
    zones_close(other);
    json_t *policy = json_pack("{s:{s:b}}", "policy", "read_only", 1);
    must(zones_parent_update(tree->east->zones, db, &tree->arena, parent_id, policy));
    json_decref(policy);
    db_close(db);
    assert_int_equal(ask(tree, "POST", "key", 5000).status, 403);
    assert_int_equal(ask(tree, "GET", NULL, 5000).status, 200);
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
    assert_non_null(strstr(refused->row.last_error, "loop: the child answered 508: Zone e1 lives below zone top (as east/e1)"));
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

static struct location whereabouts_of(struct tree *tree, const struct uuid *id)
{
    struct zones *zones = tree->top->zones;
    return zones_locate(zones, zones_view(zones, &tree->arena), id, NULL, true, &tree->arena);
}

/* Who is below it is not known: it is asked for ids of unknown zones. */
static void a_child_that_has_told_no_directory_may_own_any_id(void **state)
{
    struct tree *tree = tree_of(state);
    const int64_t id = join_east(tree);
    struct uuid elsewhere;
    uuid_new(&elsewhere);
    settle(tree->top);
    assert_int_equal(whereabouts_of(tree, &elsewhere).place, PLACE_NOWHERE);
    must(zone_directory_replace(tree->db, id, NULL, 0));
    must(zones_reload(tree->top->zones, tree->db));
    const struct location location = whereabouts_of(tree, &elsewhere);
    assert_int_equal(location.place, PLACE_UNKNOWN_TAG);
    assert_int_equal(location.count, 1);
    assert_int_equal(location.candidates[0].zone->row.id, id);
}

static enum err rekey(struct tree *tree, int64_t id)
{
    return zones_child_rekey(tree->top->zones, tree->fanout, tree->db, &tree->arena, &user, id, budget_from_ms(5000));
}

static const struct link_session *session_of(struct tree *tree, size_t number)
{
    const struct zone *east = child_of(tree, tree->top, "east");
    assert_true(east->session_count > number);
    return &east->sessions[number];
}

static void keys_are_renewed_over_the_live_link(void **state)
{
    struct tree *tree = tree_of(state);
    const int64_t id = join_east(tree);
    const struct link_session first = *session_of(tree, 0);
    must(rekey(tree, id));
    const struct link_session second = *session_of(tree, 0);
    assert_string_not_equal(first.key_id, second.key_id);
    assert_memory_equal(session_of(tree, 1), &first, sizeof(first));
    assert_int_equal(ask(tree, "GET", NULL, 5000).status, 200);
    settle(tree->east); /* pushes upward when it has something new; the parent knows the key either way */
    must(rekey(tree, id));
    assert_int_equal(child_of(tree, tree->top, "east")->session_count, 2);
    assert_memory_equal(session_of(tree, 1), &second, sizeof(second));
    assert_int_equal(ask(tree, "GET", NULL, 5000).status, 200);
}

static void a_lost_answer_leaves_the_old_keys_good(void **state)
{
    struct tree *tree = tree_of(state);
    const int64_t id = join_east(tree);
    const struct link_session first = *session_of(tree, 0);
    for (int i = 0; i < 3; i++) {
        atomic_store(&tree->east->lose_keys, true);
        assert_int_equal(rekey(tree, id), E_BAD_GATEWAY);
        atomic_store(&tree->east->lose_keys, false);
        assert_memory_equal(session_of(tree, 0), &first, sizeof(first));
        assert_int_equal(ask(tree, "GET", NULL, 5000).status, 200);
    }
    must(rekey(tree, id));
    assert_string_not_equal(session_of(tree, 0)->key_id, first.key_id);
    assert_int_equal(ask(tree, "GET", NULL, 5000).status, 200);
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
        TEST(a_child_that_has_told_no_directory_may_own_any_id),
        TEST(keys_are_renewed_over_the_live_link),
        TEST(a_lost_answer_leaves_the_old_keys_good),
        TEST(a_restart_loses_nothing),
    };
    return seal_setup() == OK && http_client_setup() == OK ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
