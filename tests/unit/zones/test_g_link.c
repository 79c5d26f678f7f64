/* The delegation: what one side writes the other one accepts; each check refuses alone; every byte is covered by the MAC.
 * Mutations' nonces are rows and are tested with the registry. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#undef fail

#include "gateway/base/text.h"
#include "tests/unit/zones/pair.h"

static const char *const user_roles[] = {"admin", "member", "reader"};

static const struct caller user = {.user_id = "u1",
                                   .user_name = "ann \"the\" user",
                                   .user_domain_id = "default",
                                   .project_id = "p1",
                                   .project_name = "pro\xc3\xa9",
                                   .project_domain_id = "default",
                                   .roles = user_roles,
                                   .role_count = 3,
                                   .request_id = "req-11111111-2222-4333-8444-555555555555"};

static const char target[] = "/compute/v2.1/servers/detail?all=1";

static int setup(void **state)
{
    *state = pair_open();
    return 0;
}

static int teardown(void **state)
{
    pair_close(*state);
    return 0;
}

static struct link_origin entry_origin(void)
{
    return link_origin_from(&user, NULL, "http://root:8774/compute/v2.1/p1", NULL);
}

/* Not inlined: gcc 12 would take the arena's string for `header` itself and warn of a dangling pointer. */
__attribute__((noinline)) static const char *make(struct side *from, const struct link_origin *origin, struct arena *arena)
{
    const char *header = NULL;
    assert_int_equal(link_make(&from->zones, &from->other, "GET", target, NULL, 0, origin, arena, &header), OK);
    return header;
}

static enum err check(struct side *at, const char *header, struct arena *arena)
{
    const struct link_question question = {.method = "GET", .target = target, .delegation = header};
    struct caller caller;
    struct link_caller *link = NULL;
    return link_check(&at->zones, &question, NULL, arena, &caller, &link);
}

static void the_child_learns_who_asks(void **state)
{
    struct pair *pair = *state;
    struct arena arena = {0};
    struct caller caller;
    struct link_caller *link = NULL;
    const struct link_origin origin = entry_origin();
    const struct link_question question = {.method = "GET", .target = target, .delegation = make(&pair->parent, &origin, &arena)};
    assert_true(strlen(question.delegation) < LINK_HEADER_MAX);
    assert_true(str_starts(question.delegation, "v1."));
    assert_int_equal(link_check(&pair->child.zones, &question, NULL, &arena, &caller, &link), OK);
    assert_string_equal(caller.user_id, "u1");
    assert_string_equal(caller.user_name, user.user_name);
    assert_string_equal(caller.project_id, "p1");
    assert_string_equal(caller.project_name, user.project_name);
    assert_string_equal(caller.project_domain_id, "default");
    assert_string_equal(caller.request_id, user.request_id);
    assert_int_equal(caller.role_count, 3);
    assert_true(caller.is_admin && caller.is_member && caller.over_link);
    assert_null(caller.domain_id);
    assert_int_equal(link->direction, LINK_DOWN);
    assert_string_equal(link->name, "root");
    assert_string_equal(link->base, origin.base);
    assert_int_equal(link->hops, LINK_HOPS);
    assert_int_equal(link->path_count, 1);
    assert_true(uuid_equal(&link->path[0], &pair->parent.keys.zone));
    assert_string_equal(link->key_id, pair->parent.session.key_id);
    assert_null(link->key);
    const struct link_origin on = link_origin_from(&caller, link, "ignored", "ignored");
    assert_int_equal(on.hops, LINK_HOPS - 1);
    assert_string_equal(on.base, origin.base);
    assert_int_equal(on.path_count, 1);
    arena_clear(&arena);
}

