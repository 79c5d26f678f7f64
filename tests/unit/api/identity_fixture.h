/* The identity service of a zone through the core, one conversation at a time. For the tests of the identity API only. */
#pragma once

#include "tests/unit/identity/fixture.h"

#include "gateway/api/identity.h"

#define TOKENS "/identity/v3/auth/tokens"

static inline enum err authenticate_by_token(struct request *request)
{
    return identity_authenticate(request->gateway->identity, request);
}

/* False without a database. */
static inline bool service_open(const char *name, const char *authority, const struct service *const *services, struct zone *out)
{
    if (!zone_open(name, authority, out))
        return false;
    out->core = (struct http_core){.gateway = &out->gateway, .services = services, .max_body = 1 << 20, .budget_ms = 20000};
    out->core.hooks.authenticate = authenticate_by_token;
    must(core_setup(&out->core));
    return true;
}

/* What a client sends; members that are NULL are left out. `subject` is X-Subject-Token. */
struct say {
    const char *method;
    const char *target;
    const char *token;
    const char *body;
    const char *subject;
};

static inline void say_to(struct zone *zone, const struct say *say, struct conversation *out)
{
    struct request *request = &out->request;
    conversation_init(zone, say->method, say->target, out);
    if (say->token)
        pairs_add(&out->arena, &request->headers, "X-Auth-Token", say->token);
    if (say->subject)
        pairs_add(&out->arena, &request->headers, "X-Subject-Token", say->subject);
    if (say->body) {
        pairs_add(&out->arena, &request->headers, "Content-Type", "application/json");
        request->body = say->body;
        request->body_length = strlen(say->body);
    }
    if (core_open(&zone->core, request, &out->response) == OK)
        core_run(&zone->core, request, &out->response);
    response_render(&out->response);
}

/* The reply's body, the caller's; an empty object when there is none. */
static inline json_t *expect(struct zone *zone, int status, const struct say *say)
{
    struct conversation conversation;
    say_to(zone, say, &conversation);
    const char *text = text_str(&conversation.response.body);
    if (conversation.response.status != status)
        print_error("%s %s: %d %s\n", say->method, say->target, conversation.response.status, text);
    assert_int_equal(conversation.response.status, status);
    json_t *body = *text ? json_loads(text, 0, NULL) : json_object();
    assert_non_null(body);
    if (status >= 400) {
        const json_t *error = json_object_get(body, "error");
        assert_int_equal(json_integer_value(json_object_get(error, "code")), status);
        assert_non_null(json_object_get(error, "title"));
        assert_non_null(json_object_get(error, "message"));
    }
    if (status == 401)
        assert_non_null(strstr(pairs_get_nocase(&conversation.response.headers, "WWW-Authenticate"), "Keystone uri="));
    if (status == 204)
        assert_int_equal(conversation.response.body.length, 0);
    assert_string_equal(pairs_get_nocase(&conversation.response.headers, "Vary"), "X-Auth-Token");
    conversation_clear(&conversation);
    return body;
}

static inline void expect_status(struct zone *zone, int status, const struct say *say)
{
    json_decref(expect(zone, status, say));
}

/* A token (free it), of a login with this `scope` text. */
static inline char *token_for(struct zone *zone, const char *user, const char *password, const char *scope)
{
    struct conversation conversation;
    char body[1024];
    (void)snprintf(body, sizeof(body),
                   "{\"auth\":{\"identity\":{\"methods\":[\"password\"],\"password\":{\"user\":{\"name\":\"%s\",\"domain\":{\"id\":"
                   "\"default\"},\"password\":\"%s\"}}}%s}}",
                   user, password, scope);
    say_to(zone, &(struct say){"POST", TOKENS, NULL, body, NULL}, &conversation);
    if (conversation.response.status != 201)
        print_error("%s\n", text_str(&conversation.response.body));
    assert_int_equal(conversation.response.status, 201);
    char *token = strdup(pairs_get_nocase(&conversation.response.headers, "X-Subject-Token"));
    conversation_clear(&conversation);
    return token;
}

/* "a/b/0/c" below `value`; fails the test when it is not there. */
static inline const json_t *at(const json_t *value, const char *path)
{
    const char *rest = path;
    while (*rest) {
        char key[64];
        const size_t length = strcspn(rest, "/");
        assert_true(length < sizeof(key));
        memcpy(key, rest, length);
        key[length] = '\0';
        value = json_is_array(value) ? json_array_get(value, (size_t)strtoul(key, NULL, 10)) : json_object_get(value, key);
        if (!value)
            print_error("%s is missing\n", path);
        assert_non_null(value);
        rest += length + (rest[length] == '/');
    }
    return value;
}

static inline const char *text_at(const json_t *value, const char *path)
{
    const char *text = json_string_value(at(value, path));
    assert_non_null(text);
    return text;
}
