/*
 * /os-services (nova-api.md section 14): one nova-compute per host, and the zone's own process as nova-conductor and
 * nova-scheduler.
 *
 * Lists hold the whole tree; a change goes to the zone that has the host, through the zones in between. A disabled or forced-down
 * service gets no new servers (schema/service.h).
 */
#include <string.h>

#include "compute/build/host_labels.h"
#include "compute/hypervisor/hypervisor.h"
#include "gateway/api/api.h"
#include "gateway/api/body.h"
#include "gateway/api/gather.h"
#include "gateway/api/host_ids.h"
#include "gateway/api/owner.h"
#include "gateway/api/page.h"
#include "gateway/conductor/select.h"
#include "gateway/gateway.h"
#include "schema/service.h"

#define FORCED_DOWN 11 /* forced_down exists */
#define COMPUTE     "nova-compute"

static const char *const control[] = {"nova-conductor", "nova-scheduler"};

static const struct body_schema update_schemas[] = {
    {1, "service_update_2_1"}, {FORCED_DOWN, "service_update_2_11"}, {HOST_UUIDS, "service_update_2_53"}, {0, NULL}};

static json_t *service_object(const struct request *request, const struct host *host)
{
    json_t *object = json_pack("{s:s, s:s, s:o, s:s, s:s, s:s, s:o, s:s?}", "binary", COMPUTE, "host", host->name, "id",
                               host_id(request, &host->service), "zone", select_host_zone(request->gateway, host), "status",
                               host->disabled ? "disabled" : "enabled", "state", host->up ? "up" : "down", "updated_at",
                               host->last_seen_us ? json_string(time_iso_micro(host->last_seen_us).text) : json_null(),
                               "disabled_reason", host->disabled_reason);
    if (request->version >= FORCED_DOWN)
        (void)json_object_set_new(object, "forced_down", json_boolean(host->forced_down));
    return object;
}

static struct uuid control_id(const struct request *request, const char *binary)
{
    struct uuid id;
    uint8_t hash[32];
    const char *seed = arena_printf(request->arena, "%s %s", uuid_to_text(&request->gateway->keys.zone).text, binary);
    hash_blake2b(seed, strlen(seed), hash);
    memcpy(id.bytes, hash, sizeof(id.bytes));
    return id;
}

/* The zone's own process does what Nova's scheduler and conductor do. */
static json_t *control_service(const struct request *request, const char *binary)
{
    const struct uuid id = control_id(request, binary);
    json_t *object = json_pack("{s:s, s:s, s:o, s:s, s:s, s:s, s:s, s:n}", "binary", binary, "host", request->gateway->name, "id",
                               host_id(request, &id), "zone", "internal", "status", "enabled", "state", "up", "updated_at",
                               time_iso_micro(clock_wall_us()).text, "disabled_reason");
    if (request->version >= FORCED_DOWN)
        (void)json_object_set_new(object, "forced_down", json_false());
    return object;
}

/* --- lists */

/* OSC sends host=None and binary=None for "any". */
static const char *filter_of(const struct request *request, const char *name)
{
    const char *value = request_query(request, name);
    return value && strcmp(value, "None") != 0 && *value ? value : NULL;
}

static void add_service(json_t *list, json_t *service, const char *host, const char *binary)
{
    const bool wanted = (!host || str_equal(json_string_value(json_object_get(service, "host")), host)) &&
                        (!binary || str_equal(json_string_value(json_object_get(service, "binary")), binary));
    if (wanted)
        (void)json_array_append(list, service);
    json_decref(service);
}

static enum err service_list(struct request *request, struct response *response)
{
    static const char *const parameters[] = {"host", "binary"};
    const char *host = filter_of(request, "host");
    const char *binary = filter_of(request, "binary");
    struct hosts hosts;
    json_auto_t *list = json_array();
    TRY(query_check_names(request, parameters, ARRAY_LEN(parameters)));
    TRY(host_list(request->db, request->arena, &hosts));
    for (size_t i = 0; i < ARRAY_LEN(control); i++)
        add_service(list, control_service(request, control[i]), host, binary);
    for (size_t i = 0; i < hosts.count; i++)
        add_service(list, service_object(request, &hosts.items[i]), host, binary);
    TRY(gather_lists(request, response, "services", list));
    response->json = json_pack("{s:O}", "services", list);
    return OK;
}

