/* See server_where.h. A host is its own hypervisor here. */
#include "gateway/api/server_where.h"

#include <string.h>

#include "gateway/api/availability_zones.h"
#include "gateway/api/gather.h"
#include "schema/host.h"

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static enum err agree(const char *host, const char *node)
{
    if (host && node && strcmp(host, node) != 0)
        return fail(E_INVALID, "Compute host %s has no hypervisor %s.", host, node);
    return OK;
}

/* "zone", "zone:host", "zone:host:node", "zone::node". */
static enum err read_availability_zone(struct request *request, const char *text, struct sizing *out)
{
    if (!text)
        return OK;
    const size_t zone = strcspn(text, ":");
    out->availability_zone = zone ? arena_strndup(request->arena, text, zone) : NULL;
    if (text[zone] == '\0')
        return OK;
    const char *host = text + zone + 1;
    const size_t length = strcspn(host, ":");
    const char *node = host[length] ? host + length + 1 : "";
    if (strchr(node, ':'))
        return fail(E_INVALID, "Invalid input received: Unable to parse availability_zone");
    if (!length && !*node)
        return OK;
    if (!request->caller.is_admin)
        return fail(E_FORBIDDEN, "Policy doesn't allow os_compute_api:servers:create:forced_host to be performed.");
    out->host = length ? arena_strndup(request->arena, host, length) : node;
    return agree(out->host, *node ? node : NULL);
}

/* From 2.74 on; the schema knows below which version they are not. */
static enum err read_host(const struct request *request, const json_t *server, struct sizing *out)
{
    const char *host = text_of(server, "host");
    const char *node = text_of(server, "hypervisor_hostname");
    if (!host && !node)
        return OK;
    if (!request->caller.is_admin)
        return fail(E_FORBIDDEN, "Policy doesn't allow compute:servers:create:requested_destination to be performed.");
    if (out->host)
        return fail(E_INVALID, "One mechanism with host and/or hypervisor_hostname and another mechanism with "
                               "zone:host:node are mutually exclusive.");
    out->host = host ? host : node;
    return agree(host, node);
}

enum err server_where_read(struct request *request, const json_t *server, struct sizing *out)
{
    TRY(read_availability_zone(request, text_of(server, "availability_zone"), out));
    return read_host(request, server, out);
}

static bool is_named(const json_t *services, const char *host)
{
    size_t index = 0;
    json_t *service = NULL;
    json_array_foreach(services, index, service)
    {
        if (str_equal(text_of(service, "host"), host))
            return true;
    }
    return false;
}

static enum err check_host(struct request *request, const char *name)
{
    struct host host;
    json_auto_t *services = json_array();
    const enum err result = host_get(request->db, request->arena, name, &host);
    if (result != E_NOT_FOUND)
        return result;
    const bool complete = gather_ask(request, "/compute/v2.1/os-services?binary=nova-compute", "services", services);
    if (!complete || is_named(services, name))
        return OK;
    return fail(E_INVALID, "Compute host %s could not be found.", name);
}

enum err server_where_check(struct request *request, const json_t *server, const struct sizing *sizing)
{
    if (text_of(server, "host") || text_of(server, "hypervisor_hostname"))
        TRY(check_host(request, sizing->host));
    if (!sizing->availability_zone || sizing->host) /* forced: whatever its zone, as Nova */
        return OK;
    return availability_zone_check(request, sizing->availability_zone);
}
