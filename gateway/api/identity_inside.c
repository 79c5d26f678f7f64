/* See identity_inside.h. */
#include "gateway/api/identity_inside.h"

#include <stdlib.h>

#include "gateway/base/text.h"

const char *identity_new_id(struct request *request)
{
    struct uuid uuid;
    uuid_new(&uuid);
    return arena_strdup(request->arena, uuid_to_hex(&uuid).text);
}

json_t *identity_self_link(const struct request *request, const char *collection, const char *id)
{
    return json_pack("{s:s}", "self", request_link(request, "/%s/%s", collection, id));
}

void identity_reply_list(const struct request *request, struct response *response, const char *key, json_t *list)
{
    const char *self = arena_printf(request->arena, "%s%s", request->base_url, request->target);
    const bool truncated = json_array_size(list) >= IDENTITY_LIST_MAX;
    response->json = json_pack("{s:o, s:{s:n, s:s, s:n}}", key, list, "links", "next", "self", self, "previous");
    if (truncated)
        json_object_set_new(response->json, "truncated", json_true());
}

void identity_reply(struct response *response, int status, const char *key, json_t *object)
{
    response->status = status;
    response->json = json_pack("{s:o}", key, object);
}

enum err identity_reply_changed(struct request *request, struct response *response)
{
    response->status = 204;
    return identity_revoked(request->gateway->identity, request->db);
}

static bool is_true(const char *value)
{
    return !*value || str_equal(value, "1") || str_equal_nocase(value, "true");
}

bool identity_query_flag(const struct request *request, const char *name)
{
    const char *value = request_query(request, name);
    return value && is_true(value);
}

struct identity_filter identity_read_filter(const struct request *request)
{
    const char *enabled = request_query(request, "enabled");
    return (struct identity_filter){
        .name = request_query(request, "name"),
        .domain_id = request_query(request, "domain_id"),
        .enabled = enabled ? is_true(enabled) : -1,
    };
}

static const char *read_text(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_null(value) ? "" : json_string_value(value);
}

static const char *read_tags(struct request *request, const json_t *object)
{
    const json_t *tags = json_object_get(object, "tags");
    char *text = tags ? json_dumps(tags, JSON_COMPACT) : NULL;
    const char *copy = arena_strdup(request->arena, text);
    free(text);
    return copy;
}

struct identity_change identity_read_change(struct request *request, const json_t *object)
{
    const json_t *enabled = json_object_get(object, "enabled");
    return (struct identity_change){
        .name = json_string_value(json_object_get(object, "name")),
        .description = read_text(object, "description"),
        .email = read_text(object, "email"),
        .default_project_id = read_text(object, "default_project_id"),
        .tags = read_tags(request, object),
        .enabled = json_is_boolean(enabled) ? json_is_true(enabled) : -1,
    };
}

const char *identity_home_domain(const struct request *request, const json_t *object)
{
    const char *given = json_string_value(json_object_get(object, "domain_id"));
    const char *own = request->caller.domain_id ? request->caller.domain_id : request->caller.project_domain_id;
    return given ? given : own ? own : "default";
}

enum err identity_forbid(const struct request *request)
{
    return fail(E_FORBIDDEN, "You are not authorized to perform the requested action: %s %s.", request->route->method,
                request->route->path);
}

enum err identity_require_user(const struct request *request, const char *user_id)
{
    return request->caller.is_admin || str_equal(request->caller.user_id, user_id) ? OK : identity_forbid(request);
}
