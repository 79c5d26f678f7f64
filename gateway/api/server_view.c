/* Servers as bytes; see server_view.h. */
#include "gateway/api/server_view.h"

#include <string.h>

#include <jansson.h>

/* vm_state, task_state ("*" = any other), status: the first row that fits counts. */
static const struct {
    const char *vm_state;
    const char *task_state;
    const char *status;
} statuses[] = {
    {"active", "rebooting", "REBOOT"},
    {"active", "reboot_pending", "REBOOT"},
    {"active", "reboot_started", "REBOOT"},
    {"active", "rebooting_hard", "HARD_REBOOT"},
    {"active", "reboot_pending_hard", "HARD_REBOOT"},
    {"active", "reboot_started_hard", "HARD_REBOOT"},
    {"active", "updating_password", "PASSWORD"},
    {"active", "rebuilding", "REBUILD"},
    {"active", "rebuild_block_device_mapping", "REBUILD"},
    {"active", "rebuild_spawning", "REBUILD"},
    {"active", "migrating", "MIGRATING"},
    {"active", "resize_prep", "RESIZE"},
    {"active", "resize_migrating", "RESIZE"},
    {"active", "resize_migrated", "RESIZE"},
    {"active", "resize_finish", "RESIZE"},
    {"active", "*", "ACTIVE"},
    {"building", "*", "BUILD"},
    {"stopped", "resize_prep", "RESIZE"},
    {"stopped", "resize_migrating", "RESIZE"},
    {"stopped", "resize_migrated", "RESIZE"},
    {"stopped", "resize_finish", "RESIZE"},
    {"stopped", "rebuilding", "REBUILD"},
    {"stopped", "rebuild_block_device_mapping", "REBUILD"},
    {"stopped", "rebuild_spawning", "REBUILD"},
    {"stopped", "*", "SHUTOFF"},
    {"resized", "resize_reverting", "REVERT_RESIZE"},
    {"resized", "*", "VERIFY_RESIZE"},
    {"paused", "migrating", "MIGRATING"},
    {"paused", "*", "PAUSED"},
    {"suspended", "*", "SUSPENDED"},
    {"rescued", "*", "RESCUE"},
    {"error", "rebuilding", "REBUILD"},
    {"error", "rebuild_block_device_mapping", "REBUILD"},
    {"error", "rebuild_spawning", "REBUILD"},
    {"error", "*", "ERROR"},
    {"deleted", "*", "DELETED"},
    {"soft-delete", "*", "SOFT_DELETED"},
    {"shelved", "*", "SHELVED"},
    {"shelved_offloaded", "*", "SHELVED_OFFLOADED"},
};

const char *server_status(const struct server *server)
{
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
        if (strcmp(statuses[i].vm_state, server->vm_state) != 0)
            continue;
        if (statuses[i].task_state[0] == '*' || str_equal(statuses[i].task_state, server->task_state))
            return statuses[i].status;
    }
    return "UNKNOWN";
}

size_t server_status_states(const char *status, const char **out)
{
    size_t used = 0;
    for (size_t i = 0; i < ARRAY_LEN(statuses) && used < SERVER_STATUS_STATES; i++) {
        if (!str_equal_nocase(statuses[i].status, status))
            continue;
        out[2 * used] = statuses[i].vm_state;
        out[2 * used + 1] = statuses[i].task_state;
        used++;
    }
    return used;
}

enum err server_view_init(struct request *request, bool is_list, struct server_view *out)
{
    struct server_view view = {
        .version = request->version,
        .is_admin = request->caller.is_admin,
        .is_list = is_list,
        .self_base = request_link(request, "%s", ""),
        .bookmark_base = request_bookmark(request, "%s", ""),
    };
    if (view.is_admin && view.version >= 16) {
        struct hosts *hosts = arena_alloc(request->arena, sizeof(*hosts));
        TRY(host_list(request->db, request->arena, hosts));
        view.hosts = hosts;
    }
    *out = view;
    return OK;
}

static void add_key(struct text *out, const char *key)
{
    text_add_char(out, ',');
    text_add_char(out, '"');
    text_add_str(out, key);
    text_add(out, "\":", 2);
}

static void add_text(struct text *out, const char *key, const char *value)
{
    add_key(out, key);
    text_add_json(out, value);
}

static void add_int(struct text *out, const char *key, int64_t value)
{
    add_key(out, key);
    text_add_int(out, value);
}

static void add_bool(struct text *out, const char *key, bool value)
{
    add_key(out, key);
    text_add_str(out, value ? "true" : "false");
}

/* Already JSON. */
static void add_raw(struct text *out, const char *key, const char *json)
{
    add_key(out, key);
    text_add_str(out, json);
}

static void add_time(struct text *out, const char *key, int64_t us, struct time_text (*format)(int64_t))
{
    add_text(out, key, us ? format(us).text : NULL);
}

