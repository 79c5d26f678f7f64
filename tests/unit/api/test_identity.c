/* The identity API of a zone that keeps its users: status codes and bodies as clients see them. Needs ZONEGATE_TEST_DATABASE. */
#include "tests/unit/api/identity_fixture.h"

static const struct service *const services[] = {&identity_service, &identity_versions_service, NULL};

struct fixture {
    struct zone zone;
    struct arena arena;
    char *admin; /* tokens */
    char *ann;   /* reader on her own project */
    const char *ann_id;
    const char *project_id;
    const char *reader_id;
};

/* Makes what the body describes and gives its id. */
static const char *create(struct fixture *fixture, const char *target, const char *key, const char *body)
{
    json_auto_t *reply = expect(&fixture->zone, 201, &(struct say){"POST", target, fixture->admin, body, NULL});
    return arena_strdup(&fixture->arena, text_at(at(reply, key), "id"));
}

static const char *path(struct fixture *fixture, const char *format, ...) __attribute__((format(printf, 2, 3)));
static const char *path(struct fixture *fixture, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const char *rest = arena_vprintf(&fixture->arena, format, arguments);
    va_end(arguments);
    return arena_printf(&fixture->arena, "/identity/v3%s", rest);
}

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    *state = fixture;
    if (!service_open("zonegate_test_identity", "", services, &fixture->zone))
        return 0;
    must(identity_bootstrap(fixture->zone.db, &(struct bootstrap){.username = "admin", .password = PASSWORD}));
    fixture->admin = token_for(&fixture->zone, "admin", PASSWORD, "");
    fixture->project_id = create(fixture, "/identity/v3/projects", "project", "{\"project\":{\"name\":\"demo\"}}");
    fixture->ann_id = create(fixture, "/identity/v3/users", "user",
                             arena_printf(&fixture->arena,
                                          "{\"user\":{\"name\":\"ann\",\"password\":\"%s\",\"enabled\":true,\"email\":\"a@b\","
                                          "\"default_project_id\":\"%s\"}}",
                                          PASSWORD, fixture->project_id));
    json_auto_t *roles = expect(&fixture->zone, 200, &(struct say){"GET", "/identity/v3/roles?name=reader", fixture->admin, 0, 0});
    fixture->reader_id = arena_strdup(&fixture->arena, text_at(roles, "roles/0/id"));
    expect_status(
        &fixture->zone, 204,
        &(struct say){"PUT",
                      path(fixture, "/projects/%s/users/%s/roles/%s", fixture->project_id, fixture->ann_id, fixture->reader_id),
                      fixture->admin, NULL, NULL});
    fixture->ann = token_for(&fixture->zone, "ann", PASSWORD, "");
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    if (fixture->zone.db)
        zone_close(&fixture->zone);
    free(fixture->admin);
    free(fixture->ann);
    arena_clear(&fixture->arena);
    free(fixture);
    return 0;
}

static struct fixture *need(void **state)
{
    struct fixture *fixture = *state;
    if (!fixture->zone.db)
        skip();
    return fixture;
}

static void discovery_needs_no_token(void **state)
{
    struct fixture *fixture = need(state);
    json_auto_t *v3 = expect(&fixture->zone, 200, &(struct say){.method = "GET", .target = "/identity/v3"});
    assert_string_equal(text_at(v3, "version/id"), "v3.14");
    assert_string_equal(text_at(v3, "version/status"), "stable");
    assert_string_equal(text_at(v3, "version/links/0/href"), "http://zone:8774/identity/v3/");
    json_auto_t *slash = expect(&fixture->zone, 200, &(struct say){.method = "GET", .target = "/identity/v3/"});
    assert_true(json_equal(v3, slash));
    json_auto_t *root = expect(&fixture->zone, 300, &(struct say){.method = "GET", .target = "/identity"});
    assert_true(json_equal(at(root, "versions/values/0"), at(v3, "version")));
    expect_status(&fixture->zone, 405, &(struct say){.method = "POST", .target = "/identity"});
    expect_status(&fixture->zone, 404, &(struct say){.method = "GET", .target = "/identity/v2.0"});
    expect_status(&fixture->zone, 404, &(struct say){.method = "GET", .target = "/identity/v3/nothing"});
}

