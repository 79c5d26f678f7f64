/* A zone whose logins another zone answers: the authority is a second zone in this process, behind a forwarder that can be cut; and
 * a Keystone that is played by a table. Needs ZONEGATE_TEST_DATABASE. */
#include "tests/unit/api/identity_fixture.h"

#define ROOT "http://root:8774"

static const struct service *const root_services[] = {&identity_service, &identity_versions_service, NULL};
static const struct service *const leaf_services[] = {&identity_delegated_service, &identity_versions_service, NULL};

struct fixture {
    struct zone root;
    struct zone leaf;
    bool cut; /* no answer from root */
    int calls;
    char *token; /* of root, had at leaf */
};

/* Carries a request of the leaf to the root's core and its answer back. */
static enum err carry(void *context, struct arena *arena, const struct identity_call *call, struct identity_answer *out)
{
    struct fixture *fixture = context;
    struct conversation conversation;
    fixture->calls++;
    if (fixture->cut)
        return fail(E_UNAVAILABLE, "cut");
    assert_true(str_starts(call->url, ROOT "/identity/v3"));
    conversation_init(&fixture->root, call->method, call->url + strlen(ROOT), &conversation);
    conversation.request.base_url = ROOT;
    for (size_t i = 0; i < call->headers->count; i++)
        pairs_add(&conversation.arena, &conversation.request.headers, call->headers->items[i].name, call->headers->items[i].value);
    conversation.request.body = call->body;
    conversation.request.body_length = call->body_length;
    if (core_open(&fixture->root.core, &conversation.request, &conversation.response) == OK)
        core_run(&fixture->root.core, &conversation.request, &conversation.response);
    response_render(&conversation.response);
    *out = (struct identity_answer){.status = conversation.response.status};
    out->body = arena_strdup(arena, text_str(&conversation.response.body));
    out->body_length = conversation.response.body.length;
    for (size_t i = 0; i < conversation.response.headers.count; i++)
        pairs_add(arena, &out->headers, arena_strdup(arena, conversation.response.headers.items[i].name),
                  arena_strdup(arena, conversation.response.headers.items[i].value));
    pairs_add(arena, &out->headers, "Content-Type", "application/json");
    conversation_clear(&conversation);
    return OK;
}

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    *state = fixture;
    if (!service_open("zonegate_test_identity_root", "", root_services, &fixture->root))
        return 0;
    assert_true(service_open("zonegate_test_identity_leaf", ROOT "/identity/", leaf_services, &fixture->leaf));
    assert_string_equal(identity_authority_url(fixture->leaf.gateway.identity), ROOT "/identity/v3");
    assert_null(identity_authority_url(fixture->root.gateway.identity));
    identity_set_forwarder(fixture->leaf.gateway.identity, carry, fixture);
    must(identity_bootstrap(fixture->root.db, &(struct bootstrap){.username = "admin", .password = PASSWORD}));
    fixture->token = token_for(&fixture->leaf, "admin", PASSWORD, "");
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    if (fixture->root.db) {
        zone_close(&fixture->leaf);
        zone_close(&fixture->root);
    }
    free(fixture->token);
    free(fixture);
    return 0;
}

static struct fixture *need(void **state)
{
    struct fixture *fixture = *state;
    if (!fixture->root.db)
        skip();
    return fixture;
}

static const struct say login_as_admin = {"POST", TOKENS, NULL,
                                          "{\"auth\":{\"identity\":{\"methods\":[\"password\"],\"password\":{\"user\":{\"name\":"
                                          "\"admin\",\"domain\":{\"id\":\"default\"},"
                                          "\"password\":\"" PASSWORD "\"}}}}}",
                                          NULL};