static void add_links(struct text *out, const struct server *server, const struct server_view *view)
{
    const struct uuid_text uuid = uuid_to_text(&server->uuid);
    add_key(out, "links");
    text_add_str(out, "[{\"rel\":\"self\",\"href\":\"");
    text_add_str(out, view->self_base);
    text_add_str(out, "/servers/");
    text_add_str(out, uuid.text);
    text_add_str(out, "\"},{\"rel\":\"bookmark\",\"href\":\"");
    text_add_str(out, view->bookmark_base);
    text_add_str(out, "/servers/");
    text_add_str(out, uuid.text);
    text_add_str(out, "\"}]");
}

static void add_reference(struct text *out, const char *key, const char *id, const char *collection, const struct server_view *view)
{
    add_key(out, key);
    text_add_str(out, "{\"id\":");
    text_add_json(out, id);
    text_add_str(out, ",\"links\":[{\"rel\":\"bookmark\",\"href\":");
    CLEANUP(text_clear) struct text href = {0};
    text_add_format(&href, "%s/%s/%s", view->bookmark_base, collection, id);
    text_add_json(out, text_str(&href));
    text_add_str(out, "}]}");
}

static void add_identity(struct text *out, const struct server *server)
{
    text_add_str(out, "{\"id\":\"");
    text_add_str(out, uuid_to_text(&server->uuid).text);
    text_add_char(out, '"');
    add_text(out, "name", server->name);
}

static bool shows_progress(const char *status)
{
    static const char *const with[] = {"ACTIVE", "BUILD", "REBUILD", "RESIZE", "VERIFY_RESIZE", "MIGRATING"};
    for (size_t i = 0; i < ARRAY_LEN(with); i++) {
        if (strcmp(with[i], status) == 0)
            return true;
    }
    return false;
}

/* `details` are for admins, and for everybody when the code is not 500. */
static void add_fault(struct text *out, const struct server *server, const struct server_view *view)
{
    json_auto_t *fault = json_loads(server->fault, 0, NULL);
    if (!fault)
        return;
    if (!view->is_admin && json_integer_value(json_object_get(fault, "code")) == 500)
        (void)json_object_del(fault, "details");
    char *text = json_dumps(fault, JSON_COMPACT);
    if (text)
        add_raw(out, "fault", text);
    free(text);
}

static void add_address(json_t *all, const json_t *nic)
{
    const char *name = json_string_value(json_object_get(nic, "name"));
    const char *address = json_string_value(json_object_get(nic, "address"));
    if (!name || !address)
        return;
    if (!json_object_get(all, name))
        (void)json_object_set_new(all, name, json_array());
    (void)json_array_append_new(json_object_get(all, name),
                                json_pack("{s:i, s:s, s:s, s:O}", "version", 4, "addr", address, "OS-EXT-IPS:type", "fixed",
                                          "OS-EXT-IPS-MAC:mac_addr", json_object_get(nic, "mac")));
}

/* By network; none while it is being built, as in Nova. */
static void add_addresses(struct text *out, const struct server *server)
{
    json_auto_t *nics = server->nics && strcmp(server->vm_state, "building") != 0 ? json_loads(server->nics, 0, NULL) : NULL;
    json_auto_t *all = json_object();
    for (size_t i = 0; i < json_array_size(nics); i++)
        add_address(all, json_array_get(nics, i));
    char *text = json_object_size(all) ? json_dumps(all, JSON_COMPACT) : NULL;
    add_raw(out, "addresses", text ? text : "{}");
    free(text);
}

static void add_core(struct text *out, const struct server *server, const struct server_view *view, const char *status)
{
    add_text(out, "status", status);
    add_text(out, "tenant_id", server->project_id);
    add_text(out, "user_id", server->user_id);
    add_raw(out, "metadata", server->metadata);
    add_text(out, "hostId", server->host_id);
    if (server->image_ref)
        add_reference(out, "image", server->image_ref, "images", view);
    else
        add_text(out, "image", "");
    if (view->version >= 47)
        add_raw(out, "flavor", server->flavor);
    else
        add_reference(out, "flavor", server->flavor_id, "flavors", view);
    add_time(out, "created", server->created_us, time_iso_z);
    add_time(out, "updated", server->updated_us ? server->updated_us : server->created_us, time_iso_z);
    add_addresses(out, server);
    add_text(out, "accessIPv4", server->access_ip_v4 ? server->access_ip_v4 : "");
    add_text(out, "accessIPv6", server->access_ip_v6 ? server->access_ip_v6 : "");
    add_links(out, server, view);
    add_text(out, "OS-DCF:diskConfig", server->disk_config);
    if (shows_progress(status))
        add_int(out, "progress", server->progress);
    if (server->fault && (strcmp(status, "ERROR") == 0 || strcmp(status, "DELETED") == 0))
        add_fault(out, server, view);
}