static void tokens_are_shown_and_revoked(void **state)
{
    struct fixture *fixture = need(state);
    struct zone *zone = &fixture->zone;
    json_auto_t *body = expect(zone, 200, &(struct say){"GET", TOKENS, fixture->ann, NULL, fixture->ann});
    assert_string_equal(text_at(body, "token/user/name"), "ann");
    assert_string_equal(text_at(body, "token/user/domain/id"), "default");
    assert_string_equal(text_at(body, "token/project/id"), fixture->project_id);
    assert_string_equal(text_at(body, "token/roles/0/name"), "reader");
    assert_int_equal(json_array_size(at(body, "token/roles")), 1);
    assert_true(json_array_size(at(body, "token/catalog")) >= 3);
    assert_int_equal(json_array_size(at(body, "token/catalog/0/endpoints")), 3);
    assert_string_equal(text_at(body, "token/catalog/0/endpoints/0/region_id"), "RegionOne");
    assert_string_equal(text_at(body, "token/catalog/1/endpoints/0/url"), "http://zone:8774/compute/v2.1");
    json_auto_t *bare = expect(zone, 200, &(struct say){"GET", TOKENS "?nocatalog", fixture->admin, NULL, fixture->ann});
    assert_null(json_object_get(at(bare, "token"), "catalog"));
    expect_status(zone, 200, &(struct say){"HEAD", TOKENS, fixture->admin, NULL, fixture->ann});
    expect_status(zone, 403, &(struct say){"GET", TOKENS, fixture->ann, NULL, fixture->admin});
    expect_status(zone, 403, &(struct say){"DELETE", TOKENS, fixture->ann, NULL, fixture->admin});
    expect_status(zone, 404, &(struct say){"GET", TOKENS, fixture->admin, NULL, "zg1.nonsense.x"});
    expect_status(zone, 400, &(struct say){"GET", TOKENS, fixture->admin, NULL, NULL});
    expect_status(zone, 401, &(struct say){"GET", TOKENS, NULL, NULL, fixture->admin});
    expect_status(zone, 401, &(struct say){"GET", TOKENS, "nonsense", NULL, fixture->admin});
    expect_status(zone, 204, &(struct say){"DELETE", TOKENS, fixture->ann, NULL, fixture->ann});
    expect_status(zone, 401, &(struct say){"GET", TOKENS, fixture->ann, NULL, fixture->ann});
    expect_status(zone, 404, &(struct say){"GET", TOKENS, fixture->admin, NULL, fixture->ann});
}

static void logins_are_checked(void **state)
{
    static const char *const bad[] = {
        "{}",
        "[]",
        "{\"auth\":{}}",
        "{\"auth\":{\"identity\":{}}}",
        "{\"auth\":{\"identity\":{\"methods\":[]}}}",
        "{\"auth\":{\"identity\":{\"methods\":[\"password\"]}}}",
        "{\"auth\":{\"identity\":{\"methods\":[\"password\"],\"password\":{\"user\":{\"name\":7,\"password\":\"x\"}}}}}",
    };
    struct fixture *fixture = need(state);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        expect_status(&fixture->zone, 400, &(struct say){"POST", TOKENS, NULL, bad[i], NULL});
    expect_status(&fixture->zone, 401,
                  &(struct say){"POST", TOKENS, NULL,
                                "{\"auth\":{\"identity\":{\"methods\":[\"password\"],\"password\":{\"user\":{\"name\":\"ann\","
                                "\"domain\":{\"name\":\"Default\"},\"password\":\"wrong\"}}}}}",
                                NULL});
    char *unscoped = token_for(&fixture->zone, "ann", PASSWORD, ",\"scope\":\"unscoped\"");
    json_auto_t *body = expect(&fixture->zone, 200, &(struct say){"GET", TOKENS, unscoped, NULL, unscoped});
    assert_null(json_object_get(at(body, "token"), "roles"));
    assert_null(json_object_get(at(body, "token"), "project"));
    assert_null(json_object_get(at(body, "token"), "catalog"));
    free(unscoped);
}

