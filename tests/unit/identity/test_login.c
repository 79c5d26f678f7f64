/* Bootstrap, logins by every method into every scope, and who is refused. Needs ZONEGATE_TEST_DATABASE. */
#include "tests/unit/identity/fixture.h"

#define PASSWORD_AUTH                                                                                                              \
    "{\"auth\":{\"identity\":{\"methods\":[\"password\"],\"password\":{\"user\":{\"name\":\"%s\",\"domain\":{\"id\":\"default\"}," \
    "\"password\":\"%s\"}}}%s}}"
#define ADMIN_PROJECT ",\"scope\":{\"project\":{\"name\":\"admin\",\"domain\":{\"name\":\"Default\"}}}"
#define UNSCOPED      ",\"scope\":\"unscoped\""

static const struct bootstrap first_admin = {.username = "admin", .password = PASSWORD};

static int setup(void **state)
{
    struct zone *zone = calloc(1, sizeof(*zone));
    *state = zone;
    if (zone_open("zonegate_test_login", "", zone))
        must(identity_bootstrap(zone->db, &first_admin));
    return 0;
}

static int teardown(void **state)
{
    struct zone *zone = *state;
    if (zone->db)
        zone_close(zone);
    free(zone);
    return 0;
}

static struct zone *need(void **state)
{
    struct zone *zone = *state;
    if (!zone->db)
        skip();
    return zone;
}

/* The token lives in `conversation`; NULL when it was refused, with the kind in `*out`. */
static const char *login(struct zone *zone, struct conversation *conversation, enum err *out, struct claims **claims,
                         const char *format, ...) __attribute__((format(printf, 5, 6)));
static const char *login(struct zone *zone, struct conversation *conversation, enum err *out, struct claims **claims,
                         const char *format, ...)
{
    va_list arguments;
    const char *token = NULL;
    va_start(arguments, format);
    const char *text = arena_vprintf(&conversation->arena, format, arguments);
    va_end(arguments);
    json_auto_t *body = json_loads(text, 0, NULL);
    assert_non_null(body);
    *out = identity_login(zone->gateway.identity, &conversation->request, body, &token, claims);
    return token;
}

static void authenticate(struct zone *zone, struct conversation *conversation, const char *token, enum err expected)
{
    conversation->request.headers = (struct http_pairs){0};
    conversation->request.caller = (struct caller){0};
    pairs_add(&conversation->arena, &conversation->request.headers, "X-Auth-Token", token);
    assert_int_equal(identity_authenticate(zone->gateway.identity, &conversation->request), expected);
}

static void bootstrap_is_repeatable(void **state)
{
    struct zone *zone = need(state);
    struct arena arena = {0};
    struct identity_users users;
    struct identity_projects projects;
    struct identity_roles roles;
    struct identity_grants grants;
    const struct identity_filter all = {.enabled = -1};
    for (int i = 0; i < 3; i++) {
        must(identity_bootstrap(zone->db, &first_admin));
        must(identity_user_list(zone->db, &arena, &all, &users));
        must(identity_project_list(zone->db, &arena, &all, &projects));
        must(identity_role_list(zone->db, &arena, &all, &roles));
        must(identity_assignment_list(zone->db, &arena, &(struct identity_grant){0}, &grants));
        assert_int_equal(users.count, 1);
        assert_int_equal(projects.count, 1);
        assert_int_equal(roles.count, 3);
        assert_int_equal(grants.count, 9);
    }
    must(identity_bootstrap(zone->db, &(struct bootstrap){"admin", PASSWORD, "ops", "North"}));
    must(identity_project_list(zone->db, &arena, &all, &projects));
    assert_int_equal(projects.count, 2);
    arena_clear(&arena);
}

/* It also brings back an admin who was disabled and whose password was lost; the old password is void. */
static void bootstrap_sets_the_password_again(void **state)
{
    struct zone *zone = need(state);
    struct conversation conversation;
    struct claims *claims = NULL;
    enum err result = OK;
    struct identity_user user;
    conversation_init(zone, "POST", "/", &conversation);
    must(identity_user_get_by_name(zone->db, &conversation.arena, "default", "admin", &user));
    must(identity_user_change(zone->db, user.id, &(struct identity_change){.enabled = 0}));
    assert_null(login(zone, &conversation, &result, &claims, PASSWORD_AUTH, "admin", PASSWORD, ""));
    assert_int_equal(result, E_UNAUTHORIZED);
    must(identity_bootstrap(zone->db, &(struct bootstrap){.username = "admin", .password = "another"}));
    assert_null(login(zone, &conversation, &result, &claims, PASSWORD_AUTH, "admin", PASSWORD, ""));
    assert_non_null(login(zone, &conversation, &result, &claims, PASSWORD_AUTH, "admin", "another", ""));
    conversation_clear(&conversation);
}

