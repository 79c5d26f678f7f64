/*
 * POST /servers/{id}/action: one table of body keys (spec nova-api.md section 12). A key that is not in it answers 400 "There is no
 * such action". Also what was done: os-instance-actions.
 */
#include "gateway/api/server_actions.h"

#include <string.h>

#include "compute/hypervisor/hypervisor.h"
#include "gateway/api/api.h"
#include "gateway/api/server_common.h"
#include "gateway/gateway.h"
#include "schema/action.h"
#include "schema/json/json.h"

#define CONSOLE_BUDGET_MS 10000

static enum err do_start(struct request *request, struct response *response, const json_t *argument)
{
    (void)argument;
    response->status = 202;
    return server_begin(request, ACTION_START);
}

static enum err do_stop(struct request *request, struct response *response, const json_t *argument)
{
    (void)argument;
    response->status = 202;
    return server_begin(request, ACTION_STOP);
}

static enum err do_reboot(struct request *request, struct response *response, const json_t *argument)
{
    response->status = 202;
    const char *type = json_string_value(json_object_get(argument, "type"));
    return server_begin(request, str_equal_nocase(type, "HARD") ? ACTION_REBOOT_HARD : ACTION_REBOOT_SOFT);
}

/* The last `lines` lines; -1 = all. */
static size_t tail_start(const char *bytes, size_t length, int64_t lines)
{
    size_t start = length;
    if (lines < 0)
        return 0;
    if (start && bytes[start - 1] == '\n')
        start--;
    while (start > 0) {
        if (bytes[start - 1] == '\n' && --lines <= 0)
            return start;
        start--;
    }
    return 0;
}

/* Nova strips control characters but for tab and line feed; what is not UTF-8 is dropped, byte by byte. */
static void add_printable(struct text *out, const char *bytes, size_t length)
{
    for (size_t i = 0; i < length;) {
        const unsigned char c = (unsigned char)bytes[i];
        size_t size = 1;
        if (c >= 0x80) {
            size = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
            if (i + size > length || !str_is_utf8(bytes + i, size)) {
                i++;
                continue;
            }
        } else if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f) {
            i++;
            continue;
        }
        text_add(out, bytes + i, size);
        i += size;
    }
}

static int64_t wanted_lines(const json_t *argument)
{
    const json_t *length = json_object_get(argument, "length");
    int64_t lines = -1;
    if (json_is_integer(length))
        lines = json_integer_value(length);
    else if (json_is_string(length) && !str_to_int(json_string_value(length), &lines))
        lines = -1;
    return lines;
}

static enum err do_console(struct request *request, struct response *response, const json_t *argument)
{
    struct server server;
    TRY(server_of_request(request, &server));
    if (!server.host)
        return fail(E_CONFLICT, "Instance %s is not ready", uuid_to_text(&server.uuid).text);
    const char *bytes = "";
    size_t length = 0;
    TRY(hypervisor_console(request->gateway->hypervisors, server.host, &server.uuid, budget_from_ms(CONSOLE_BUDGET_MS),
                           request->arena, &bytes, &length));
    CLEANUP(text_clear) struct text output = {0};
    const size_t start = tail_start(bytes, length, wanted_lines(argument));
    add_printable(&output, bytes + start, length - start);
    text_add_str(&response->body, "{\"output\":");
    text_add_json_n(&response->body, text_str(&output), output.length);
    text_add_str(&response->body, "}");
    return OK;
}

static enum err do_pause(struct request *request, struct response *response, const json_t *argument)
{
    (void)argument;
    response->status = 202;
    return server_begin(request, ACTION_PAUSE);
}

static enum err do_unpause(struct request *request, struct response *response, const json_t *argument)
{
    (void)argument;
    response->status = 202;
    return server_begin(request, ACTION_UNPAUSE);
}

static enum err do_suspend(struct request *request, struct response *response, const json_t *argument)
{
    (void)argument;
    response->status = 202;
    return server_begin(request, ACTION_SUSPEND);
}

static enum err do_resume(struct request *request, struct response *response, const json_t *argument)
{
    (void)argument;
    response->status = 202;
    return server_begin(request, ACTION_RESUME);
}

/* Nothing is reclaimed late here, so this deletes as DELETE does. */
static enum err do_force_delete(struct request *request, struct response *response, const json_t *argument)
{
    (void)argument;
    response->status = 202;
    return server_begin(request, ACTION_DELETE);
}

/* The networks that it was for are long gone, in Nova too. */
static enum err do_reset_network(struct request *request, struct response *response, const json_t *argument)
{
    (void)request;
    (void)response;
    (void)argument;
    return fail(E_GONE, "This resource is no longer available. No forwarding address is given.");
}

