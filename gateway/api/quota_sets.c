/*
 * /os-quota-sets and /os-quota-class-sets (nova-api.md section 14). Which resources there are depends on the version. Each zone has
 * its own limits: a change here changes nothing in other zones.
 */
#include <inttypes.h>
#include <string.h>

#include "gateway/api/api.h"
#include "gateway/api/body.h"
#include "gateway/api/page.h"
#include "gateway/conductor/quota.h"
#include "gateway/gateway.h"
#include "schema/identity.h"

#define CLASS_GROUPS     50 /* quota classes have server groups from here on, and nova-network's resources before */
#define CLASS_NAME_LIMIT 255

static const struct body_schema set_schemas[] = {
    {1, "quota_set_update_2_1"}, {36, "quota_set_update_2_36"}, {57, "quota_set_update_2_57"}, {0, NULL}};
static const struct body_schema class_schemas[] = {
    {1, "quota_class_set_update_2_1"}, {50, "quota_class_set_update_2_50"}, {57, "quota_class_set_update_2_57"}, {0, NULL}};

/* The last version that has the resource (0: all), and whether quota classes had it before 2.50. */
static const struct {
    int last;
    bool in_old_classes;
} presence[] = {
#define QUOTA_PRESENCE(constant, name, last, in_old_classes) {last, in_old_classes},
    QUOTA_LIST(QUOTA_PRESENCE)
#undef QUOTA_PRESENCE
};
_Static_assert(ARRAY_LEN(presence) == QUOTA_COUNT, "a quota lacks its versions");

static bool set_has(int version, enum quota quota)
{
    return !presence[quota].last || version <= presence[quota].last;
}

static bool class_has(int version, enum quota quota)
{
    return version < CLASS_GROUPS ? presence[quota].in_old_classes : set_has(version, quota);
}

/* --- quota sets */

static enum err check_names(const struct request *request)
{
    static const char *const parameters[] = {"user_id"};
    return query_check_names(request, parameters, ARRAY_LEN(parameters));
}

/* As Nova: who only reads sees the own project. */
static enum err check_policy(const struct request *request, const char *action)
{
    if (request->caller.is_admin || str_equal(request_param(request, "project_id"), request->caller.project_id))
        return OK;
    return fail(E_FORBIDDEN, "Policy doesn't allow os_compute_api:os-quota-sets:%s to be performed.", action);
}

/* Only where this zone keeps the projects itself; as in Nova, one that cannot be looked up passes. */
static enum err check_project(const struct request *request)
{
    const char *project = request_param(request, "project_id");
    struct identity_project unused;
    if (request->link || *request->gateway->config.identity.url || str_equal(project, request->caller.project_id))
        return OK;
    const enum err result = identity_project_get(request->db, request->arena, project, &unused);
    return result == E_NOT_FOUND ? fail(E_INVALID, "Project ID %.200s is not a valid project.", project) : result;
}

static json_t *set_object(const struct request *request, const char *id, const struct quota_limits *limits)
{
    json_t *set = json_object();
    if (id)
        (void)json_object_set_new(set, "id", json_string(id));
    for (int i = 0; i < QUOTA_COUNT; i++) {
        if (set_has(request->version, (enum quota)i))
            (void)json_object_set_new(set, quota_name((enum quota)i), json_integer(limits->of[i]));
    }
    return json_pack("{s:o}", "quota_set", set);
}

static enum err set_show(struct request *request, struct response *response)
{
    const char *project = request_param(request, "project_id");
    struct quota_limits limits;
    TRY(check_policy(request, "show"));
    TRY(check_names(request));
    TRY(check_project(request));
    TRY(quota_limits_get(request, project, request_query(request, "user_id"), &limits));
    response->json = set_object(request, project, &limits);
    return OK;
}