static void upwards_nobody_is_admin(void **state)
{
    struct pair *pair = *state;
    struct arena arena = {0};
    struct caller caller;
    struct link_caller *link = NULL;
    const struct link_origin origin = entry_origin();
    const struct link_question question = {.method = "GET", .target = target, .delegation = make(&pair->child, &origin, &arena)};
    assert_int_equal(link_check(&pair->parent.zones, &question, NULL, &arena, &caller, &link), OK);
    assert_int_equal(link->direction, LINK_UP);
    assert_int_equal(caller.role_count, 2);
    assert_false(caller.is_admin);
    assert_true(caller.is_member);
    arena_clear(&arena);
}

static void each_send_is_good_once(void **state)
{
    struct pair *pair = *state;
    struct arena arena = {0};
    const struct link_origin origin = entry_origin();
    const char *first = make(&pair->parent, &origin, &arena);
    const char *second = make(&pair->parent, &origin, &arena);
    assert_string_not_equal(first, second);
    assert_int_equal(check(&pair->child, first, &arena), OK);
    assert_int_equal(check(&pair->child, first, &arena), E_UNAUTHORIZED);
    assert_int_equal(check(&pair->child, second, &arena), OK);
    arena_clear(&arena);
}

static void another_question_is_refused(void **state)
{
    struct pair *pair = *state;
    struct arena arena = {0};
    struct caller caller;
    struct link_caller *link = NULL;
    const struct link_origin origin = entry_origin();
    const char *header = make(&pair->parent, &origin, &arena);
    const struct link_question good = {.method = "GET", .target = target, .delegation = header};
    struct link_question bad[] = {good, good, good, good, good};
    bad[0].method = "HEAD";
    bad[1].target = "/compute/v2.1/servers/detail?all=2";
    bad[2].body = "x";
    bad[2].body_length = 1;
    bad[3].idempotency = "AAAAAAAAAAAAAAAAAAAAAA";
    bad[4].target = "/compute/v2.1/servers/detail";
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(link_check(&pair->child.zones, &bad[i], NULL, &arena, &caller, &link), E_UNAUTHORIZED);
    assert_int_equal(link_check(&pair->child.zones, &good, NULL, &arena, &caller, &link), OK);
    arena_clear(&arena);
}

/* No byte of the header can be another one: not the version, the key id, the payload, the MAC, nor the dots. */
static void every_character_counts(void **state)
{
    struct pair *pair = *state;
    struct arena arena = {0};
    const struct link_origin origin = entry_origin();
    const char *header = make(&pair->parent, &origin, &arena);
    const size_t length = strlen(header);
    for (size_t i = 0; i < length; i++) {
        struct arena scratch = {0};
        char *bad = arena_strdup(&scratch, header);
        bad[i] = bad[i] == 'A' ? 'B' : 'A';
        if (check(&pair->child, bad, &scratch) != E_UNAUTHORIZED)
            print_error("byte %zu of %zu\n", i, length);
        assert_int_equal(check(&pair->child, bad, &scratch), E_UNAUTHORIZED);
        arena_clear(&scratch);
    }
    for (size_t i = 0; i < length; i++) {
        struct arena scratch = {0};
        assert_int_equal(check(&pair->child, arena_strndup(&scratch, header, i), &scratch), E_UNAUTHORIZED);
        arena_clear(&scratch);
    }
    assert_int_equal(check(&pair->child, arena_printf(&arena, "%sA", header), &arena), E_UNAUTHORIZED);
    assert_int_equal(check(&pair->child, header, &arena), OK);
    arena_clear(&arena);
}

/* The header that `from` sends, with claims changed (those of `changes`; null takes one away) and MACed again with the true key:
 * what a lying neighbour could send. `changes` is consumed. */
