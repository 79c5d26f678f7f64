/*
 * /servers/{id}/os-interface and /ips (nova-api.md section 13): a server's interfaces on libvirt networks. An interface is claimed
 * in the row first, then made on the host; what dies in between leaves one in state DOWN, which can be deleted.
 */
#include "gateway/api/interfaces.h"

#include <stdlib.h>
#include <string.h>

#include "compute/build/firewall.h"
#include "compute/build/nics.h"
#include "gateway/api/api.h"
#include "gateway/api/server_common.h"
#include "gateway/gateway.h"
#include "schema/security_group.h"
#include "schema/task/task.h"

#define BUDGET_MS 30000

static const struct body_schema attach_schemas[] = {{1, "interface_attach_2_1"}, {49, "interface_attach_2_49"}, {0, NULL}};

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

/* --- views */

/* A network has one IPv4 subnet here, so its id names that as well. */
static json_t *interface_object(const struct request *request, const json_t *nic)
{
    json_t *addresses = json_array();
    if (text_of(nic, "address"))
        (void)json_array_append_new(
            addresses, json_pack("{s:s, s:s}", "ip_address", text_of(nic, "address"), "subnet_id", text_of(nic, "network")));
    json_t *object =
        json_pack("{s:s, s:s, s:s, s:s, s:o}", "net_id", text_of(nic, "network"), "port_id", text_of(nic, "port"), "mac_addr",
                  text_of(nic, "mac"), "port_state", json_object_get(nic, "down") ? "DOWN" : "ACTIVE", "fixed_ips", addresses);
    if (request->version >= 70)
        (void)json_object_set_new(object, "tag", text_of(nic, "tag") ? json_string(text_of(nic, "tag")) : json_null());
    return object;
}

static enum err interface_index(struct request *request, struct response *response)
{
    struct server server;
    TRY(server_of_request(request, &server));
    json_auto_t *nics = nics_load(&server);
    json_t *list = json_array();
    for (size_t i = 0; i < json_array_size(nics); i++)
        (void)json_array_append_new(list, interface_object(request, json_array_get(nics, i)));
    response->json = json_pack("{s:o}", "interfaceAttachments", list);
    return OK;
}

/* The index in the list; its size: there is none. */
static size_t find_port(const json_t *nics, const char *port)
{
    size_t i = 0;
    while (i < json_array_size(nics) && !str_equal_nocase(text_of(json_array_get(nics, i), "port"), port))
        i++;
    return i;
}

static enum err interface_show(struct request *request, struct response *response)
{
    const char *port = request_param(request, "port_id");
    struct server server;
    TRY(server_of_request(request, &server));
    json_auto_t *nics = nics_load(&server);
    const size_t index = find_port(nics, port);
    if (index == json_array_size(nics))
        return fail(E_NOT_FOUND, "Port id %s could not be found.", port);
    response->json = json_pack("{s:o}", "interfaceAttachment", interface_object(request, json_array_get(nics, index)));
    return OK;
}

/* --- changes */

struct interface_change {
    struct request *request;
    struct uuid uuid;
    const json_t *wish; /* a new one; NULL */
    const char *port;   /* the one that is meant otherwise */
    bool gone;          /* it is taken out; else it works now */
    const char *action; /* "attach_interface": the server's state is checked for it; NULL: it was before */
    struct server server;
    json_t *nic; /* out: the arena's */
};

static void release_json(void *json)
{
    json_decref(json);
}

static bool may_change(const char *vm_state)
{
    return strcmp(vm_state, "active") == 0 || strcmp(vm_state, "paused") == 0 || strcmp(vm_state, "stopped") == 0;
}

static enum err check_server(const struct interface_change *change)
{
    const struct server *server = &change->server;
    if (server->locked && !change->request->caller.is_admin)
        return fail(E_CONFLICT, "Instance %s is locked", uuid_to_text(&server->uuid).text);
    if (!may_change(server->vm_state))
        return fail(E_CONFLICT, "Cannot '%s' instance %s while it is in vm_state %s", change->action,
                    uuid_to_text(&server->uuid).text, server->vm_state);
    if (server->task_state)
        return fail(E_CONFLICT, "Cannot '%s' instance %s while it is in task_state %s", change->action,
                    uuid_to_text(&server->uuid).text, server->task_state);
    return server->host ? OK : fail(E_CONFLICT, "Instance %s is not ready", uuid_to_text(&server->uuid).text);
}

static enum err add_nic(struct db *db, struct interface_change *change, json_t *nics)
{
    json_t *nic = NULL;
    TRY(nics_allocate_one(db, change->request->arena, &change->uuid, change->wish, &nic));
    (void)json_object_set_new(nic, "down", json_true());
    (void)json_array_append_new(nics, nic);
    change->nic = json_incref(nic);
    return OK;
}