static enum err set_defaults(struct request *request, struct response *response)
{
    struct quota_limits limits;
    if (request->caller.is_admin) /* a member cannot look projects up: for him, as in Nova, any has the defaults */
        TRY(check_project(request));
    TRY(quota_defaults(request, &limits));
    response->json = set_object(request, request_param(request, "project_id"), &limits);
    return OK;
}

static enum err set_detail(struct request *request, struct response *response)
{
    const char *project = request_param(request, "project_id");
    const char *user = request_query(request, "user_id");
    struct quota_limits limits;
    struct quota_limits used;
    TRY(check_policy(request, "detail"));
    TRY(check_names(request));
    TRY(check_project(request));
    TRY(quota_limits_get(request, project, user, &limits));
    TRY(quota_used(request, response, project, user, &used));
    json_t *set = json_pack("{s:s}", "id", project);
    for (int i = 0; i < QUOTA_COUNT; i++) {
        if (set_has(request->version, (enum quota)i))
            (void)json_object_set_new(
                set, quota_name((enum quota)i),
                json_pack("{s:I, s:I, s:i}", "limit", (json_int_t)limits.of[i], "in_use", (json_int_t)used.of[i], "reserved", 0));
    }
    response->json = json_pack("{s:o}", "quota_set", set);
    return OK;
}

/* Between which values a limit may be set without force; -1 as `most` is unlimited. */
struct bounds {
    struct quota_limits least;
    struct quota_limits most;
};

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* A project's limit is no less than what it uses and what its users were given. */
static enum err project_bounds(struct request *request, struct response *response, const char *project, struct bounds *out)
{
    struct quota_rows given;
    TRY(quota_used(request, response, project, NULL, &out->least));
    TRY(quota_users_sum(request->db, project, &given));
    for (size_t i = 0; i < QUOTA_COUNT; i++) {
        out->least.of[i] = larger(out->least.of[i], given.known[i] ? given.limit[i] : 0);
        out->most.of[i] = -1;
    }
    return OK;
}

/* A user's limit is no less than what the user uses, and no more than what the project has left to give. */
static enum err user_bounds(struct request *request, struct response *response, const char *project, const char *user,
                            struct bounds *out)
{
    struct quota_limits limits;
    struct quota_rows given;
    struct quota_rows own;
    TRY(quota_used(request, response, project, user, &out->least));
    TRY(quota_limits_get(request, project, NULL, &limits));
    TRY(quota_users_sum(request->db, project, &given));
    TRY(quota_rows_get(request->db, project, user, &own));
    for (size_t i = 0; i < QUOTA_COUNT; i++)
        out->most.of[i] = limits.of[i] < 0 ? -1 : larger(0, limits.of[i] - given.limit[i] + own.limit[i]);
    return OK;
}

static enum err check_bounds(const struct bounds *bounds, enum quota quota, int64_t limit)
{
    const int64_t least = bounds->least.of[quota];
    const int64_t most = bounds->most.of[quota];
    if (limit >= 0 && limit < least)
        return fail(E_INVALID,
                    "Quota limit %" PRId64 " for %s must be greater than or equal to already used and reserved %" PRId64 ".", limit,
                    quota_name(quota), least);
    if (most >= 0 && (limit < 0 || limit > most))
        return fail(E_INVALID, "Quota limit %" PRId64 " for %s must be less than or equal to %" PRId64 ".", limit,
                    quota_name(quota), most);
    return OK;
}

/* `bounds` NULL: whatever the use. */
static enum err read_rows(const json_t *body, const struct bounds *bounds, struct quota_rows *out)
{
    *out = (struct quota_rows){0};
    if (json_object_get(body, "networks"))
        return fail(E_INVALID, "The networks quota has been removed");
    for (int i = 0; i < QUOTA_COUNT; i++) {
        const json_t *value = json_object_get(body, quota_name((enum quota)i));
        if (!value)
            continue;
        out->limit[i] = body_number(value);
        out->known[i] = true;
        if (bounds)
            TRY(check_bounds(bounds, (enum quota)i, out->limit[i]));
    }
    return OK;
}