static void bootstrap_refuses_what_is_empty(void **state)
{
    struct zone *zone = need(state);
    assert_int_equal(identity_bootstrap(zone->db, &(struct bootstrap){.username = "x", .password = ""}), E_INVALID);
    assert_int_equal(identity_bootstrap(zone->db, &(struct bootstrap){.username = "", .password = "x"}), E_INVALID);
    assert_int_equal(identity_bootstrap(zone->db, &(struct bootstrap){"x", "x", "", NULL}), E_INVALID);
}

static void every_scope_can_be_had(void **state)
{
    static const struct {
        const char *scope;
        enum token_scope kind;
        const char *name;
    } rows[] = {
        {"", TOKEN_PROJECT, "admin"}, /* the default project */
        {ADMIN_PROJECT, TOKEN_PROJECT, "admin"},
        {",\"scope\":{\"domain\":{\"id\":\"default\"}}", TOKEN_DOMAIN, "Default"},
        {",\"scope\":{\"domain\":{\"name\":\"Default\"}}", TOKEN_DOMAIN, "Default"},
        {",\"scope\":{\"system\":{\"all\":true}}", TOKEN_SYSTEM, NULL},
        {",\"scope\":{\"unscoped\":{}}", TOKEN_UNSCOPED, NULL},
        {UNSCOPED, TOKEN_UNSCOPED, NULL},
    };
    struct zone *zone = need(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct conversation conversation;
        struct claims *claims = NULL;
        enum err result = OK;
        conversation_init(zone, "POST", "/", &conversation);
        const char *token = login(zone, &conversation, &result, &claims, PASSWORD_AUTH, "admin", PASSWORD, rows[i].scope);
        must(result);
        assert_int_equal(claims->scope, rows[i].kind);
        assert_int_equal(claims->role_count, rows[i].kind == TOKEN_UNSCOPED ? 0 : 3);
        if (rows[i].name)
            assert_string_equal(claims->target.name, rows[i].name);
        assert_int_equal(claims->expires_us % 1000000, 0);
        authenticate(zone, &conversation, token, OK);
        assert_string_equal(conversation.request.caller.user_name, "admin");
        conversation_clear(&conversation);
    }
}

static void refusals_look_alike(void **state)
{
    static const struct {
        const char *user;
        const char *password;
        const char *scope;
    } rows[] = {
        {"admin", "wrong", ""},
        {"nobody", PASSWORD, ""},
        {"disabled", PASSWORD, UNSCOPED},
        {"admin", PASSWORD, ",\"scope\":{\"project\":{\"id\":\"nowhere\"}}"},
        {"admin", PASSWORD, ",\"scope\":{\"project\":{\"name\":\"closed\",\"domain\":{\"id\":\"default\"}}}"},
        {"admin", PASSWORD, ",\"scope\":{\"project\":{\"name\":\"strange\",\"domain\":{\"id\":\"default\"}}}"},
        {"admin", PASSWORD, ",\"scope\":{\"project\":{\"name\":\"admin\",\"domain\":{\"id\":\"nowhere\"}}}"},
        {"admin", PASSWORD, ",\"scope\":{\"domain\":{\"id\":\"nowhere\"}}"},
    };
    struct zone *zone = need(state);
    char hash[PASSWORD_HASH_SIZE];
    must(password_hash(PASSWORD, hash));
    const struct identity_user disabled = {"u1", "default", NULL, "disabled", "", "", "", false, true, hash, 0};
    const struct identity_project closed = {"p1", "default", NULL, "closed", "", false, true, "[]"};
    const struct identity_project strange = {"p2", "default", NULL, "strange", "", true, true, "[]"};
    must(identity_user_add(zone->db, &disabled));
    must(identity_project_add(zone->db, &closed));
    must(identity_project_add(zone->db, &strange));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct conversation conversation;
        struct claims *claims = NULL;
        enum err result = OK;
        conversation_init(zone, "POST", "/", &conversation);
        conversation.request.client_address = arena_printf(&conversation.arena, "192.0.2.%zu", i);
        assert_null(login(zone, &conversation, &result, &claims, PASSWORD_AUTH, rows[i].user, rows[i].password, rows[i].scope));
        assert_int_equal(result, E_UNAUTHORIZED);
        assert_string_equal(err_message(), "The request you have made requires authentication.");
        conversation_clear(&conversation);
    }
}