/* Everything but self-service needs an admin: all routes with a user's token. */
static void users_may_only_what_is_theirs(void **state)
{
    struct fixture *fixture = need(state);
    const struct {
        int status;
        const char *method;
        const char *target;
    } rows[] = {
        {200, "GET", path(fixture, "/users/%s", fixture->ann_id)},
        {200, "GET", path(fixture, "/users/%s/projects", fixture->ann_id)},
        {200, "GET", path(fixture, "/users/%s/groups", fixture->ann_id)},
        {200, "GET", path(fixture, "/users/%s/application_credentials", fixture->ann_id)},
        {200, "GET", path(fixture, "/projects/%s", fixture->project_id)},
        {200, "GET", path(fixture, "/domains/default")},
        {200, "GET", path(fixture, "/auth/projects")},
        {200, "GET", path(fixture, "/auth/domains")},
        {200, "GET", path(fixture, "/auth/system")},
        {200, "GET", path(fixture, "/auth/catalog")},
        {200, "GET", path(fixture, "/regions")},
        {403, "GET", path(fixture, "/users")},
        {403, "GET", path(fixture, "/users/other")},
        {403, "GET", path(fixture, "/users/other/projects")},
        {403, "GET", path(fixture, "/users/other/application_credentials")},
        {403, "GET", path(fixture, "/projects")},
        {403, "GET", path(fixture, "/projects/other")},
        {403, "GET", path(fixture, "/domains")},
        {403, "GET", path(fixture, "/domains/other")},
        {403, "GET", path(fixture, "/roles")},
        {403, "GET", path(fixture, "/role_assignments")},
        {403, "GET", path(fixture, "/services")},
        {403, "GET", path(fixture, "/endpoints")},
        {403, "GET", path(fixture, "/groups")},
        {403, "GET", path(fixture, "/zonegate/revocations")},
        {403, "POST", path(fixture, "/users")},
        {403, "POST", path(fixture, "/projects")},
        {403, "PATCH", path(fixture, "/users/%s", fixture->ann_id)},
        {403, "DELETE", path(fixture, "/users/%s", fixture->ann_id)},
        {403, "DELETE", path(fixture, "/projects/%s", fixture->project_id)},
        {403, "PUT", path(fixture, "/system/users/%s/roles/%s", fixture->ann_id, fixture->reader_id)},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        expect_status(&fixture->zone, rows[i].status, &(struct say){rows[i].method, rows[i].target, fixture->ann, NULL, NULL});
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        expect_status(&fixture->zone, 401, &(struct say){rows[i].method, rows[i].target, NULL, NULL, NULL});
}

static void projects_live(void **state)
{
    struct fixture *fixture = need(state);
    struct zone *zone = &fixture->zone;
    const char *admin = fixture->admin;
    json_auto_t *made = expect(zone, 201,
                               &(struct say){"POST", "/identity/v3/projects", admin,
                                             "{\"project\":{\"name\":\"new\",\"description\":\"d\",\"domain_id\":\"default\","
                                             "\"tags\":[\"x\"],\"enabled\":true,\"options\":{},\"is_domain\":false}}",
                                             NULL});
    const char *id = text_at(made, "project/id");
    const char *target = path(fixture, "/projects/%s", id);
    assert_int_equal(strlen(id), 32);
    assert_string_equal(text_at(made, "project/parent_id"), "default");
    assert_string_equal(text_at(made, "project/tags/0"), "x");
    json_auto_t *list = expect(zone, 200, &(struct say){"GET", "/identity/v3/projects?name=new&domain_id=default", admin, 0, 0});
    assert_int_equal(json_array_size(at(list, "projects")), 1);
    assert_true(json_equal(at(list, "projects/0"), at(made, "project")));
    assert_true(json_is_null(at(list, "links/next")));
    expect_status(zone, 409, &(struct say){"POST", "/identity/v3/projects", admin, "{\"project\":{\"name\":\"new\"}}", NULL});
    expect_status(
        zone, 404,
        &(struct say){"POST", "/identity/v3/projects", admin, "{\"project\":{\"name\":\"n\",\"domain_id\":\"x\"}}", NULL});
    expect_status(
        zone, 400,
        &(struct say){"POST", "/identity/v3/projects", admin, "{\"project\":{\"name\":\"n\",\"parent_id\":\"x\"}}", NULL});
    expect_status(zone, 400, &(struct say){"POST", "/identity/v3/projects", admin, "{\"project\":{\"name\":\"\"}}", NULL});
    expect_status(zone, 400, &(struct say){"POST", "/identity/v3/projects", admin, "{\"project\":{\"nam\":\"x\"}}", NULL});
    json_auto_t *changed = expect(
        zone, 200,
        &(struct say){"PATCH", target, admin, "{\"project\":{\"name\":\"newer\",\"description\":null,\"enabled\":false}}", 0});
    assert_string_equal(text_at(changed, "project/name"), "newer");
    assert_string_equal(text_at(changed, "project/description"), "");
    assert_true(json_is_false(at(changed, "project/enabled")));
    json_auto_t *disabled = expect(zone, 200, &(struct say){"GET", "/identity/v3/projects?enabled=False", admin, NULL, NULL});
    assert_int_equal(json_array_size(at(disabled, "projects")), 1);
    expect_status(zone, 204, &(struct say){"DELETE", target, admin, NULL, NULL});
    expect_status(zone, 404, &(struct say){"GET", target, admin, NULL, NULL});
    expect_status(zone, 404, &(struct say){"DELETE", target, admin, NULL, NULL});
    expect_status(zone, 404, &(struct say){"PATCH", target, admin, "{\"project\":{}}", NULL});
}

static void users_live(void **state)
{
    struct fixture *fixture = need(state);
    struct zone *zone = &fixture->zone;
    const char *target = path(fixture, "/users/%s", fixture->ann_id);
    json_auto_t *shown = expect(zone, 200, &(struct say){"GET", target, fixture->ann, NULL, NULL});
    assert_string_equal(text_at(shown, "user/email"), "a@b");
    assert_true(json_is_null(at(shown, "user/password_expires_at")));
    assert_null(json_object_get(at(shown, "user"), "password"));
    json_auto_t *list = expect(zone, 200, &(struct say){"GET", "/identity/v3/users?name=ann", fixture->admin, NULL, NULL});
    assert_true(json_equal(at(list, "users/0"), at(shown, "user")));
    expect_status(zone, 409, &(struct say){"POST", "/identity/v3/users", fixture->admin, "{\"user\":{\"name\":\"ann\"}}", NULL});
    expect_status(zone, 200, &(struct say){"PATCH", target, fixture->admin, "{\"user\":{\"email\":null}}", NULL});
    expect_status(zone, 200, &(struct say){"GET", target, fixture->ann, NULL, NULL}); /* her token is not concerned */
    expect_status(zone, 401,
                  &(struct say){"POST", path(fixture, "/users/%s/password", fixture->ann_id), NULL,
                                "{\"user\":{\"password\":\"new\",\"original_password\":\"wrong\"}}", NULL});
    expect_status(zone, 204,
                  &(struct say){"POST", path(fixture, "/users/%s/password", fixture->ann_id), NULL,
                                "{\"user\":{\"password\":\"new\",\"original_password\":\"" PASSWORD "\"}}", NULL});
    expect_status(zone, 401, &(struct say){"GET", target, fixture->ann, NULL, NULL});
    char *token = token_for(zone, "ann", "new", "");
    expect_status(zone, 200, &(struct say){"PATCH", target, fixture->admin, "{\"user\":{\"enabled\":false}}", NULL});
    expect_status(zone, 401, &(struct say){"GET", target, token, NULL, NULL});
    expect_status(zone, 204, &(struct say){"DELETE", target, fixture->admin, NULL, NULL});
    expect_status(zone, 404, &(struct say){"GET", target, fixture->admin, NULL, NULL});
    free(token);
}

static void domains_live(void **state)
{
    struct fixture *fixture = need(state);
    struct zone *zone = &fixture->zone;
    const char *id = create(fixture, "/identity/v3/domains", "domain", "{\"domain\":{\"name\":\"d\"}}");
    const char *target = path(fixture, "/domains/%s", id);
    json_auto_t *list = expect(zone, 200, &(struct say){"GET", "/identity/v3/domains?name=d", fixture->admin, NULL, NULL});
    assert_string_equal(text_at(list, "domains/0/id"), id);
    const char *body = arena_printf(&fixture->arena, "{\"user\":{\"name\":\"ann\",\"domain_id\":\"%s\"}}", id);
    const char *user = create(fixture, "/identity/v3/users", "user", body);
    expect_status(zone, 403, &(struct say){"DELETE", target, fixture->admin, NULL, NULL});
    expect_status(zone, 200, &(struct say){"PATCH", target, fixture->admin, "{\"domain\":{\"enabled\":false}}", NULL});
    expect_status(zone, 204, &(struct say){"DELETE", target, fixture->admin, NULL, NULL});
    expect_status(zone, 404, &(struct say){"GET", path(fixture, "/users/%s", user), fixture->admin, NULL, NULL});
    expect_status(zone, 200, &(struct say){"GET", path(fixture, "/users/%s", fixture->ann_id), fixture->admin, NULL, NULL});
}

static void roles_and_grants_live(void **state)
{
    struct fixture *fixture = need(state);
    struct zone *zone = &fixture->zone;
    const char *admin = fixture->admin;
    const char *role = create(fixture, "/identity/v3/roles", "role", "{\"role\":{\"name\":\"auditor\"}}");
    const char *places[] = {
        path(fixture, "/projects/%s/users/%s/roles", fixture->project_id, fixture->ann_id),
        path(fixture, "/domains/default/users/%s/roles", fixture->ann_id),
        path(fixture, "/system/users/%s/roles", fixture->ann_id),
    };
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        const char *one = arena_printf(&fixture->arena, "%s/%s", places[i], role);
        const size_t before = i == 0; /* reader on her project */
        expect_status(zone, 404, &(struct say){"GET", one, admin, NULL, NULL});
        expect_status(zone, 204, &(struct say){"PUT", one, admin, NULL, NULL});
        expect_status(zone, 204, &(struct say){"PUT", one, admin, NULL, NULL});
        expect_status(zone, 204, &(struct say){"HEAD", one, admin, NULL, NULL});
        json_auto_t *list = expect(zone, 200, &(struct say){"GET", places[i], admin, NULL, NULL});
        assert_int_equal(json_array_size(at(list, "roles")), before + 1);
        expect_status(zone, 204, &(struct say){"DELETE", one, admin, NULL, NULL});
        expect_status(zone, 404, &(struct say){"DELETE", one, admin, NULL, NULL});
        expect_status(zone, 404, &(struct say){"PUT", arena_printf(&fixture->arena, "%s/none", places[i]), admin, NULL, NULL});
    }
    expect_status(zone, 404, &(struct say){"PUT", path(fixture, "/system/users/none/roles/%s", role), admin, NULL, NULL});
    expect_status(zone, 404,
                  &(struct say){"PUT", path(fixture, "/projects/none/users/%s/roles/%s", fixture->ann_id, role), admin, 0, 0});
    expect_status(zone, 409, &(struct say){"POST", "/identity/v3/roles", admin, "{\"role\":{\"name\":\"ADMIN\"}}", NULL});
    expect_status(zone, 403, &(struct say){"DELETE", path(fixture, "/roles/%s", fixture->reader_id), admin, NULL, NULL});
    expect_status(zone, 403,
                  &(struct say){"PATCH", path(fixture, "/roles/%s", fixture->reader_id), admin, "{\"role\":{\"name\":\"x\"}}", 0});
    expect_status(zone, 200, &(struct say){"PATCH", path(fixture, "/roles/%s", role), admin, "{\"role\":{\"name\":\"x\"}}", NULL});
    expect_status(zone, 204, &(struct say){"DELETE", path(fixture, "/roles/%s", role), admin, NULL, NULL});
    expect_status(zone, 404, &(struct say){"GET", path(fixture, "/roles/%s", role), admin, NULL, NULL});
}