static enum err set_update(struct request *request, struct response *response)
{
    const char *project = request_param(request, "project_id");
    const char *user = request_query(request, "user_id");
    const json_t *body = json_object_get(request->json, "quota_set");
    struct bounds bounds;
    struct quota_rows rows;
    struct quota_limits limits;
    TRY(check_names(request));
    TRY(check_project(request));
    TRY(user ? user_bounds(request, response, project, user, &bounds) : project_bounds(request, response, project, &bounds));
    TRY(read_rows(body, body_true(json_object_get(body, "force")) ? NULL : &bounds, &rows));
    TRY(quota_rows_set(request->db, project, user, &rows));
    TRY(quota_limits_get(request, project, user, &limits));
    response->json = set_object(request, NULL, &limits);
    return OK;
}

static enum err set_delete(struct request *request, struct response *response)
{
    TRY(check_names(request));
    response->status = 202;
    return quota_rows_forget(request->db, request_param(request, "project_id"), request_query(request, "user_id"));
}

/* --- quota classes */

static enum err reply_class(struct request *request, struct response *response, bool with_id)
{
    const char *name = request_param(request, "class_name");
    struct quota_limits limits;
    TRY(quota_of_class(request, name, &limits));
    json_t *set = json_object();
    if (with_id)
        (void)json_object_set_new(set, "id", json_string(name));
    for (int i = 0; i < QUOTA_COUNT; i++) {
        if (class_has(request->version, (enum quota)i))
            (void)json_object_set_new(set, quota_name((enum quota)i), json_integer(limits.of[i]));
    }
    response->json = json_pack("{s:o}", "quota_class_set", set);
    return OK;
}

static enum err class_show(struct request *request, struct response *response)
{
    return reply_class(request, response, true);
}

static enum err class_update(struct request *request, struct response *response)
{
    const char *name = request_param(request, "class_name");
    struct quota_rows rows;
    if (strlen(name) > CLASS_NAME_LIMIT)
        return fail(E_INVALID, "Invalid input received: quota_class_name has %zu characters, more than %d.", strlen(name),
                    CLASS_NAME_LIMIT);
    TRY(read_rows(json_object_get(request->json, "quota_class_set"), NULL, &rows));
    TRY(quota_class_set(request->db, name, &rows));
    return reply_class(request, response, false);
}

const struct route quota_routes[] = {
    {.method = "GET", .path = "/os-quota-sets/{project_id}", .access = ACCESS_READER, .handler = set_show},
    {.method = "GET", .path = "/os-quota-sets/{project_id}/detail", .access = ACCESS_READER, .handler = set_detail},
    {.method = "GET", .path = "/os-quota-sets/{project_id}/defaults", .access = ACCESS_READER, .handler = set_defaults},
    {.method = "PUT",
     .path = "/os-quota-sets/{project_id}",
     .access = ACCESS_ADMIN,
     .policy = "os_compute_api:os-quota-sets:update",
     .handler = set_update,
     .body = BODY_JSON,
     .schemas = set_schemas},
    {.method = "DELETE",
     .path = "/os-quota-sets/{project_id}",
     .access = ACCESS_ADMIN,
     .policy = "os_compute_api:os-quota-sets:delete",
     .handler = set_delete},
    {.method = "GET",
     .path = "/os-quota-class-sets/{class_name}",
     .access = ACCESS_ADMIN,
     .policy = "os_compute_api:os-quota-class-sets:show",
     .handler = class_show},
    {.method = "PUT",
     .path = "/os-quota-class-sets/{class_name}",
     .access = ACCESS_ADMIN,
     .policy = "os_compute_api:os-quota-class-sets:update",
     .handler = class_update,
     .body = BODY_JSON,
     .schemas = class_schemas},
    {.method = NULL},
};