static const char *forge_by(struct side *from, const uint8_t key[LINK_KEY_SIZE], json_t *changes, struct arena *arena)
{
    const struct link_origin origin = entry_origin();
    const char *header = make(from, &origin, arena);
    const char *payload = header + 12;
    const size_t payload_length = (size_t)(strchr(payload, '.') - payload);
    char *text = arena_alloc(arena, payload_length + 1);
    size_t length = 0;
    assert_int_equal(base64url_decode(payload, payload_length, text, payload_length, &length), OK);
    json_t *claims = json_loadb(text, length, 0, NULL);
    const char *name;
    json_t *value;
    assert_non_null(claims);
    json_object_foreach(changes, name, value)
    {
        assert_int_equal(json_is_null(value) ? json_object_del(claims, name) : json_object_set(claims, name, value), 0);
    }
    char *changed = json_dumps(claims, JSON_COMPACT);
    char encoded[8192];
    char mac_text[64];
    uint8_t mac[LINK_MAC_SIZE];
    base64url_encode(changed, strlen(changed), encoded, sizeof(encoded));
    const char *signed_part = arena_printf(arena, "v1.%s.%s", from->session.key_id, encoded);
    link_mac(key, signed_part, strlen(signed_part), mac);
    base64url_encode(mac, sizeof(mac), mac_text, sizeof(mac_text));
    free(changed);
    json_decref(claims);
    json_decref(changes);
    return arena_printf(arena, "%s.%s", signed_part, mac_text);
}

/* By the parent; NULL takes the claim away. */
static const char *forge(struct pair *pair, const char *name, json_t *value, struct arena *arena)
{
    json_t *changes = json_object();
    assert_int_equal(json_object_set_new(changes, name, value ? value : json_null()), 0);
    return forge_by(&pair->parent, pair->parent.session.down, changes, arena);
}

static enum err check_forged(struct pair *pair, const char *name, json_t *value)
{
    struct arena arena = {0};
    const enum err result = check(&pair->child, forge(pair, name, value, &arena), &arena);
    arena_clear(&arena);
    return result;
}

/* A child that says all the same that its user is an admin is not believed. */
static void a_child_cannot_make_admins(void **state)
{
    struct pair *pair = *state;
    struct arena arena = {0};
    struct caller caller;
    struct link_caller *link = NULL;
    json_t *changes = json_pack("{s:[s,s]}", "roles", "ADMIN", "member");
    const struct link_question question = {
        .method = "GET", .target = target, .delegation = forge_by(&pair->child, pair->child.session.up, changes, &arena)};
    assert_int_equal(link_check(&pair->parent.zones, &question, NULL, &arena, &caller, &link), OK);
    assert_false(caller.is_admin);
    assert_int_equal(caller.role_count, 1);
    /* Nor is what it MACs with the other direction's key. */
    const struct link_question turned = {
        .method = "GET", .target = target, .delegation = forge_by(&pair->child, pair->child.session.down, json_object(), &arena)};
    assert_int_equal(link_check(&pair->parent.zones, &turned, NULL, &arena, &caller, &link), E_UNAUTHORIZED);
    arena_clear(&arena);
}

static json_t *uuid_json(const struct uuid *uuid)
{
    return json_string(uuid_to_text(uuid).text);
}

static void claims_that_are_gone_or_of_another_kind(void **state)
{
    static const char *const needed[] = {"iss", "aud", "method", "target", "body", "iat", "exp", "nonce", "path", "roles"};
    for (size_t i = 0; i < ARRAY_LEN(needed); i++) {
        assert_int_equal(check_forged(*state, needed[i], NULL), E_UNAUTHORIZED);
        assert_int_equal(check_forged(*state, needed[i], json_true()), E_UNAUTHORIZED);
        assert_int_equal(check_forged(*state, needed[i], json_string("")), E_UNAUTHORIZED);
    }
    assert_int_equal(check_forged(*state, "new", json_string("unknown claims are kept")), OK);
}

static enum err check_lifetime(struct pair *pair, int64_t issued_s, int64_t expires_s)
{
    struct arena arena = {0};
    json_t *changes = json_pack("{s:I,s:I}", "iat", (json_int_t)issued_s, "exp", (json_int_t)expires_s);
    const enum err result = check(&pair->child, forge_by(&pair->parent, pair->parent.session.down, changes, &arena), &arena);
    arena_clear(&arena);
    return result;
}

