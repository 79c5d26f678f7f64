/* Tokens: signing and reading back in every scope, tampering byte by byte, foreign keys, sizes; the cache; bodies. No database. */
#include "tests/unit/identity/fixture.h"

#include "gateway/identity/revoked.h"
#include "gateway/identity/token_cache.h"

struct fixture {
    struct zone_keys keys;
    struct zone_keys other;
    struct arena arena;
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    make_keys("own", &fixture->keys);
    make_keys("other", &fixture->other);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    arena_clear(&fixture->arena);
    free(fixture);
    return 0;
}

static const char *role_names[] = {"admin", "member", "reader"};
static const char *role_ids[] = {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
                                 "cccccccccccccccccccccccccccccccc"};
static const char *methods[] = {"password"};

static struct claims *make_claims(enum token_scope scope)
{
    struct claims *claims = claims_new();
    claims->user = (struct party){"0123456789abcdef0123456789abcdef", "jos\xc3\xa9 \"x\"", "default", "Default"};
    claims->scope = scope;
    if (scope == TOKEN_PROJECT)
        claims->target = (struct party){"fedcba9876543210fedcba9876543210", "demo", "default", "Default"};
    if (scope == TOKEN_DOMAIN)
        claims->target = (struct party){"default", "Default", NULL, NULL};
    claims->roles = role_names;
    claims->role_ids = role_ids;
    claims->role_count = scope == TOKEN_UNSCOPED ? 0 : ARRAY_LEN(role_names);
    claims->methods = methods;
    claims->method_count = 1;
    claims->expires_us = claims->issued_us + 3600 * INT64_C(1000000);
    return claims;
}

static const char *issue(struct fixture *fixture, struct claims *claims)
{
    const char *token = NULL;
    must(token_issue(&fixture->keys, claims, &fixture->arena, &token));
    return token;
}

static enum err verify(const struct fixture *fixture, const char *token, struct claims **out)
{
    return token_verify(token, &fixture->keys.zone, fixture->keys.sign_public, out);
}

static void assert_same_party(const struct party *a, const struct party *b)
{
    assert_string_equal(a->id ? a->id : "", b->id ? b->id : "");
    assert_string_equal(a->name ? a->name : "", b->name ? b->name : "");
    assert_string_equal(a->domain_id ? a->domain_id : "", b->domain_id ? b->domain_id : "");
    assert_string_equal(a->domain_name ? a->domain_name : "", b->domain_name ? b->domain_name : "");
}

static void every_scope_comes_back(void **state)
{
    struct fixture *fixture = *state;
    for (int scope = TOKEN_UNSCOPED; scope < TOKEN_SCOPES; scope++) {
        struct claims *claims = make_claims((enum token_scope)scope);
        struct claims *read = NULL;
        const char *token = issue(fixture, claims);
        assert_true(strlen(token) < 2048);
        must(verify(fixture, token, &read));
        assert_int_equal(read->scope, scope);
        assert_same_party(&read->user, &claims->user);
        assert_same_party(&read->target, &claims->target);
        assert_int_equal(read->role_count, claims->role_count);
        for (size_t i = 0; i < read->role_count; i++) {
            assert_string_equal(read->roles[i], role_names[i]);
            assert_string_equal(read->role_ids[i], role_ids[i]);
        }
        assert_true(claims_have_method(read, "password"));
        assert_false(claims_have_method(read, "token"));
        assert_string_equal(read->audit_id, claims->audit_id);
        assert_null(read->audit_parent);
        assert_null(read->credential_id);
        assert_int_equal(read->issued_us, claims->issued_us);
        assert_int_equal(read->expires_us, claims->expires_us);
        claims_release(read);
        claims_release(claims);
    }
}

static void credential_and_parent_come_back(void **state)
{
    struct fixture *fixture = *state;
    struct claims *claims = make_claims(TOKEN_PROJECT);
    struct claims *read = NULL;
    claims->audit_parent = "parent-audit-id";
    claims->credential_id = "0123";
    claims->credential_name = "ci";
    claims->credential_restricted = true;
    must(verify(fixture, issue(fixture, claims), &read));
    assert_string_equal(read->audit_parent, "parent-audit-id");
    assert_string_equal(read->credential_id, "0123");
    assert_string_equal(read->credential_name, "ci");
    assert_true(read->credential_restricted);
    claims_release(read);
    claims_release(claims);
}