static void logins_have_our_catalog(void **state)
{
    struct fixture *fixture = need(state);
    json_auto_t *body = expect(&fixture->leaf, 201, &login_as_admin);
    assert_string_equal(text_at(body, "token/user/name"), "admin");
    assert_string_equal(text_at(body, "token/catalog/1/endpoints/0/url"), "http://zone:8774/compute/v2.1");
    char *text = json_dumps(body, 0);
    assert_null(strstr(text, ROOT));
    free(text);
    assert_true(token_is_ours(fixture->token));
    json_auto_t *shown = expect(&fixture->leaf, 200, &(struct say){"GET", TOKENS, fixture->token, NULL, fixture->token});
    assert_string_equal(text_at(shown, "token/project/name"), "admin");
}

static void refusals_come_through(void **state)
{
    struct fixture *fixture = need(state);
    expect_status(&fixture->leaf, 401,
                  &(struct say){"POST", TOKENS, NULL,
                                "{\"auth\":{\"identity\":{\"methods\":[\"password\"],\"password\":{\"user\":{\"name\":\"admin\","
                                "\"domain\":{\"id\":\"default\"},\"password\":\"wrong\"}}}}}",
                                NULL});
    expect_status(&fixture->leaf, 400, &(struct say){"POST", TOKENS, NULL, "{\"auth\":{}}", NULL});
}

/* A known token, and one that is seen here for the first time: the key is known. New logins are refused with 503. */
static void tokens_count_while_the_authority_is_away(void **state)
{
    struct fixture *fixture = need(state);
    char *unseen = token_for(&fixture->root, "admin", PASSWORD, "");
    fixture->cut = true;
    fixture->calls = 0;
    expect_status(&fixture->leaf, 200, &(struct say){"GET", TOKENS, fixture->token, NULL, fixture->token});
    expect_status(&fixture->leaf, 200, &(struct say){"GET", TOKENS, unseen, NULL, unseen});
    assert_int_equal(fixture->calls, 0);
    expect_status(&fixture->leaf, 503, &login_as_admin);
    expect_status(&fixture->leaf, 503, &(struct say){"GET", "/identity/v3/projects", fixture->token, NULL, NULL});
    free(unseen);
}

/* The key is also known after a restart without the authority. */
static void the_key_is_remembered(void **state)
{
    struct fixture *fixture = need(state);
    struct gateway *gateway = &fixture->leaf.gateway;
    fixture->cut = true;
    identity_close(gateway->identity);
    must(identity_open(&gateway->config, &gateway->keys, &gateway->database, &gateway->identity));
    identity_set_forwarder(gateway->identity, carry, fixture);
    expect_status(&fixture->leaf, 200, &(struct say){"GET", TOKENS, fixture->token, NULL, fixture->token});
}

/* What a captured leaf signs counts at the leaf only. */
static void a_leafs_key_mints_nothing_elsewhere(void **state)
{
    struct fixture *fixture = need(state);
    struct arena arena = {0};
    const char *token = NULL;
    must(identity_issue_token(&fixture->leaf.gateway.keys, 60, &arena, &token));
    expect_status(&fixture->leaf, 200, &(struct say){"GET", TOKENS, token, NULL, token});
    expect_status(&fixture->root, 401, &(struct say){"GET", TOKENS, token, NULL, token});
    struct zone_keys thief = fixture->leaf.gateway.keys;
    thief.zone = fixture->root.gateway.keys.zone;
    must(identity_issue_token(&thief, 60, &arena, &token));
    expect_status(&fixture->root, 401, &(struct say){"GET", TOKENS, token, NULL, token});
    expect_status(&fixture->leaf, 401, &(struct say){"GET", TOKENS, token, NULL, token});
    arena_clear(&arena);
}

