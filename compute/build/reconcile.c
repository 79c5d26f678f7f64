/* See reconcile.h. */
#include "compute/build/reconcile.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "compute/build/firewall.h"
#include "compute/build/nics.h"
#include "compute/placement/placement.h"
#include "gateway/base/log.h"
#include "gateway/base/text.h"
#include "schema/host.h"
#include "schema/json/json.h"
#include "schema/server.h"
#include "schema/zone_self.h"

#define LIST_BUDGET_MS 30000

struct adoption {
    const struct server *server;
    const struct uuid *provider;
};

static const char *text_of(const json_t *record, const char *key)
{
    return json_string_value(json_object_get(record, key));
}

static const char *dump(struct arena *arena, const json_t *value)
{
    char *text = json_is_object(value) || json_is_array(value) ? json_dumps(value, JSON_COMPACT) : NULL;
    const char *copy = arena_strdup(arena, text ? text : "{}");
    free(text);
    return copy;
}

static int64_t amount(const json_t *flavor, const char *key)
{
    return json_integer_value(json_object_get(flavor, key));
}

/* E_INVALID: the record lacks what a row cannot be without. */
static enum err row_from_record(struct arena *arena, const json_t *record, const struct guest_seen *guest, const struct host *host,
                                struct server *out)
{
    const json_t *flavor = json_object_get(record, "flavor");
    const json_t *nics = json_object_get(record, "nics");
    const int64_t created_us = json_integer_value(json_object_get(record, "created"));
    *out = (struct server){
        .uuid = guest->id,
        .project_id = text_of(record, "project_id"),
        .user_id = text_of(record, "user_id"),
        .name = text_of(record, "name"),
        .description = text_of(record, "description"),
        .hostname = text_of(record, "hostname"),
        .host = host->name,
        .node = host->name,
        .availability_zone = text_of(record, "availability_zone"),
        .vm_state = guest->power == POWER_RUNNING ? "active" : "stopped",
        .power_state = guest->power,
        .reservation_id = text_of(record, "reservation_id"),
        .flavor_id = text_of(record, "flavor_id"),
        .flavor = dump(arena, flavor),
        .vcpus = amount(flavor, "vcpus"),
        .ram_mib = amount(flavor, "ram"),
        .disk_gib = amount(flavor, "disk") + amount(flavor, "ephemeral") + (amount(flavor, "swap") + 1023) / 1024,
        .image_ref = text_of(record, "image_ref"),
        .key_name = text_of(record, "key_name"),
        .config_drive = json_is_true(json_object_get(record, "config_drive")),
        .metadata = dump(arena, json_object_get(record, "metadata")),
        .tags = "[]",
        .nics = json_is_array(nics) ? dump(arena, nics) : NULL,
        .disk_config = "MANUAL",
        .request_spec = "{}",
        .created_us = created_us,
        .updated_us = created_us,
        .launched_us = created_us,
    };
    if (!out->project_id || !out->user_id || !out->name || !out->hostname || !out->reservation_id || !out->flavor_id)
        return fail(E_INVALID, "the record of the guest is not complete");
    return OK;
}

/* A host that is fuller than it may be now keeps its guest all the same: it does run there. */
static enum err adopt_in_transaction(struct db *db, void *context)
{
    const struct adoption *a = context;
    CLEANUP(arena_clear) struct arena arena = {0};
    struct server adopted = *a->server;
    const struct server *server = &adopted;
    bool exists = false;
    TRY(server_exists(db, &server->uuid, &exists));
    if (exists)
        return OK;
    if (server->nics) /* the record does not say which groups it is in: the project's default one */
        TRY(firewall_join(db, &arena, &adopted));
    const struct resource_amount amounts[] = {
        {"VCPU", server->vcpus}, {"MEMORY_MB", server->ram_mib}, {"DISK_GB", server->disk_gib}};
    TRY(server_insert(db, server));
    TRY(nics_adopt(db, server));
    const enum err claimed =
        placement_claim(db, a->provider, &server->uuid, server->project_id, server->user_id, amounts, ARRAY_LEN(amounts));
    if (claimed == E_CONFLICT)
        log_warn("restored.claim", "server=%s host=%s why=%s", uuid_to_text(&server->uuid).text, log_quote(server->host).text,
                 log_quote(err_message()).text);
    return claimed == E_CONFLICT ? OK : claimed;
}

/* A guest whose record cannot be read stays as it is; somebody must look at it. */
static enum err adopt(struct db *db, struct arena *arena, const char *zone, const struct host *host, const struct guest_seen *guest)
{
    json_auto_t *record = NULL;
    struct server server;
    bool exists = false;
    TRY(server_exists(db, &guest->id, &exists));
    if (exists)
        return OK;
    const struct uuid_text id = uuid_to_text(&guest->id);
    if (json_parse_foreign(guest->record, strlen(guest->record), &record) != OK ||
        row_from_record(arena, record, guest, host, &server) != OK) {
        log_error("restored.guest", "server=%s host=%s why=%s", id.text, log_quote(host->name).text, log_quote(err_message()).text);
        return OK;
    }
    if (!str_equal(text_of(record, "zone"), zone))
        return OK; /* another zone's, on a host that both use */
    struct adoption adoption = {&server, &host->uuid};
    TRY(db_transaction(db, adopt_in_transaction, &adoption));
    log_info("restored.adopted", "server=%s host=%s", id.text, log_quote(host->name).text);
    return OK;
}

static enum err reconcile_host(struct db *db, struct hypervisors *hypervisors, const char *zone, const struct host *host)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    struct guest_seen *guests = NULL;
    size_t count = 0;
    if (hypervisor_guests(hypervisors, host->name, budget_from_ms(LIST_BUDGET_MS), &arena, &guests, &count) != OK)
        return fail(E_UNAVAILABLE, "Host %s cannot be looked at: it comes back, or `zonegate host delete` forgets it.", host->name);
    for (size_t i = 0; i < count; i++)
        TRY(adopt(db, &arena, zone, host, &guests[i]));
    return OK;
}

enum err reconcile_restored(struct db *db, struct hypervisors *hypervisors)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    struct zone_self self;
    struct hosts hosts;
    bool reconciled = true;
    TRY(zone_self_is_reconciled(db, &reconciled));
    if (reconciled)
        return OK;
    TRY(zone_self_get(db, &arena, &self));
    TRY(host_list(db, &arena, &hosts));
    for (size_t i = 0; i < hosts.count; i++)
        TRY(reconcile_host(db, hypervisors, self.name, &hosts.items[i]));
    TRY(zone_self_reconciled(db, self.incarnation));
    log_info("zone.reconciled", "incarnation=%lld hosts=%zu", (long long)self.incarnation, hosts.count);
    return OK;
}