static void malformed_logins_are_bad_requests(void **state)
{
    static const char *const bodies[] = {
        "{\"auth\":{\"identity\":{\"methods\":[\"password\"]}}}",
        "{\"auth\":{\"identity\":{\"methods\":[\"password\"],\"password\":{\"user\":{\"id\":\"x\"}}}}}",
        "{\"auth\":{\"identity\":{\"methods\":[\"password\"],\"password\":{\"user\":{\"password\":\"x\"}}}}}",
        "{\"auth\":{\"identity\":{\"methods\":[\"password\"],\"password\":{\"user\":{\"name\":\"x\",\"password\":\"x\"}}}}}",
        "{\"auth\":{\"identity\":{\"methods\":[\"token\"],\"token\":{}}}}",
        "{\"auth\":{\"identity\":{\"methods\":[\"application_credential\"],\"application_credential\":{\"id\":\"x\"}}}}",
    };
    struct zone *zone = need(state);
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        struct conversation conversation;
        struct claims *claims = NULL;
        enum err result = OK;
        conversation_init(zone, "POST", "/", &conversation);
        assert_null(login(zone, &conversation, &result, &claims, "%s", bodies[i]));
        assert_int_equal(result, E_INVALID);
        conversation_clear(&conversation);
    }
}

static void unknown_methods_are_refused(void **state)
{
    struct zone *zone = need(state);
    struct conversation conversation;
    struct claims *claims = NULL;
    enum err result = OK;
    conversation_init(zone, "POST", "/", &conversation);
    assert_null(login(zone, &conversation, &result, &claims, "{\"auth\":{\"identity\":{\"methods\":[\"totp\"],\"totp\":{}}}}"));
    assert_int_equal(result, E_UNAUTHORIZED);
    conversation_clear(&conversation);
}

/* admin implies member implies reader, also for a user who was granted only the first. */
static void roles_imply_lesser_roles(void **state)
{
    static const struct {
        const char *role;
        size_t count;
    } rows[] = {{"admin", 3}, {"member", 2}, {"reader", 1}};
    struct zone *zone = need(state);
    struct arena arena = {0};
    char hash[PASSWORD_HASH_SIZE];
    struct identity_project project;
    struct identity_roles roles;
    must(password_hash(PASSWORD, hash));
    must(identity_project_get_by_name(zone->db, &arena, "default", "admin", &project));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *id = arena_printf(&arena, "user-%zu", i);
        const struct identity_user user = {id, "default", NULL, id, "", "", "", true, true, hash, 0};
        must(identity_user_add(zone->db, &user));
        must(identity_role_list(zone->db, &arena, &(struct identity_filter){.name = rows[i].role, .enabled = -1}, &roles));
        must(identity_grant_add(
            zone->db,
            &(struct identity_grant){.user_id = id, .scope = "project", .scope_id = project.id, .role_id = roles.items[0].id}));
        must(identity_effective_roles(zone->db, &arena, id, "project", project.id, &roles));
        assert_int_equal(roles.count, rows[i].count);
    }
    arena_clear(&arena);
}

static void tokens_can_be_exchanged(void **state)
{
    struct zone *zone = need(state);
    struct conversation conversation;
    struct claims *first = NULL;
    struct claims *second = NULL;
    enum err result = OK;
    conversation_init(zone, "POST", "/", &conversation);
    const char *token = login(zone, &conversation, &result, &first, PASSWORD_AUTH, "admin", PASSWORD, UNSCOPED);
    assert_non_null(token);
    const char *other =
        login(zone, &conversation, &result, &second,
              "{\"auth\":{\"identity\":{\"methods\":[\"token\"],\"token\":{\"id\":\"%s\"}}" ADMIN_PROJECT "}}", token);
    assert_non_null(other);
    assert_int_equal(second->scope, TOKEN_PROJECT);
    assert_int_equal(second->expires_us, first->expires_us);
    assert_string_equal(second->audit_parent, first->audit_id);
    assert_true(claims_have_method(second, "password"));
    assert_true(claims_have_method(second, "token"));
    must(identity_revoke_token(zone->gateway.identity, zone->db, first));
    authenticate(zone, &conversation, token, E_UNAUTHORIZED);
    authenticate(zone, &conversation, other, OK);
    assert_null(login(zone, &conversation, &result, &second,
                      "{\"auth\":{\"identity\":{\"methods\":[\"token\"],\"token\":{\"id\":\"%s\"}}}}", token));
    assert_int_equal(result, E_UNAUTHORIZED);
    conversation_clear(&conversation);
}