static void times_are_bounded(void **state)
{
    const int64_t now_s = clock_wall_us() / 1000000;
    assert_int_equal(check_forged(*state, "iat", json_integer(now_s + 25)), OK);
    assert_int_equal(check_forged(*state, "iat", json_integer(now_s + 40)), E_UNAUTHORIZED);
    assert_int_equal(check_forged(*state, "exp", json_integer(now_s + 59)), OK);
    assert_int_equal(check_forged(*state, "exp", json_integer(now_s + 65)), E_UNAUTHORIZED);
    assert_int_equal(check_forged(*state, "exp", json_integer(now_s - 5)), E_UNAUTHORIZED); /* before iat */
    assert_int_equal(check_forged(*state, "iat", json_integer(-1)), E_UNAUTHORIZED);
    assert_int_equal(check_forged(*state, "exp", json_integer(INT64_MAX)), E_UNAUTHORIZED);
    assert_int_equal(check_forged(*state, "iat", json_real(1e300)), E_UNAUTHORIZED);
    assert_int_equal(check_lifetime(*state, now_s - 70, now_s - 25), OK); /* within the skew */
    assert_int_equal(check_lifetime(*state, now_s - 70, now_s - 35), E_UNAUTHORIZED);
}

static void other_zones_names_do_not_help(void **state)
{
    struct pair *pair = *state;
    struct uuid stranger;
    uuid_new(&stranger);
    assert_int_equal(check_forged(pair, "iss", uuid_json(&stranger)), E_UNAUTHORIZED);
    assert_int_equal(check_forged(pair, "iss", uuid_json(&pair->child.keys.zone)), E_UNAUTHORIZED);
    assert_int_equal(check_forged(pair, "aud", uuid_json(&stranger)), E_UNAUTHORIZED);
    assert_int_equal(check_forged(pair, "aud", uuid_json(&pair->parent.keys.zone)), E_UNAUTHORIZED);
}

static void loops_end(void **state)
{
    struct pair *pair = *state;
    struct uuid stranger;
    uuid_new(&stranger);
    const char *self = uuid_to_text(&pair->child.keys.zone).text;
    char self_text[UUID_TEXT_SIZE];
    char parent_text[UUID_TEXT_SIZE];
    char stranger_text[UUID_TEXT_SIZE];
    memcpy(self_text, self, sizeof(self_text));
    memcpy(parent_text, uuid_to_text(&pair->parent.keys.zone).text, sizeof(parent_text));
    memcpy(stranger_text, uuid_to_text(&stranger).text, sizeof(stranger_text));
    assert_int_equal(check_forged(pair, "path", json_pack("[s,s]", self_text, parent_text)), E_LOOP);
    assert_int_equal(check_forged(pair, "path", json_pack("[s,s]", stranger_text, parent_text)), OK);
    assert_int_equal(check_forged(pair, "path", json_pack("[s,s]", parent_text, stranger_text)), E_UNAUTHORIZED);
    assert_int_equal(check_forged(pair, "path", json_array()), E_UNAUTHORIZED);
    assert_int_equal(check_forged(pair, "hops", json_integer(1)), OK);
    assert_int_equal(check_forged(pair, "hops", json_integer(0)), E_LOOP);
    assert_int_equal(check_forged(pair, "hops", json_integer(-5)), E_LOOP);
    assert_int_equal(check_forged(pair, "hops", NULL), E_LOOP);
}

/* The first check that fails names the error: a delegation that is wrong in everything is refused for its key. */
static void checks_come_in_their_order(void **state)
{
    struct pair *pair = *state;
    struct arena arena = {0};
    char *header = arena_strdup(&arena, forge(pair, "hops", json_integer(0), &arena));
    assert_int_equal(check(&pair->child, header, &arena), E_LOOP);
    header[3] = header[3] == '0' ? '1' : '0';
    assert_int_equal(check(&pair->child, header, &arena), E_UNAUTHORIZED);
    assert_non_null(strstr(err_message(), "key"));
    pair->child.other.row.policy = "{\"projects\":[]}";
    assert_int_equal(check_forged(pair, "hops", json_integer(0)), E_LOOP); /* before the policy */
    arena_clear(&arena);
}