static void everything_else_is_carried(void **state)
{
    struct fixture *fixture = need(state);
    struct zone *leaf = &fixture->leaf;
    const char *token = fixture->token;
    json_auto_t *list = expect(leaf, 200, &(struct say){"GET", "/identity/v3/projects?name=admin", token, NULL, NULL});
    assert_int_equal(json_array_size(at(list, "projects")), 1);
    assert_non_null(strstr(text_at(list, "projects/0/links/self"), "http://zone:8774/identity/v3/projects/"));
    expect_status(leaf, 201, &(struct say){"POST", "/identity/v3/projects", token, "{\"project\":{\"name\":\"new\"}}", NULL});
    expect_status(leaf, 404, &(struct say){"GET", "/identity/v3/users/none", token, NULL, NULL});
    expect_status(leaf, 401, &(struct say){"GET", "/identity/v3/users", NULL, NULL, NULL});
    json_auto_t *services = expect(leaf, 200, &(struct say){"GET", "/identity/v3/services?type=image", token, NULL, NULL});
    assert_int_equal(json_array_size(at(services, "services")), 1);
    json_auto_t *version = expect(leaf, 200, &(struct say){.method = "GET", .target = "/identity/v3"});
    assert_string_equal(text_at(version, "version/links/0/href"), "http://zone:8774/identity/v3/");
}

static void revocation_counts_in_both(void **state)
{
    struct fixture *fixture = need(state);
    expect_status(&fixture->leaf, 204, &(struct say){"DELETE", TOKENS, fixture->token, NULL, fixture->token});
    expect_status(&fixture->leaf, 401, &(struct say){"GET", TOKENS, fixture->token, NULL, fixture->token});
    expect_status(&fixture->root, 401, &(struct say){"GET", TOKENS, fixture->token, NULL, fixture->token});
}

/* The list is for neighbours: without a link it is refused, and the leaf says so instead of believing that nothing is revoked. */
static void pulling_needs_a_link(void **state)
{
    struct fixture *fixture = need(state);
    const struct budget budget = budget_from_ms(5000);
    struct arena arena = {0};
    struct identity_revocations list;
    assert_int_equal(identity_pull_revocations(fixture->leaf.gateway.identity, fixture->leaf.db, &budget), E_UNAVAILABLE);
    must(identity_revoke(fixture->root.db, &(struct identity_revocation){"user", "x", 1, INT64_C(4102444800000000)}));
    json_auto_t *told =
        expect(&fixture->root, 200, &(struct say){"GET", "/identity/v3/zonegate/revocations", fixture->token, 0, 0});
    must(identity_accept_revocations(fixture->leaf.gateway.identity, fixture->leaf.db, told));
    must(identity_revocation_list(fixture->leaf.db, &arena, &list));
    assert_int_equal(list.count, 1);
    arena_clear(&arena);
}

/* A zone below the leaf learns root's key from the leaf: the one that signs. */
static void keys_name_the_signer(void **state)
{
    struct fixture *fixture = need(state);
    const struct say say = {.method = "GET", .target = "/identity/v3/zonegate/keys"};
    json_auto_t *root = expect(&fixture->root, 200, &say);
    json_auto_t *leaf = expect(&fixture->leaf, 200, &say);
    assert_true(json_equal(root, leaf));
    assert_string_equal(text_at(root, "zone/uuid"), uuid_to_text(&fixture->root.gateway.keys.zone).text);
}

/* The authority came back with another key: the next new token makes the leaf ask again. */
static void another_key_is_learnt(void **state)
{
    struct fixture *fixture = need(state);
    struct gateway *root = &fixture->root.gateway;
    struct zone_keys fresh;
    const uint8_t wrong[SIGN_PUBLIC_SIZE] = {1};
    make_keys("fresh", &fresh);
    must(identity_learn_authority(fixture->leaf.gateway.identity, fixture->leaf.db, &root->keys.zone, wrong));
    expect_status(&fixture->leaf, 401, &(struct say){"GET", TOKENS, fixture->token, NULL, fixture->token});
    must(identity_learn_authority(fixture->leaf.gateway.identity, fixture->leaf.db, &root->keys.zone, root->keys.sign_public));
    expect_status(&fixture->leaf, 200, &(struct say){"GET", TOKENS, fixture->token, NULL, fixture->token});
    assert_int_equal(identity_learn_authority(root->identity, fixture->root.db, &fresh.zone, fresh.sign_public), E_CONFLICT);
}