static const struct action_row {
    const char *key;
    const char *admin; /* the policy that only admins pass; NULL: any member */
    const char *schema;
    int schema_min; /* version from which the schema, of the whole body, counts */
    server_action_f *run;
} actions[] = {
    {"os-start", NULL, NULL, 0, do_start},
    {"os-stop", NULL, NULL, 0, do_stop},
    {"reboot", NULL, "reboot", 0, do_reboot},
    {"pause", NULL, NULL, 0, do_pause},
    {"unpause", NULL, NULL, 0, do_unpause},
    {"suspend", NULL, NULL, 0, do_suspend},
    {"resume", NULL, NULL, 0, do_resume},
    {"lock", NULL, "lock_2_73", 73, server_action_lock},
    {"unlock", NULL, NULL, 0, server_action_unlock},
    {"os-resetState", "os_compute_api:os-admin-actions:reset_state", "os_reset_state", 0, server_action_reset_state},
    {"forceDelete", NULL, NULL, 0, do_force_delete},
    {"restore", NULL, NULL, 0, server_action_restore},
    {"addSecurityGroup", NULL, NULL, 0, server_action_security_group},
    {"removeSecurityGroup", NULL, NULL, 0, server_action_security_group},
    {"resetNetwork", NULL, NULL, 0, do_reset_network},
    {"os-getConsoleOutput", NULL, "os_get_console_output", 0, do_console},
};

/* As Nova: the body is judged before the caller, and both before the server is looked for. */
static enum err server_action(struct request *request, struct response *response)
{
    if (json_object_size(request->json) != 1)
        return fail(E_INVALID, "Malformed request body");
    const char *key = json_object_iter_key(json_object_iter(request->json));
    for (size_t i = 0; i < ARRAY_LEN(actions); i++) {
        if (strcmp(actions[i].key, key) != 0)
            continue;
        if (actions[i].schema && request->version >= actions[i].schema_min)
            TRY(json_validate(json_schema_named(actions[i].schema), request->json));
        if (actions[i].admin && !request->caller.is_admin)
            return fail(E_FORBIDDEN, "Policy doesn't allow %s to be performed.", actions[i].admin);
        return actions[i].run(request, response, json_object_get(request->json, key));
    }
    return fail(E_INVALID, "There is no such action: %s", key);
}

static void add_action(struct text *out, const struct server_action *action, const struct request *request)
{
    text_add_str(out, "{\"action\":");
    text_add_json(out, action->action);
    text_add_format(out, ",\"instance_uuid\":\"%s\",\"request_id\":", uuid_to_text(&action->server).text);
    text_add_json(out, action->request_id);
    text_add_str(out, ",\"user_id\":");
    text_add_json(out, action->user_id);
    text_add_str(out, ",\"project_id\":");
    text_add_json(out, action->project_id);
    text_add_format(out, ",\"start_time\":\"%s\",\"message\":", time_iso_micro(action->start_us).text);
    text_add_json(out, action->message);
    if (request->version >= 58)
        text_add_format(out, ",\"updated_at\":\"%s\"", time_iso_micro(action->updated_us).text);
}

struct action_page {
    const char *marker;
    int64_t since_us;
    int64_t before_us;
    size_t limit;
    bool paged;
};

/* Nova 2.58 (2.66 with changes-before) knows these parameters only, at once. */
static enum err check_names(const struct request *request)
{
    static const struct {
        const char *name;
        int min;
    } known[] = {{"limit", 58}, {"marker", 58}, {"changes-since", 58}, {"changes-before", 66}};
    for (size_t i = 0; i < request->query.count; i++) {
        const char *name = request->query.items[i].name;
        bool found = str_starts(name, "zone.");
        for (size_t k = 0; k < ARRAY_LEN(known); k++)
            found = found || (request->version >= known[k].min && strcmp(known[k].name, name) == 0);
        if (!found)
            return fail(E_INVALID, "Additional properties are not allowed ('%.200s' was unexpected)", name);
    }
    return OK;
}

/* Paging and the time filters exist from 2.58 (changes-before 2.66) on. */
static enum err read_page(struct request *request, struct action_page *out)
{
    const char *limit = request_query(request, "limit");
    const char *since = request_query(request, "changes-since");
    const char *before = request_query(request, "changes-before");
    int64_t number = request->gateway->config.api.max_limit;
    *out = (struct action_page){.limit = (size_t)number};
    if (request->version < 58)
        return OK;
    TRY(check_names(request));
    if (limit && (!str_to_int(limit, &number) || number < 0))
        return fail(E_INVALID, "Invalid input for query parameters limit. Value: %s.", limit);
    if (since)
        TRY(time_parse_iso(since, &out->since_us));
    if (before && request->version >= 66)
        TRY(time_parse_iso(before, &out->before_us));
    if (out->since_us && out->before_us && out->since_us > out->before_us)
        return fail(E_INVALID, "The value of changes-since must be less than or equal to changes-before.");
    out->marker = request_query(request, "marker");
    out->paged = limit != NULL && number > 0;
    if (number > 0 && number < request->gateway->config.api.max_limit)
        out->limit = (size_t)number;
    return OK;
}