static void add_extended(struct text *out, const struct server *server)
{
    add_text(out, "OS-EXT-AZ:availability_zone", server->availability_zone ? server->availability_zone : "");
    add_text(out, "config_drive", server->config_drive ? "True" : "");
    add_text(out, "key_name", server->key_name);
    add_time(out, "OS-SRV-USG:launched_at", server->launched_us, time_iso_micro);
    add_time(out, "OS-SRV-USG:terminated_at", server->terminated_us, time_iso_micro);
    if (server->security_groups)
        add_raw(out, "security_groups", server->security_groups);
    add_text(out, "OS-EXT-STS:task_state", server->task_state);
    add_text(out, "OS-EXT-STS:vm_state", server->vm_state);
    add_int(out, "OS-EXT-STS:power_state", server->power_state);
    add_raw(out, "os-extended-volumes:volumes_attached", "[]");
}

static const char *host_status(const struct server *server, const struct server_view *view)
{
    if (!server->host)
        return "";
    for (size_t i = 0; view->hosts && i < view->hosts->count; i++) {
        const struct host *host = &view->hosts->items[i];
        if (strcmp(host->name, server->host) != 0)
            continue;
        if (host->disabled)
            return "MAINTENANCE";
        return host->up ? "UP" : "DOWN";
    }
    return "UNKNOWN";
}

static void add_admin(struct text *out, const struct server *server, const struct server_view *view)
{
    add_text(out, "OS-EXT-SRV-ATTR:host", server->host);
    add_key(out, "OS-EXT-SRV-ATTR:instance_name");
    text_add_format(out, "\"instance-%s\"", uuid_to_text(&server->uuid).text);
    add_text(out, "OS-EXT-SRV-ATTR:hypervisor_hostname", server->node);
    if (view->version >= 3) {
        add_text(out, "OS-EXT-SRV-ATTR:reservation_id", server->reservation_id);
        add_int(out, "OS-EXT-SRV-ATTR:launch_index", server->launch_index);
        add_text(out, "OS-EXT-SRV-ATTR:hostname", server->hostname);
        add_text(out, "OS-EXT-SRV-ATTR:kernel_id", server->kernel_id ? server->kernel_id : "");
        add_text(out, "OS-EXT-SRV-ATTR:ramdisk_id", server->ramdisk_id ? server->ramdisk_id : "");
        add_text(out, "OS-EXT-SRV-ATTR:root_device_name", server->root_device_name);
        add_text(out, "OS-EXT-SRV-ATTR:user_data", server->user_data);
    }
    if (view->version >= 16)
        add_text(out, "host_status", host_status(server, view));
}

static void add_later(struct text *out, const struct server *server, const struct server_view *view)
{
    if (view->version >= 9)
        add_bool(out, "locked", server->locked);
    if (view->version >= 19)
        add_text(out, "description", server->description);
    if (view->version >= 26)
        add_raw(out, "tags", server->tags);
    if (view->version >= 63)
        add_raw(out, "trusted_image_certificates", server->trusted_certs ? server->trusted_certs : "null");
    if (view->version >= 71 && !view->is_list)
        add_raw(out, "server_groups", "[]");
    if (view->version >= 73)
        add_text(out, "locked_reason", server->locked_reason);
    if (view->version >= 90 && !view->is_admin) /* admins have it among the rest, since 2.3 */
        add_text(out, "OS-EXT-SRV-ATTR:hostname", server->hostname);
}

void server_view_detail(struct text *out, const struct server *server, const struct server_view *view)
{
    add_identity(out, server);
    add_core(out, server, view, server_status(server));
    add_extended(out, server);
    if (view->is_admin)
        add_admin(out, server, view);
    add_later(out, server, view);
    text_add_char(out, '}');
}

void server_view_update(struct text *out, const struct server *server, const struct server_view *view)
{
    add_identity(out, server);
    add_core(out, server, view, server_status(server));
    if (view->version >= 9)
        add_bool(out, "locked", server->locked);
    if (view->version >= 19)
        add_text(out, "description", server->description);
    if (view->version >= 26)
        add_raw(out, "tags", server->tags);
    if (view->version >= 63)
        add_raw(out, "trusted_image_certificates", server->trusted_certs ? server->trusted_certs : "null");
    if (view->version >= 71)
        add_raw(out, "server_groups", "[]");
    if (view->version >= 73)
        add_text(out, "locked_reason", server->locked_reason);
    text_add_char(out, '}');
}

void server_view_brief(struct text *out, const struct server *server, const struct server_view *view)
{
    add_identity(out, server);
    add_links(out, server, view);
    text_add_char(out, '}');
}

void server_view_unknown(struct text *out, const struct seen_server *seen, bool detail, const struct server_view *view)
{
    const struct server server = {.uuid = seen->uuid};
    text_add_format(out, "{\"id\":\"%s\",\"status\":\"UNKNOWN\"", uuid_to_text(&seen->uuid).text);
    if (detail) {
        add_text(out, "tenant_id", seen->project);
        add_time(out, "created", seen->created_us, time_iso_z);
    }
    add_links(out, &server, view);
    text_add_char(out, '}');
}