static void assignments_are_listed(void **state)
{
    struct fixture *fixture = need(state);
    const struct {
        const char *query;
        size_t count;
    } rows[] = {
        {"", 10},
        {"?effective", 10},
        {"?scope.system=all", 3},
        {"?scope.domain.id=default", 3},
        {arena_printf(&fixture->arena, "?user.id=%s", fixture->ann_id), 1},
        {arena_printf(&fixture->arena, "?scope.project.id=%s", fixture->project_id), 1},
        {arena_printf(&fixture->arena, "?role.id=%s", fixture->reader_id), 4},
        {arena_printf(&fixture->arena, "?role.id=%s&user.id=%s", fixture->reader_id, fixture->ann_id), 1},
        {"?group.id=x", 0},
        {"?user.id=x", 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *target = path(fixture, "/role_assignments%s", rows[i].query);
        json_auto_t *list = expect(&fixture->zone, 200, &(struct say){"GET", target, fixture->admin, NULL, NULL});
        assert_int_equal(json_array_size(at(list, "role_assignments")), rows[i].count);
    }
    const char *named = path(fixture, "/role_assignments?include_names=True&user.id=%s", fixture->ann_id);
    json_auto_t *list = expect(&fixture->zone, 200, &(struct say){"GET", named, fixture->admin, NULL, NULL});
    assert_string_equal(text_at(list, "role_assignments/0/user/name"), "ann");
    assert_string_equal(text_at(list, "role_assignments/0/user/domain/name"), "Default");
    assert_string_equal(text_at(list, "role_assignments/0/scope/project/name"), "demo");
    assert_string_equal(text_at(list, "role_assignments/0/role/name"), "reader");
}

static void the_catalog_is_read_only(void **state)
{
    struct fixture *fixture = need(state);
    struct zone *zone = &fixture->zone;
    json_auto_t *list = expect(zone, 200, &(struct say){"GET", "/identity/v3/services?type=compute", fixture->admin, NULL, NULL});
    assert_string_equal(text_at(list, "services/0/name"), "nova");
    const char *id = text_at(list, "services/0/id");
    expect_status(zone, 200, &(struct say){"GET", path(fixture, "/services/%s", id), fixture->admin, NULL, NULL});
    const char *of = path(fixture, "/endpoints?service_id=%s&interface=public", id);
    json_auto_t *endpoints = expect(zone, 200, &(struct say){"GET", of, fixture->admin, NULL, NULL});
    assert_int_equal(json_array_size(at(endpoints, "endpoints")), 1);
    const char *endpoint = path(fixture, "/endpoints/%s", text_at(endpoints, "endpoints/0/id"));
    expect_status(zone, 200, &(struct say){"GET", endpoint, fixture->admin, NULL, NULL});
    expect_status(zone, 200, &(struct say){"GET", "/identity/v3/regions/RegionOne", fixture->ann, NULL, NULL});
    expect_status(zone, 404, &(struct say){"GET", "/identity/v3/regions/None", fixture->ann, NULL, NULL});
    expect_status(zone, 404, &(struct say){"GET", "/identity/v3/services/none", fixture->admin, NULL, NULL});
    expect_status(zone, 405, &(struct say){"POST", "/identity/v3/services", fixture->admin, "{}", NULL});
    expect_status(zone, 405, &(struct say){"DELETE", endpoint, fixture->admin, NULL, NULL});
    expect_status(zone, 404, &(struct say){"POST", "/identity/v3/groups", fixture->admin, "{}", NULL});
    expect_status(zone, 404, &(struct say){"GET", "/identity/v3/groups/x", fixture->admin, NULL, NULL});
    expect_status(zone, 200, &(struct say){"GET", "/identity/v3/groups", fixture->admin, NULL, NULL});
}

static char *credential_token(struct zone *zone, const char *body)
{
    struct conversation conversation;
    say_to(zone, &(struct say){"POST", TOKENS, NULL, body, NULL}, &conversation);
    if (conversation.response.status != 201)
        print_error("%s\n", text_str(&conversation.response.body));
    assert_int_equal(conversation.response.status, 201);
    char *token = strdup(pairs_get_nocase(&conversation.response.headers, "X-Subject-Token"));
    conversation_clear(&conversation);
    return token;
}

static void application_credentials_live(void **state)
{
    struct fixture *fixture = need(state);
    struct zone *zone = &fixture->zone;
    const char *target = path(fixture, "/users/%s/application_credentials", fixture->ann_id);
    json_auto_t *made = expect(
        zone, 201, &(struct say){"POST", target, fixture->ann, "{\"application_credential\":{\"name\":\"ci\",\"roles\":null}}", 0});
    const char *id = text_at(made, "application_credential/id");
    const char *secret = text_at(made, "application_credential/secret");
    assert_string_equal(text_at(made, "application_credential/roles/0/name"), "reader");
    assert_string_equal(text_at(made, "application_credential/project_id"), fixture->project_id);
    assert_true(json_is_null(at(made, "application_credential/expires_at")));
    const char *one = arena_printf(&fixture->arena, "%s/%s", target, id);
    json_auto_t *shown = expect(zone, 200, &(struct say){"GET", one, fixture->ann, NULL, NULL});
    assert_null(json_object_get(at(shown, "application_credential"), "secret"));
    json_auto_t *list =
        expect(zone, 200, &(struct say){"GET", arena_printf(&fixture->arena, "%s?name=ci", target), fixture->ann, 0, 0});
    assert_int_equal(json_array_size(at(list, "application_credentials")), 1);
    char *by_id = credential_token(
        zone, arena_printf(&fixture->arena,
                           "{\"auth\":{\"identity\":{\"methods\":[\"application_credential\"],\"application_credential\":{\"id\":"
                           "\"%s\",\"secret\":\"%s\"}}}}",
                           id, secret));
    char *by_name = credential_token(
        zone, arena_printf(&fixture->arena,
                           "{\"auth\":{\"identity\":{\"methods\":[\"application_credential\"],\"application_credential\":{\"name\":"
                           "\"ci\",\"secret\":\"%s\",\"user\":{\"id\":\"%s\"}}}}}",
                           secret, fixture->ann_id));
    json_auto_t *token = expect(zone, 200, &(struct say){"GET", TOKENS, by_id, NULL, by_id});
    assert_string_equal(text_at(token, "token/methods/0"), "application_credential");
    assert_string_equal(text_at(token, "token/application_credential/name"), "ci");
    assert_string_equal(text_at(token, "token/project/id"), fixture->project_id);
    static const char another[] = "{\"application_credential\":{\"name\":\"more\"}}";
    expect_status(zone, 403, &(struct say){"POST", target, by_id, another, NULL}); /* restricted */
    expect_status(zone, 403, &(struct say){"DELETE", one, by_id, NULL, NULL});
    expect_status(zone, 403, &(struct say){"POST", target, fixture->admin, another, NULL}); /* of somebody else */
    expect_status(zone, 204, &(struct say){"DELETE", one, fixture->ann, NULL, NULL});
    expect_status(zone, 401, &(struct say){"GET", TOKENS, by_id, NULL, by_id});
    expect_status(zone, 401, &(struct say){"GET", TOKENS, by_name, NULL, by_name});
    expect_status(zone, 404, &(struct say){"GET", one, fixture->ann, NULL, NULL});
    free(by_id);
    free(by_name);
}

static void application_credentials_are_checked(void **state)
{
    static const struct {
        int status;
        const char *body;
    } rows[] = {
        {201, "{\"application_credential\":{\"name\":\"a\",\"roles\":[{\"name\":\"reader\"}]}}"},
        {409, "{\"application_credential\":{\"name\":\"a\"}}"},
        {400, "{\"application_credential\":{\"name\":\"b\",\"roles\":[{\"name\":\"admin\"}]}}"},
        {400, "{\"application_credential\":{\"name\":\"b\",\"expires_at\":\"2020-01-01T00:00:00\"}}"},
        {400, "{\"application_credential\":{\"name\":\"b\",\"expires_at\":\"soon\"}}"},
        {400, "{\"application_credential\":{\"name\":\"b\",\"access_rules\":[{\"path\":\"/\"}]}}"},
        {400, "{\"application_credential\":{}}"},
        {201, "{\"application_credential\":{\"name\":\"b\",\"expires_at\":\"2999-01-01T00:00:00\",\"unrestricted\":true}}"},
    };
    struct fixture *fixture = need(state);
    const char *target = path(fixture, "/users/%s/application_credentials", fixture->ann_id);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        expect_status(&fixture->zone, rows[i].status, &(struct say){"POST", target, fixture->ann, rows[i].body, NULL});
    char *unscoped = token_for(&fixture->zone, "ann", PASSWORD, ",\"scope\":\"unscoped\"");
    expect_status(&fixture->zone, 400, &(struct say){"POST", target, unscoped, rows[1].body, NULL});
    free(unscoped);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(discovery_needs_no_token),
        CASE(tokens_are_shown_and_revoked),
        CASE(logins_are_checked),
        CASE(users_may_only_what_is_theirs),
        CASE(projects_live),
        CASE(users_live),
        CASE(domains_live),
        CASE(roles_and_grants_live),
        CASE(assignments_are_listed),
        CASE(the_catalog_is_read_only),
        CASE(application_credentials_live),
        CASE(application_credentials_are_checked),
    };
    log_setup(LOG_LEVEL_ERROR, "test");
    must(seal_setup());
    must(json_schemas_open());
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    json_schemas_close();
    return failed;
}