/* Each byte changed, each prefix, something behind: never accepted. */
static void no_byte_can_be_changed(void **state)
{
    struct fixture *fixture = *state;
    struct claims *claims = make_claims(TOKEN_PROJECT);
    struct claims *read = NULL;
    const char *token = issue(fixture, claims);
    const size_t length = strlen(token);
    for (size_t i = 0; i < length; i++) {
        char *copy = arena_strdup(&fixture->arena, token);
        copy[i] = copy[i] == 'A' ? 'B' : 'A';
        assert_int_equal(verify(fixture, copy, &read), E_UNAUTHORIZED);
        assert_int_equal(verify(fixture, arena_strndup(&fixture->arena, token, i), &read), E_UNAUTHORIZED);
    }
    assert_int_equal(verify(fixture, arena_printf(&fixture->arena, "%sA", token), &read), E_UNAUTHORIZED);
    assert_int_equal(verify(fixture, arena_printf(&fixture->arena, "%s.A", token), &read), E_UNAUTHORIZED);
    assert_null(read);
    claims_release(claims);
}

/* A captured leaf's key makes no token that another zone accepts, whatever issuer it writes. */
static void another_key_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct claims *claims = make_claims(TOKEN_PROJECT);
    struct claims *read = NULL;
    const char *token = NULL;
    struct zone_keys thief = fixture->other;
    thief.zone = fixture->keys.zone;
    must(token_issue(&fixture->other, claims, &fixture->arena, &token));
    assert_int_equal(verify(fixture, token, &read), E_UNAUTHORIZED);
    must(token_issue(&thief, claims, &fixture->arena, &token));
    assert_int_equal(verify(fixture, token, &read), E_UNAUTHORIZED);
    must(token_verify(token, &thief.zone, thief.sign_public, &read));
    claims_release(read);
    read = NULL;
    assert_int_equal(token_verify(token, &fixture->other.zone, thief.sign_public, &read), E_UNAUTHORIZED);
    claims_release(claims);
}

static void garbage_is_refused(void **state)
{
    static const char *const garbage[] = {"", ".", "zg1", "zg1.", "zg1..", "zg1.e30.", "zg1.e30.AAAA", "gAAAAABj", "zg2.e30.AAAA"};
    struct fixture *fixture = *state;
    struct claims *read = NULL;
    for (size_t i = 0; i < ARRAY_LEN(garbage); i++)
        assert_int_equal(verify(fixture, garbage[i], &read), E_UNAUTHORIZED);
    char *huge = arena_alloc(&fixture->arena, 3 * TOKEN_MAX);
    memset(huge, 'A', 3 * TOKEN_MAX - 1);
    memcpy(huge, TOKEN_PREFIX, strlen(TOKEN_PREFIX));
    assert_int_equal(verify(fixture, huge, &read), E_UNAUTHORIZED);
    huge[TOKEN_MAX - 100] = '.';
    huge[TOKEN_MAX - 100 + 87] = '\0';
    assert_int_equal(verify(fixture, huge, &read), E_UNAUTHORIZED);
}

static void too_many_roles_are_an_error(void **state)
{
    struct fixture *fixture = *state;
    char *name = arena_alloc(&fixture->arena, 256);
    const char *names[40];
    const char *token = NULL;
    struct claims *claims = make_claims(TOKEN_PROJECT);
    memset(name, 'r', 255);
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        names[i] = name;
    claims->roles = claims->role_ids = names;
    claims->role_count = ARRAY_LEN(names);
    assert_int_equal(token_issue(&fixture->keys, claims, &fixture->arena, &token), E_TOO_LARGE);
    assert_null(token);
    claims_release(claims);
}

/* Keystone's body and back: what an opaque token's claims are read from. */
static void bodies_come_back(void **state)
{
    (void)state;
    for (int scope = TOKEN_UNSCOPED; scope < TOKEN_SCOPES; scope++) {
        struct claims *claims = make_claims((enum token_scope)scope);
        struct claims *read = NULL;
        json_auto_t *catalog = json_array();
        json_auto_t *body = claims_to_body(claims, catalog);
        const json_t *token = json_object_get(body, "token");
        assert_int_equal(json_object_get(token, "catalog") != NULL, scope != TOKEN_UNSCOPED);
        assert_int_equal(json_object_get(token, "roles") != NULL, scope != TOKEN_UNSCOPED);
        assert_int_equal(json_object_get(token, "is_domain") != NULL, scope == TOKEN_PROJECT);
        must(claims_from_body(body, &read));
        assert_int_equal(read->scope, scope);
        assert_same_party(&read->user, &claims->user);
        assert_same_party(&read->target, &claims->target);
        assert_int_equal(read->role_count, claims->role_count);
        assert_int_equal(read->issued_us, claims->issued_us);
        assert_int_equal(read->expires_us, claims->expires_us);
        claims_release(read);
        claims_release(claims);
    }
}