static enum err change_nic(struct db *db, struct interface_change *change, json_t *nics)
{
    const size_t index = find_port(nics, change->port);
    struct uuid port;
    if (index == json_array_size(nics))
        return fail(E_NOT_FOUND, "Instance %s does not have a port with id %s", uuid_to_text(&change->uuid).text, change->port);
    change->nic = json_incref(json_array_get(nics, index));
    if (!change->gone) {
        (void)json_object_del(change->nic, "down");
        return OK;
    }
    TRY(uuid_from_text(text_of(change->nic, "port"), &port));
    (void)json_array_remove(nics, index);
    return port_delete(db, &port);
}

/* Who has an interface is in a group, who has none in none; rules of others may mean the addresses. */
static enum err change_groups(struct db *db, struct interface_change *change, bool first)
{
    struct server *server = &change->server;
    if (first) {
        TRY(firewall_join(db, change->request->arena, server));
        TRY(server_set_security_groups(db, &server->uuid, server->security_groups));
    }
    TRY(firewall_touch_sources(db, &server->uuid, change->request->request_id));
    if (server->nics)
        return OK;
    TRY(security_group_leave_all(db, &server->uuid));
    return server_set_security_groups(db, &server->uuid, NULL);
}

static enum err change_in_transaction(struct db *db, void *context)
{
    struct interface_change *change = context;
    TRY(server_get_locked(db, change->request->arena, &change->uuid, &change->server));
    if (change->action)
        TRY(check_server(change));
    json_auto_t *nics = nics_load(&change->server);
    const enum err result = change->wish ? add_nic(db, change, nics) : change_nic(db, change, nics);
    if (change->nic)
        arena_defer(change->request->arena, release_json, change->nic);
    TRY(result);
    char *text = json_array_size(nics) ? json_dumps(nics, JSON_COMPACT) : NULL;
    const enum err written = server_set_nics(db, &change->uuid, text);
    const bool first = text && !change->server.nics;
    change->server.nics = arena_strdup(change->request->arena, text);
    free(text);
    TRY(written);
    return change_groups(db, change, first);
}

/* What the request asks for as an item of compute/build/nics.h; a new reference. */
static enum err read_wish(struct request *request, json_t **out)
{
    const json_t *wanted = json_object_get(request->json, "interfaceAttachment");
    const char *address = text_of(json_array_get(json_object_get(wanted, "fixed_ips"), 0), "ip_address");
    const char *network = text_of(wanted, "net_id");
    struct networks networks;
    const struct network *only = NULL;
    if (network && text_of(wanted, "port_id"))
        return fail(E_INVALID, "Must not input both network_id and port_id");
    if (address && !network)
        return fail(E_INVALID, "Must input network_id when request IP address");
    if (text_of(wanted, "port_id"))
        return fail(E_NOT_FOUND, "Port id %s could not be found.", text_of(wanted, "port_id"));
    if (!network) {
        TRY(network_list(request->db, request->arena, &networks));
        const enum err result = nics_only_network(&networks, &only);
        if (result == E_NOT_FOUND)
            return fail(E_INVALID, "No suitable network could be found to interface attach.");
        TRY(result);
        network = arena_strdup(request->arena, uuid_to_text(&only->uuid).text);
    }
    *out = json_pack("{s:s, s:s*, s:s*}", "uuid", network, "fixed_ip", address, "tag", text_of(wanted, "tag"));
    return OK;
}

/* On the host; the reservation first, so that the guest's first question is answered. */
static enum err make_interface(const struct interface_change *change)
{
    struct hypervisors *all = change->request->gateway->hypervisors;
    struct guest_nic nic = nics_guest_nic(change->nic);
    TRY(firewall_apply(change->request->db, change->request->arena, all, &change->server, &nic.filter));
    TRY(hypervisor_lease_add(all, change->server.host, &nic, budget_from_ms(BUDGET_MS)));
    return hypervisor_nic_attach(all, change->server.host, &change->uuid, &nic, budget_from_ms(BUDGET_MS));
}

static enum err take_interface(const struct interface_change *change)
{
    struct hypervisors *all = change->request->gateway->hypervisors;
    const struct guest_nic nic = nics_guest_nic(change->nic);
    TRY(hypervisor_nic_detach(all, change->server.host, &change->uuid, nic.mac, budget_from_ms(BUDGET_MS)));
    json_auto_t *nics = nics_load(&change->server);
    if (json_array_size(nics) == 1)
        TRY(firewall_remove(change->request->arena, all, &change->server));
    return hypervisor_lease_remove(all, change->server.host, &nic, budget_from_ms(BUDGET_MS));
}

/* It could not be made: as if it had not been asked for. What happened on the host is unknown after a timeout: then it stays, in
 * state DOWN. */
