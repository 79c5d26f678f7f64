/*
 * The life of a request in two steps (core.h): what can be decided from its head, and what needs a worker.
 *
 * Every function leaves a complete response behind, whatever went wrong. Nothing here waits but the hooks and the handler.
 */
#include <string.h>

#include "gateway/base/id.h"
#include "gateway/base/log.h"
#include "gateway/http/core/inside.h"

enum err core_setup(struct http_core *core)
{
    return routing_compile(core->services, &core->routing);
}

void core_clear(struct http_core *core)
{
    routing_free(core->routing);
    core->routing = NULL;
}

static void prepare(const struct http_core *core, struct request *request)
{
    char id[REQUEST_ID_SIZE];
    request_id_new(id);
    request->core = core;
    request->gateway = core->gateway;
    request->started_us = clock_mono_us();
    request->budget = budget_from_ms(core->budget_ms);
    request->request_id = arena_strdup(request->arena, id);
    trace_begin(request_header(request, TRACE_HEADER), &request->trace);
    const char *global = request_header(request, "X-OpenStack-Request-ID");
    request->global_request_id = global && request_id_is_valid(global) ? global : NULL;
}

/* Path, query, service and version. The service and version are also found for a path that is refused: its form of error counts. */
static enum err read_head(const struct http_core *core, struct request *request)
{
    struct target target = {arena_strndup(request->arena, request->target, strcspn(request->target, "?#")), ""};
    const enum err split = target_split(request->arena, request->target, &target);
    const char *cause = split == OK ? NULL : arena_strdup(request->arena, err_message());
    request->path = target.path;
    routing_find_service(core->routing, request, target.path);
    const enum err version = request->service ? version_negotiate(request) : OK;
    if (split != OK)
        return fail(split, "%s", cause);
    TRY(version);
    return query_parse(request->arena, target.query, &request->query);
}

static enum err find_route(struct request *request, struct response *response)
{
    struct route_match match;
    if (request->service && request->service->special_route)
        request->route = request->service->special_route(request);
    if (request->route)
        return OK;
    routing_match(request, &match);
    if (match.route) {
        request->route = match.route;
        request->params = match.params;
        return OK;
    }
    if (!match.allow || !request->service || !request->service->method_not_allowed)
        return fail(E_NOT_FOUND, "The resource could not be found.");
    response_header(request, response, "Allow", match.allow);
    return fail(E_BAD_METHOD, "The method %s is not allowed for this resource.", request->method);
}

static enum err open_request(const struct http_core *core, struct request *request, struct response *response)
{
    TRY(read_head(core, request));
    return find_route(request, response);
}

enum err core_open(const struct http_core *core, struct request *request, struct response *response)
{
    prepare(core, request);
    const enum err result = open_request(core, request, response);
    if (result != OK)
        core_error(request, result, NULL, response);
    return result;
}

static enum err open_stream(const struct http_core *core, struct request *request, struct response *response)
{
    request->body_ahead = true;
    TRY(access_check(&core->hooks, request));
    if (request->route->scope == SCOPE_SERVER)
        return core->hooks.locate_ahead(request, response);
    return request->route->open(request, &request->sink);
}

enum err core_open_stream(const struct http_core *core, struct request *request, struct response *response)
{
    const enum err result = open_stream(core, request, response);
    if (result != OK)
        core_error(request, result, NULL, response);
    else if (response->status)
        response_complete(request, response);
    return result;
}

/* A server that went to another zone between the look and the deed is not "not found" (the record of its move is written with the
 * end of its row). */
static enum err look_again(const struct http_core *core, struct request *request, struct response *response)
{
    const char *message = arena_strdup(request->arena, err_message());
    bool answered = false;
    request->server = NULL;
    TRY(core->hooks.locate(request, response, &answered));
    return answered ? OK : fail(E_NOT_FOUND, "%s", message);
}

static enum err run(const struct http_core *core, struct request *request, struct response *response)
{
    bool answered = false;
    TRY(access_check(&core->hooks, request));
    if (request->source)
        return core->hooks.conclude(request, response);
    if (request->route->scope == SCOPE_SERVER)
        TRY(core->hooks.locate(request, response, &answered));
    if (!answered && core->hooks.begin)
        TRY(core->hooks.begin(request, response, &answered));
    if (answered)
        return OK;
    TRY(body_read(request));
    const enum err result = request->route->handler(request, response);
    return result == E_NOT_FOUND && request->server ? look_again(core, request, response) : result;
}

void core_run(const struct http_core *core, struct request *request, struct response *response)
{
    const enum err result = run(core, request, response);
    if (result != OK)
        core_error(request, result, NULL, response);
    else
        response_complete(request, response);
    if (request->once)
        core->hooks.end(request, response);
}

size_t core_max_body(const struct http_core *core, const struct request *request)
{
    return request->service && request->service->max_body ? request->service->max_body(request) : core->max_body;
}

static const char *outcome_of(int status)
{
    if (status < 400)
        return "done";
    if (status < 500)
        return "refused";
    return status == 502 || status == 504 ? "unknown" : "failed";
}

/* One line for everything that was to change something, and for everybody who was not let in: who, from where, what, how it ended.
 */
static void audit(const struct request *request, int status)
{
    static const char *const reads[] = {"GET", "HEAD", "OPTIONS"};
    const struct caller *caller = &request->caller;
    bool is_read = false;
    for (size_t i = 0; i < ARRAY_LEN(reads); i++)
        is_read = is_read || strcmp(request->method, reads[i]) == 0;
    if (is_read && status != 401 && status != 403)
        return;
    const struct log_text user = log_quote(caller->user_name);
    const struct log_text path = log_quote(request->path);
    log_info("audit", "who=%s user_id=%s project_id=%s admin=%d origin=%s client=%s method=%s target=%s status=%d outcome=%s",
             caller->user_name ? user.text : "-", caller->user_id ? caller->user_id : "-",
             caller->project_id ? caller->project_id : "-", caller->is_admin, caller->over_link ? "link" : "client",
             request->client_address, request->method, path.text, status, outcome_of(status));
}

void core_account(const struct request *request, int status)
{
    const int64_t us = clock_mono_us() - request->started_us;
    const struct log_text path = log_quote(request->path);
    log_info("http.request", "method=%s path=%s status=%d ms=%.1f client=%s trace=%s%s%s", request->method, path.text, status,
             (double)us / 1000.0, request->client_address, request->trace.id, request->global_request_id ? " global_request=" : "",
             request->global_request_id ? request->global_request_id : "");
    audit(request, status);
    mounted_count(request->mounted, status, us);
}