/* No exchange is possible with a token that fell a moment ago in another process, whose revocation is not in the snapshot yet. */
static void exchange_does_not_trust_the_snapshot(void **state)
{
    struct zone *zone = need(state);
    struct conversation conversation;
    struct claims *claims = NULL;
    enum err result = OK;
    char hash[PASSWORD_HASH_SIZE];
    must(password_hash("another", hash));
    conversation_init(zone, "POST", "/", &conversation);
    const char *token = login(zone, &conversation, &result, &claims, PASSWORD_AUTH, "admin", PASSWORD, UNSCOPED);
    authenticate(zone, &conversation, token, OK);
    must(identity_user_change(zone->db, claims->user.id, &(struct identity_change){.password = hash, .enabled = -1}));
    assert_null(login(zone, &conversation, &result, &claims,
                      "{\"auth\":{\"identity\":{\"methods\":[\"token\"],\"token\":{\"id\":\"%s\"}}}}", token));
    assert_int_equal(result, E_UNAUTHORIZED);
    conversation_clear(&conversation);
}

static void tokens_expire(void **state)
{
    struct zone *zone = need(state);
    struct conversation conversation;
    const char *token = NULL;
    conversation_init(zone, "GET", "/", &conversation);
    must(identity_issue_token(&zone->gateway.keys, 0, &conversation.arena, &token));
    authenticate(zone, &conversation, token, E_UNAUTHORIZED);
    must(identity_issue_token(&zone->gateway.keys, 60, &conversation.arena, &token));
    authenticate(zone, &conversation, token, OK);
    assert_true(conversation.request.caller.is_admin);
    conversation_clear(&conversation);
}

static void wrong_passwords_slow_the_next_one(void **state)
{
    struct zone *zone = need(state);
    struct conversation conversation;
    struct claims *claims = NULL;
    enum err result = OK;
    conversation_init(zone, "POST", "/", &conversation);
    for (int i = 0; i < 3; i++)
        assert_null(login(zone, &conversation, &result, &claims, PASSWORD_AUTH, "admin", "wrong", ""));
    const int64_t start = clock_mono_ms();
    assert_non_null(login(zone, &conversation, &result, &claims, PASSWORD_AUTH, "admin", PASSWORD, ""));
    assert_true(clock_mono_ms() - start >= 3 * zone->gateway.config.identity.failure_delay_ms);
    conversation_clear(&conversation);
}

static void passwords_can_be_changed(void **state)
{
    struct zone *zone = need(state);
    struct conversation conversation;
    struct claims *claims = NULL;
    enum err result = OK;
    conversation_init(zone, "POST", "/", &conversation);
    const char *token = login(zone, &conversation, &result, &claims, PASSWORD_AUTH, "admin", PASSWORD, "");
    const char *user_id = claims->user.id;
    struct identity *identity = zone->gateway.identity;
    assert_int_equal(identity_change_password(identity, &conversation.request, user_id, "wrong", "new"), E_UNAUTHORIZED);
    assert_int_equal(identity_change_password(identity, &conversation.request, "nobody", "wrong", "new"), E_UNAUTHORIZED);
    authenticate(zone, &conversation, token, OK);
    must(identity_change_password(identity, &conversation.request, user_id, PASSWORD, "new"));
    authenticate(zone, &conversation, token, E_UNAUTHORIZED);
    assert_null(login(zone, &conversation, &result, &claims, PASSWORD_AUTH, "admin", PASSWORD, ""));
    const char *fresh = login(zone, &conversation, &result, &claims, PASSWORD_AUTH, "admin", "new", "");
    assert_non_null(fresh);
    authenticate(zone, &conversation, fresh, OK);
    conversation_clear(&conversation);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(bootstrap_is_repeatable),
        CASE(bootstrap_sets_the_password_again),
        CASE(bootstrap_refuses_what_is_empty),
        CASE(every_scope_can_be_had),
        CASE(refusals_look_alike),
        CASE(malformed_logins_are_bad_requests),
        CASE(unknown_methods_are_refused),
        CASE(roles_imply_lesser_roles),
        CASE(tokens_can_be_exchanged),
        CASE(exchange_does_not_trust_the_snapshot),
        CASE(tokens_expire),
        CASE(wrong_passwords_slow_the_next_one),
        CASE(passwords_can_be_changed),
    };
    log_setup(LOG_LEVEL_ERROR, "test");
    must(seal_setup());
    return cmocka_run_group_tests(tests, NULL, NULL);
}