static enum err give_up(struct interface_change *change, enum err result)
{
    const char *message = arena_strdup(change->request->arena, err_message());
    struct interface_change undo = {
        .request = change->request, .uuid = change->uuid, .port = text_of(change->nic, "port"), .gone = true};
    const struct guest_nic nic = nics_guest_nic(change->nic);
    struct hypervisors *all = change->request->gateway->hypervisors;
    if (result == E_TIMEOUT || hypervisor_lease_remove(all, change->server.host, &nic, budget_from_ms(BUDGET_MS)) != OK ||
        db_transaction(change->request->db, change_in_transaction, &undo) != OK)
        return fail(result, "%s The interface is left in state DOWN.", message);
    return fail(result, "%s", message);
}

static enum err interface_attach(struct request *request, struct response *response)
{
    struct interface_change change = {.request = request, .action = "attach_interface"};
    json_auto_t *wish = NULL;
    TRY(server_of_request(request, &change.server));
    change.uuid = change.server.uuid;
    TRY(check_server(&change));
    TRY(read_wish(request, &wish));
    change.wish = wish;
    const enum err claimed = db_transaction(request->db, change_in_transaction, &change);
    if (claimed == E_NOT_FOUND)
        return fail(E_INVALID, "%s", err_message());
    TRY(claimed);
    const enum err made = make_interface(&change);
    if (made != OK)
        return give_up(&change, made);
    struct interface_change finish = {.request = request, .uuid = change.uuid, .port = text_of(change.nic, "port")};
    TRY(db_transaction(request->db, change_in_transaction, &finish));
    task_wake(request->gateway->tasks);
    response->json = json_pack("{s:o}", "interfaceAttachment", interface_object(request, finish.nic));
    return OK;
}

enum err interface_detach(struct request *request, struct response *response)
{
    struct interface_change change = {
        .request = request, .action = "detach_interface", .port = request_param(request, "port_id"), .gone = true};
    TRY(server_of_request(request, &change.server));
    change.uuid = change.server.uuid;
    TRY(check_server(&change));
    json_auto_t *nics = nics_load(&change.server);
    const size_t index = find_port(nics, change.port);
    if (index == json_array_size(nics))
        return fail(E_NOT_FOUND, "Port %s not found", change.port);
    change.nic = json_array_get(nics, index);
    TRY(take_interface(&change));
    change.nic = NULL;
    TRY(db_transaction(request->db, change_in_transaction, &change));
    task_wake(request->gateway->tasks);
    response->status = 202;
    return OK;
}

/* --- /ips */

/* {label: [{version, addr}]} */
static json_t *addresses_of(const struct server *server)
{
    json_auto_t *nics = nics_load(server);
    json_t *all = json_object();
    for (size_t i = 0; i < json_array_size(nics); i++) {
        const json_t *nic = json_array_get(nics, i);
        const char *name = text_of(nic, "name");
        if (!text_of(nic, "address") || !name)
            continue;
        if (!json_object_get(all, name))
            (void)json_object_set_new(all, name, json_array());
        (void)json_array_append_new(json_object_get(all, name),
                                    json_pack("{s:i, s:s}", "version", 4, "addr", text_of(nic, "address")));
    }
    return all;
}

static enum err ips_index(struct request *request, struct response *response)
{
    struct server server;
    TRY(server_of_request(request, &server));
    response->json = json_pack("{s:o}", "addresses", addresses_of(&server));
    return OK;
}

static enum err ips_show(struct request *request, struct response *response)
{
    const char *label = request_param(request, "label");
    struct server server;
    TRY(server_of_request(request, &server));
    json_auto_t *all = addresses_of(&server);
    json_t *list = json_object_get(all, label);
    if (!list)
        return fail(E_NOT_FOUND, "Instance is not a member of specified network");
    response->json = json_object();
    (void)json_object_set(response->json, label, list);
    return OK;
}

#define SERVER "/servers/{server_id}"

const struct route interface_routes[] = {
    {.method = "GET", .path = SERVER "/os-interface", .access = ACCESS_READER, .handler = interface_index, .scope = SCOPE_SERVER},
    {.method = "POST",
     .path = SERVER "/os-interface",
     .access = ACCESS_MEMBER,
     .handler = interface_attach,
     .body = BODY_JSON,
     .schemas = attach_schemas,
     .scope = SCOPE_SERVER},
    {.method = "GET",
     .path = SERVER "/os-interface/{port_id}",
     .access = ACCESS_READER,
     .handler = interface_show,
     .scope = SCOPE_SERVER},
    {.method = "DELETE",
     .path = SERVER "/os-interface/{port_id}",
     .access = ACCESS_MEMBER,
     .handler = interface_detach,
     .scope = SCOPE_SERVER},
    {.method = "GET", .path = SERVER "/ips", .access = ACCESS_READER, .handler = ips_index, .scope = SCOPE_SERVER},
    {.method = "GET", .path = SERVER "/ips/{label}", .access = ACCESS_READER, .handler = ips_show, .scope = SCOPE_SERVER},
    {.method = NULL},
};