/* --- which one */

/* By id, or (before 2.53, in changes) by host. */
struct wanted {
    const char *id;   /* NULL: by host */
    const char *host; /* a nova-compute's */
};

static bool entry_matches(const json_t *entry, const void *context)
{
    const struct wanted *wanted = context;
    if (wanted->id)
        return host_id_matches(json_object_get(entry, "id"), wanted->id);
    return str_equal(json_string_value(json_object_get(entry, "host")), wanted->host) &&
           str_equal(json_string_value(json_object_get(entry, "binary")), COMPUTE);
}

/* This zone's, when *out_answered is false. E_NOT_FOUND: nobody's, or E_INVALID for a service that is no nova-compute. */
static enum err find_service(struct request *request, struct response *response, const struct wanted *wanted, struct host *out,
                             bool *out_answered)
{
    const struct owner_search search = {"/os-services", "services", entry_matches, wanted, "id"};
    struct hosts hosts;
    *out_answered = false;
    TRY(host_list(request->db, request->arena, &hosts));
    for (size_t i = 0; i < hosts.count; i++) {
        *out = hosts.items[i];
        if (wanted->id ? host_id_is(request, &out->service, wanted->id) : str_equal(out->name, wanted->host))
            return OK;
    }
    for (size_t i = 0; wanted->id && i < ARRAY_LEN(control); i++) {
        const struct uuid id = control_id(request, control[i]);
        if (host_id_is(request, &id, wanted->id))
            return fail(E_INVALID, "Updating a %s service is not supported. Only nova-compute services can be updated.",
                        control[i]);
    }
    TRY(owner_relay(request, response, &search, out_answered));
    if (*out_answered)
        return OK;
    if (wanted->id)
        return fail(E_NOT_FOUND, "Service %s could not be found.", wanted->id);
    return fail(E_NOT_FOUND, "Could not find binary " COMPUTE " on host %s.", wanted->host);
}

/* --- changes */

/* PUT /os-services/ACTION, up to 2.52: what it changes, and which words of the body its answer repeats. */
static const struct {
    const char *name;
    int min;
    struct service_change change;
    bool needs_reason;
    const char *status;
} actions[] = {
    {"enable", 1, {.sets_disabled = true}, false, "enabled"},
    {"disable", 1, {.sets_disabled = true, .disabled = true}, false, "disabled"},
    {"disable-log-reason", 1, {.sets_disabled = true, .disabled = true}, true, "disabled"},
    {"force-down", FORCED_DOWN, {.sets_forced_down = true}, false, NULL},
};

static enum err read_action(const struct request *request, size_t *out_action, struct service_change *out)
{
    const char *name = request_param(request, "service_id");
    const json_t *forced = json_object_get(request->json, "forced_down");
    size_t i = 0;
    while (i < ARRAY_LEN(actions) && (!str_equal(actions[i].name, name) || request->version < actions[i].min))
        i++;
    if (i == ARRAY_LEN(actions))
        return fail(E_NOT_FOUND, "Unknown action");
    *out = actions[i].change;
    if (actions[i].needs_reason)
        out->disabled_reason = json_string_value(json_object_get(request->json, "disabled_reason"));
    if (actions[i].needs_reason && !out->disabled_reason)
        return fail(E_INVALID, "Missing disabled reason field");
    if (out->sets_forced_down && !forced)
        return fail(E_INVALID, "Missing forced_down field");
    out->forced_down = body_true(forced);
    *out_action = i;
    return OK;
}