static enum err check_policy(struct pair *pair, const char *policy)
{
    struct arena arena = {0};
    const struct link_origin origin = entry_origin();
    pair->child.other.row.policy = policy;
    const enum err result = check(&pair->child, make(&pair->parent, &origin, &arena), &arena);
    arena_clear(&arena);
    return result;
}

static void the_policy_narrows(void **state)
{
    struct pair *pair = *state;
    struct arena arena = {0};
    struct caller caller;
    struct link_caller *link = NULL;
    assert_int_equal(check_policy(pair, "{}"), OK);
    assert_int_equal(check_policy(pair, "{\"projects\":[\"p1\",\"p2\"]}"), OK);
    assert_int_equal(check_policy(pair, "{\"projects\":[\"p2\"]}"), E_FORBIDDEN);
    assert_int_equal(check_policy(pair, "{\"roles\":[\"operator\"]}"), E_FORBIDDEN);
    assert_int_equal(check_policy(pair, "{\"read_only\":true}"), OK);
    assert_int_equal(check_policy(pair, "not json"), E_FORBIDDEN);
    pair->child.other.row.policy = "{\"roles\":[\"Reader\",\"operator\"]}";
    const struct link_origin origin = entry_origin();
    const struct link_question question = {.method = "GET", .target = target, .delegation = make(&pair->parent, &origin, &arena)};
    assert_int_equal(link_check(&pair->child.zones, &question, NULL, &arena, &caller, &link), OK);
    assert_int_equal(caller.role_count, 1);
    assert_string_equal(caller.roles[0], "reader");
    assert_false(caller.is_admin || caller.is_member);
    pair->child.other.row.policy = NULL;
    pair->child.other.row.state = ZONE_ADMIN_DISABLED;
    assert_int_equal(check_policy(pair, NULL), E_FORBIDDEN);
    arena_clear(&arena);
}

static enum err read_up(struct pair *pair, const char *policy, const char *what)
{
    struct arena arena = {0};
    const struct link_origin origin = entry_origin();
    const char *header = NULL;
    struct caller caller;
    struct link_caller *link = NULL;
    pair->parent.other.row.policy = policy;
    assert_int_equal(link_make(&pair->child.zones, &pair->child.other, "GET", what, NULL, 0, &origin, &arena, &header), OK);
    const struct link_question question = {.method = "GET", .target = what, .delegation = header};
    const enum err result = link_check(&pair->parent.zones, &question, NULL, &arena, &caller, &link);
    arena_clear(&arena);
    return result;
}

static void a_child_reads_what_it_may(void **state)
{
    static const struct {
        const char *policy;
        const char *target;
        enum err wanted;
    } rows[] = {
        {NULL, "/compute/v2.1/servers/x", OK},
        {NULL, "/compute/v2.1/0123456789abcdef0123456789abcdef/servers/x?a=b", OK},
        {NULL, "/compute/v2.1/flavors/detail", OK},
        {NULL, "/image/v2/images/x", OK},
        {NULL, "/compute/v2.1/os-hypervisors", E_FORBIDDEN},
        {NULL, "/identity/v3/users", E_FORBIDDEN},
        {NULL, "/placement/resource_providers", E_FORBIDDEN},
        {NULL, "/compute/v2.1/serversx", E_FORBIDDEN},
        {"{\"resolve\":false}", "/compute/v2.1/servers/x", E_FORBIDDEN},
        {"{\"resolve\":false}", "/compute/v2.1/flavors", OK},
        {"{\"resolve\":false}", "/compute/v2.1/os-zones/probe", OK},
        {"{\"catalog\":false}", "/compute/v2.1/flavors", E_FORBIDDEN},
        {"{\"catalog\":false}", "/image/v2/images", E_FORBIDDEN},
        {"{\"catalog\":false}", "/compute/v2.1/servers/x", OK},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const enum err result = read_up(*state, rows[i].policy, rows[i].target);
        if (result != rows[i].wanted)
            print_error("%s %s: %s\n", rows[i].policy, rows[i].target, err_message());
        assert_int_equal(result, rows[i].wanted);
    }
}