/* Nova 2.21: the actions of a deleted server stay readable. */
static enum err server_for_actions(struct request *request, struct server *out)
{
    const char *id = request_param(request, "server_id");
    struct uuid uuid;
    struct server server;
    if (!uuid_is_text(id) || uuid_from_text(id, &uuid) != OK)
        return fail(E_NOT_FOUND, "Instance %s could not be found.", id);
    if (request->server)
        server = *request->server;
    else
        TRY(server_get_any(request->db, request->arena, &uuid, &server));
    const bool visible = request->caller.is_admin || str_equal(server.project_id, request->caller.project_id);
    if (!visible || (server.deleted && request->version < 21))
        return fail(E_NOT_FOUND, "Instance %s could not be found.", id);
    *out = server;
    return OK;
}

static enum err actions_list(struct request *request, struct response *response)
{
    struct server server;
    struct action_page page;
    struct server_actions list;
    TRY(server_for_actions(request, &server));
    TRY(read_page(request, &page));
    TRY(action_list(request->db, request->arena, &server.uuid, page.marker, page.since_us, page.before_us, page.limit, &list));
    text_add_str(&response->body, "{\"instanceActions\":[");
    for (size_t i = 0; i < list.count; i++) {
        text_add_str(&response->body, i ? "," : "");
        add_action(&response->body, &list.items[i], request);
        text_add_str(&response->body, "}");
    }
    text_add_str(&response->body, "]");
    if (page.paged && list.count == page.limit) {
        text_add_str(&response->body, ",\"links\":[{\"rel\":\"next\",\"href\":");
        text_add_json(&response->body,
                      request_link(request, "/servers/%s/os-instance-actions?limit=%zu&marker=%s", uuid_to_text(&server.uuid).text,
                                   page.limit, list.items[list.count - 1].request_id));
        text_add_str(&response->body, "}]");
    }
    text_add_str(&response->body, "}");
    return OK;
}

static void add_event(struct text *out, const struct server_action_event *event, const struct request *request,
                      const struct server *server)
{
    text_add_str(out, "{\"event\":");
    text_add_json(out, event->event);
    text_add_format(out, ",\"start_time\":\"%s\",\"finish_time\":", time_iso_micro(event->start_us).text);
    text_add_json(out, event->finish_us ? time_iso_micro(event->finish_us).text : NULL);
    text_add_str(out, ",\"result\":");
    text_add_json(out, event->result);
    if (request->caller.is_admin) {
        text_add_str(out, ",\"traceback\":");
        text_add_json(out, event->traceback);
        if (request->version >= 62) {
            text_add_str(out, ",\"host\":");
            text_add_json(out, event->host);
        }
    }
    if (request->version >= 62) {
        text_add_str(out, ",\"hostId\":");
        text_add_json(out, event->host ? server->host_id : "");
    }
    if (request->version >= 84 && request->caller.is_admin) { /* why it failed */
        text_add_str(out, ",\"details\":");
        text_add_json(out, event->traceback);
    }
    text_add_str(out, "}");
}

static enum err actions_show(struct request *request, struct response *response)
{
    struct server server;
    struct server_action action;
    struct server_action_events events;
    TRY(server_for_actions(request, &server));
    TRY(action_get(request->db, request->arena, &server.uuid, request_param(request, "request_id"), &action));
    TRY(action_events(request->db, request->arena, action.id, &events));
    text_add_str(&response->body, "{\"instanceAction\":");
    add_action(&response->body, &action, request);
    if (request->caller.is_admin || request->version >= 51) {
        text_add_str(&response->body, ",\"events\":[");
        for (size_t i = 0; i < events.count; i++) {
            text_add_str(&response->body, i ? "," : "");
            add_event(&response->body, &events.items[i], request, &server);
        }
        text_add_str(&response->body, "]");
    }
    text_add_str(&response->body, "}}");
    return OK;
}

const struct route server_action_routes[] = {
    {.method = "POST",
     .path = "/servers/{server_id}/action",
     .access = ACCESS_MEMBER,
     .handler = server_action,
     .body = BODY_JSON,
     .scope = SCOPE_SERVER},
    {.method = "GET",
     .path = "/servers/{server_id}/os-instance-actions",
     .access = ACCESS_READER,
     .handler = actions_list,
     .scope = SCOPE_SERVER},
    {.method = "GET",
     .path = "/servers/{server_id}/os-instance-actions/{request_id}",
     .access = ACCESS_READER,
     .handler = actions_show,
     .scope = SCOPE_SERVER},
    {.method = NULL},
};