static enum err act(struct request *request, struct response *response)
{
    const char *binary = json_string_value(json_object_get(request->json, "binary"));
    const struct wanted wanted = {.host = json_string_value(json_object_get(request->json, "host"))};
    struct service_change change;
    struct host host;
    size_t action = 0;
    bool answered = false;
    TRY(read_action(request, &action, &change));
    if (!str_equal(binary, COMPUTE))
        return fail(E_INVALID, "Updating a %s service is not supported. Only nova-compute services can be updated.", binary);
    TRY(find_service(request, response, &wanted, &host, &answered));
    if (answered)
        return OK;
    TRY(host_change_service(request->db, &host, &change));
    json_t *service = json_pack("{s:s, s:s}", "host", host.name, "binary", COMPUTE);
    if (actions[action].status)
        (void)json_object_set_new(service, "status", json_string(actions[action].status));
    else
        (void)json_object_set_new(service, "forced_down", json_boolean(change.forced_down));
    if (change.disabled_reason)
        (void)json_object_set_new(service, "disabled_reason", json_string(change.disabled_reason));
    response->json = json_pack("{s:o}", "service", service);
    return OK;
}

static enum err read_change(const json_t *body, struct service_change *out)
{
    const char *status = json_string_value(json_object_get(body, "status"));
    const char *reason = json_string_value(json_object_get(body, "disabled_reason"));
    const json_t *forced = json_object_get(body, "forced_down");
    if (str_equal(status, "enabled") && reason)
        return fail(E_INVALID, "Specifying 'disabled_reason' with status 'enabled' is invalid.");
    if (!status && !forced)
        return fail(E_INVALID, "No updates were requested. Fields 'status' or 'forced_down' should be specified.");
    *out = (struct service_change){status != NULL, str_equal(status, "disabled"), reason, forced != NULL, body_true(forced)};
    return OK;
}

static enum err change_by_uuid(struct request *request, struct response *response)
{
    const struct wanted wanted = {.id = request_param(request, "service_id")};
    struct service_change change;
    struct host host;
    bool answered = false;
    if (!uuid_is_text(wanted.id))
        return fail(E_INVALID, "Invalid uuid %s", wanted.id);
    TRY(find_service(request, response, &wanted, &host, &answered));
    if (answered)
        return OK;
    TRY(read_change(request->json, &change));
    TRY(host_change_service(request->db, &host, &change));
    TRY(host_get(request->db, request->arena, host.name, &host));
    response->json = json_pack("{s:o}", "service", service_object(request, &host));
    return OK;
}

static enum err service_put(struct request *request, struct response *response)
{
    return request->version >= HOST_UUIDS ? change_by_uuid(request, response) : act(request, response);
}

/* Its host goes with it: inventory, membership of aggregates, the connection to its libvirt. */
static enum err service_delete(struct request *request, struct response *response)
{
    const struct wanted wanted = {.id = request_param(request, "service_id")};
    struct host host;
    int64_t number = 0;
    bool answered = false;
    if (request->version >= HOST_UUIDS && !uuid_is_text(wanted.id))
        return fail(E_INVALID, "Invalid uuid %s", wanted.id);
    if (request->version < HOST_UUIDS && !str_to_int(wanted.id, &number))
        return fail(E_INVALID, "Invalid input received: id must be an integer");
    TRY(find_service(request, response, &wanted, &host, &answered));
    if (answered)
        return OK;
    const enum err result = host_forget(request->db, host.name);
    if (result == E_CONFLICT)
        return fail(E_CONFLICT,
                    "Unable to delete compute service that is hosting instances. Migrate or delete the instances first.");
    TRY(result);
    hypervisor_remove(request->gateway->hypervisors, host.name);
    response->status = 204;
    return OK;
}

const struct route service_routes[] = {
    {.method = "GET",
     .path = "/os-services",
     .access = ACCESS_ADMIN,
     .policy = "os_compute_api:os-services:list",
     .handler = service_list},
    {.method = "PUT",
     .path = "/os-services/{service_id}",
     .access = ACCESS_ADMIN,
     .policy = "os_compute_api:os-services:update",
     .handler = service_put,
     .body = BODY_JSON,
     .schemas = update_schemas},
    {.method = "DELETE",
     .path = "/os-services/{service_id}",
     .access = ACCESS_ADMIN,
     .policy = "os_compute_api:os-services:delete",
     .handler = service_delete},
    {.method = NULL},
};