static void the_senders_stop_by_themselves(void **state)
{
    struct pair *pair = *state;
    struct arena arena = {0};
    const char *header = NULL;
    struct link_origin origin = entry_origin();
    origin.hops = 0;
    assert_int_equal(link_make(&pair->parent.zones, &pair->parent.other, "GET", target, NULL, 0, &origin, &arena, &header), E_LOOP);
    origin = entry_origin();
    origin.path = &pair->child.keys.zone;
    origin.path_count = 1;
    assert_int_equal(link_make(&pair->parent.zones, &pair->parent.other, "GET", target, NULL, 0, &origin, &arena, &header), E_LOOP);
    origin = entry_origin();
    char *long_name = arena_alloc(&arena, 9000);
    memset(long_name, 'x', 8999);
    struct caller verbose = user;
    verbose.user_name = long_name;
    origin.caller = &verbose;
    assert_int_equal(link_make(&pair->parent.zones, &pair->parent.other, "GET", target, NULL, 0, &origin, &arena, &header),
                     E_HEADERS_TOO_LARGE);
    pair->parent.other.session_count = 0;
    origin = entry_origin();
    assert_int_equal(link_make(&pair->parent.zones, &pair->parent.other, "GET", target, NULL, 0, &origin, &arena, &header),
                     E_UNAVAILABLE);
    assert_null(header);
    arena_clear(&arena);
}

static void two_generations_of_keys_are_live(void **state)
{
    struct pair *pair = *state;
    struct arena arena = {0};
    struct link_pair fresh_parent;
    struct link_pair fresh_child;
    struct link_session parent_sessions[2];
    struct link_session child_sessions[2];
    const struct link_origin origin = entry_origin();
    const char *old = make(&pair->parent, &origin, &arena);
    link_pair_new(&fresh_parent);
    link_pair_new(&fresh_child);
    assert_int_equal(link_session_as_parent(&fresh_parent, fresh_child.public_key, &parent_sessions[0]), OK);
    assert_int_equal(link_session_as_child(&fresh_child, fresh_parent.public_key, &child_sessions[0]), OK);
    parent_sessions[1] = pair->parent.session;
    child_sessions[1] = pair->child.session;
    pair->child.other.sessions = child_sessions;
    pair->child.other.session_count = 2;
    assert_int_equal(check(&pair->child, old, &arena), OK);
    /* The parent was seen with the old key only: what goes up still uses it, and is accepted by a parent that has only that. */
    assert_int_equal(check(&pair->parent, make(&pair->child, &origin, &arena), &arena), OK);
    pair->parent.other.sessions = parent_sessions;
    pair->parent.other.session_count = 2;
    assert_int_equal(check(&pair->child, make(&pair->parent, &origin, &arena), &arena), OK);
    const char *up = make(&pair->child, &origin, &arena);
    assert_memory_equal(up + 3, parent_sessions[0].key_id, 8);
    assert_int_equal(check(&pair->parent, up, &arena), OK);
    arena_clear(&arena);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_child_learns_who_asks),
        TEST(upwards_nobody_is_admin),
        TEST(a_child_cannot_make_admins),
        TEST(each_send_is_good_once),
        TEST(another_question_is_refused),
        TEST(every_character_counts),
        TEST(claims_that_are_gone_or_of_another_kind),
        TEST(times_are_bounded),
        TEST(other_zones_names_do_not_help),
        TEST(loops_end),
        TEST(checks_come_in_their_order),
        TEST(the_policy_narrows),
        TEST(a_child_reads_what_it_may),
        TEST(the_senders_stop_by_themselves),
        TEST(two_generations_of_keys_are_live),
    };
    return seal_setup() == OK ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