static void broken_bodies_are_refused(void **state)
{
    static const char *const bodies[] = {
        "{}",
        "{\"token\":[]}",
        "{\"token\":{}}",
        "{\"token\":{\"user\":{\"id\":\"u\",\"name\":\"n\"},\"issued_at\":\"2026-01-01T00:00:00Z\",\"expires_at\":\"2026-01-01\"}}",
        "{\"token\":{\"user\":{\"id\":\"u\",\"name\":\"n\",\"domain\":{\"id\":\"d\",\"name\":\"D\"}},\"issued_at\":\"x\","
        "\"expires_at\":\"2026-01-01T00:00:00Z\"}}",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        json_auto_t *body = json_loads(bodies[i], 0, NULL);
        struct claims *read = NULL;
        assert_non_null(body);
        assert_int_equal(claims_from_body(body, &read), E_BAD_GATEWAY);
        assert_null(read);
    }
}

static void callers_have_their_scope(void **state)
{
    (void)state;
    for (int scope = TOKEN_UNSCOPED; scope < TOKEN_SCOPES; scope++) {
        struct claims *claims = make_claims((enum token_scope)scope);
        struct caller caller = {0};
        claims_to_caller(claims, &caller);
        assert_int_equal(caller.project_id != NULL, scope == TOKEN_PROJECT);
        assert_int_equal(caller.domain_id != NULL, scope == TOKEN_DOMAIN);
        assert_int_equal(caller.system_scope, scope == TOKEN_SYSTEM);
        assert_int_equal(caller.is_admin, scope != TOKEN_UNSCOPED);
        assert_int_equal(caller.is_member, scope != TOKEN_UNSCOPED);
        claims_release(claims);
    }
}

static void the_cache_is_bounded(void **state)
{
    struct token_cache *cache = token_cache_new();
    struct claims *claims = make_claims(TOKEN_PROJECT);
    uint8_t hash[TOKEN_HASH_SIZE] = {0};
    (void)state;
    for (uint32_t i = 0; i <= TOKEN_CACHE_PER_SHARD; i++) {
        memcpy(hash + 4, &i, sizeof(i)); /* all in one shard */
        token_cache_put(cache, hash, claims);
        const uint32_t first = 0;
        memcpy(hash + 4, &first, sizeof(first)); /* used again and again: stays */
        struct claims *found = token_cache_get(cache, hash);
        assert_ptr_equal(found, claims);
        claims_release(found);
    }
    const uint32_t second = 1;
    memcpy(hash + 4, &second, sizeof(second));
    assert_null(token_cache_get(cache, hash));
    assert_int_equal(atomic_load(&claims->references), 1 + TOKEN_CACHE_PER_SHARD);
    token_cache_clear(cache);
    assert_int_equal(atomic_load(&claims->references), 1);
    token_cache_free(cache);
    claims_release(claims);
}

static void the_key_file_makes_admin_tokens(void **state)
{
    struct fixture *fixture = *state;
    const char *token = NULL;
    struct claims *read = NULL;
    struct caller caller = {0};
    must(identity_issue_token(&fixture->keys, 60, &fixture->arena, &token));
    must(verify(fixture, token, &read));
    claims_to_caller(read, &caller);
    assert_true(caller.is_admin);
    assert_true(caller.system_scope);
    assert_int_equal(read->expires_us - read->issued_us, 60 * INT64_C(1000000));
    claims_release(read);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_scope_comes_back, setup, teardown),
        cmocka_unit_test_setup_teardown(credential_and_parent_come_back, setup, teardown),
        cmocka_unit_test_setup_teardown(no_byte_can_be_changed, setup, teardown),
        cmocka_unit_test_setup_teardown(another_key_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(garbage_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(too_many_roles_are_an_error, setup, teardown),
        cmocka_unit_test(bodies_come_back),
        cmocka_unit_test(broken_bodies_are_refused),
        cmocka_unit_test(callers_have_their_scope),
        cmocka_unit_test(the_cache_is_bounded),
        cmocka_unit_test_setup_teardown(the_key_file_makes_admin_tokens, setup, teardown),
    };
    must(seal_setup());
    return cmocka_run_group_tests(tests, NULL, NULL);
}