struct keystone {
    int status; /* of a token check; 0 = no answer */
    int calls;
};

#define KEYSTONE_TOKEN                                                                                                             \
    "{\"token\":{\"methods\":[\"password\"],\"user\":{\"id\":\"u\",\"name\":\"bob\",\"domain\":{\"id\":\"default\",\"name\":"      \
    "\"Default\"}},\"audit_ids\":[\"a\"],\"issued_at\":\"2026-01-01T00:00:00.000000Z\",\"expires_at\":"                            \
    "\"2999-01-01T00:00:00.000000Z\",\"project\":{\"id\":\"p\",\"name\":\"demo\",\"domain\":{\"id\":\"default\",\"name\":"         \
    "\"Default\"}},\"roles\":[{\"id\":\"r\",\"name\":\"member\"}],\"catalog\":[{\"type\":\"compute\",\"endpoints\":[]}]}}"

static enum err play_keystone(void *context, struct arena *arena, const struct identity_call *call, struct identity_answer *out)
{
    struct keystone *keystone = context;
    const bool login = str_equal(call->method, "POST");
    keystone->calls++;
    if (!keystone->status)
        return fail(E_UNAVAILABLE, "no answer");
    *out = (struct identity_answer){.status = str_ends(call->url, "/zonegate/keys") ? 404 : login ? 201 : keystone->status};
    if (out->status < 300) {
        out->body = arena_strdup(arena, KEYSTONE_TOKEN);
        out->body_length = strlen(out->body);
        pairs_add(arena, &out->headers, "X-Subject-Token", "gAAAAABopaque");
    }
    return OK;
}

/* Opaque tokens pass through; what one says is asked once and then remembered, also while Keystone is away. */
static void a_keystone_can_be_the_authority(void **state)
{
    struct zone leaf;
    struct keystone keystone = {.status = 200};
    (void)state;
    if (!service_open("zonegate_test_identity_leaf", "http://keystone:5000/v3", leaf_services, &leaf))
        skip();
    identity_set_forwarder(leaf.gateway.identity, play_keystone, &keystone);
    char *token = token_for(&leaf, "bob", PASSWORD, "");
    assert_string_equal(token, "gAAAAABopaque");
    keystone.calls = 0;
    for (int i = 0; i < 3; i++) {
        json_auto_t *body = expect(&leaf, 200, &(struct say){"GET", TOKENS, token, NULL, token});
        assert_string_equal(text_at(body, "token/roles/0/name"), "member");
        assert_true(json_array_size(at(body, "token/catalog")) >= 3);
        keystone.status = 0;
    }
    assert_int_equal(keystone.calls, 1);
    expect_status(&leaf, 503, &(struct say){"GET", TOKENS, "gAAAAABother", NULL, token});
    keystone.status = 404;
    expect_status(&leaf, 401, &(struct say){"GET", TOKENS, "gAAAAABother", NULL, token});
    keystone.status = 200;
    expect_status(&leaf, 404, &(struct say){.method = "GET", .target = "/identity/v3/zonegate/keys"});
    free(token);
    zone_close(&leaf);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(logins_have_our_catalog),
        CASE(refusals_come_through),
        CASE(tokens_count_while_the_authority_is_away),
        CASE(the_key_is_remembered),
        CASE(a_leafs_key_mints_nothing_elsewhere),
        CASE(everything_else_is_carried),
        CASE(revocation_counts_in_both),
        CASE(pulling_needs_a_link),
        CASE(keys_name_the_signer),
        CASE(another_key_is_learnt),
        cmocka_unit_test(a_keystone_can_be_the_authority),
    };
    log_setup(LOG_LEVEL_ERROR, "test");
    must(seal_setup());
    must(json_schemas_open());
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    json_schemas_close();
    return failed;
}
