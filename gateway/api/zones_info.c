/*
 * What this zone says of itself: /os-zones/info with 2011's capabilities, capacity and directory (spec link.md section 6), and the
 * deep probe. A user who may not see names gets neither directory nor capacity.
 */
#include <string.h>

#include "compute/placement/placement.h"
#include "gateway/api/api.h"
#include "gateway/api/zones.h"
#include "gateway/conductor/capacity.h"
#include "gateway/conductor/select.h"
#include "gateway/gateway.h"
#include "schema/host.h"
#include "schema/json/json.h"
#include "schema/placement_provider.h"
#include "schema/zone_load.h"

/* A host that may take servers, and what is free on it. */
struct room {
    const struct host *host;
    const struct placement_fit *fit;
};

struct rooms {
    struct room *items;
    size_t count;
};

static enum err read_rooms(struct request *request, struct rooms *out)
{
    struct placement_fits fits;
    struct hosts hosts;
    TRY(placement_fit(request->db, request->arena, NULL, 0, &fits));
    TRY(host_list(request->db, request->arena, &hosts));
    *out = (struct rooms){arena_alloc(request->arena, (fits.count + 1) * sizeof(struct room)), 0};
    for (size_t i = 0; i < fits.count; i++) {
        for (size_t j = 0; j < hosts.count; j++) {
            if (uuid_equal(&hosts.items[j].uuid, &fits.items[i].provider) && hosts.items[j].up && !hosts.items[j].disabled)
                out->items[out->count++] = (struct room){&hosts.items[j], &fits.items[i]};
        }
    }
    return OK;
}

/* Null when a child is silent: missing is unknown, never zero. */
static json_t *servers_below(struct request *request)
{
    const struct zones_view *view = zones_view(request->gateway->zones, request->arena);
    int64_t sum = 0;
    for (size_t i = 0; i < view->child_count; i++) {
        int64_t servers = 0;
        if (!zone_is_active(&view->children[i]) || !capacity_servers_of_child(&view->children[i], &servers))
            return json_null();
        sum += servers;
    }
    return json_integer(sum);
}

/* This zone's availability zones and those of all below; null when a child is silent. */
static json_t *capacity_of_subtree(struct request *request, const json_t *own)
{
    const struct zones_view *view = zones_view(request->gateway->zones, request->arena);
    json_t *sum = json_object();
    capacity_add_all(sum, own);
    for (size_t i = 0; i < view->child_count; i++) {
        json_auto_t *below = zone_is_active(&view->children[i]) ? capacity_of_child(&view->children[i]) : NULL;
        if (!below) {
            json_decref(sum);
            return json_null();
        }
        capacity_add_all(sum, below);
    }
    return sum;
}

/* Adds those of all below; false when a child is silent, or does not say. */
static bool add_traits_below(struct request *request, json_t *set)
{
    const struct zones_view *view = zones_view(request->gateway->zones, request->arena);
    for (size_t i = 0; i < view->child_count; i++) {
        json_auto_t *below = zone_is_active(&view->children[i]) ? capacity_traits_of_child(&view->children[i]) : NULL;
        if (!below)
            return false;
        capacity_add_traits(set, below);
    }
    return true;
}

/* Null when it is not known of all zones below. */
static enum err traits_of_subtree(struct request *request, json_t **out)
{
    json_auto_t *set = json_object();
    const char *name;
    json_t *unused;
    struct name_rows own;
    TRY(provider_traits_present(request->db, request->arena, &own));
    for (size_t i = 0; i < own.count; i++)
        (void)json_object_set_new(set, own.items[i].name, json_true());
    json_t *list = add_traits_below(request, set) ? json_array() : json_null();
    json_object_foreach(set, name, unused)
    {
        if (json_is_array(list))
            (void)json_array_append_new(list, json_string(name));
    }
    *out = list;
    return OK;
}

static enum err capacity_of_rooms(struct request *request, const struct rooms *rooms, json_t **out)
{
    int64_t servers = 0;
    json_t *traits = NULL;
    TRY(zone_count_servers(request->db, &servers));
    TRY(traits_of_subtree(request, &traits));
    json_t *zones = json_object();
    for (size_t i = 0; i < rooms->count; i++)
        capacity_add_host(zones, select_host_zone(request->gateway, rooms->items[i].host), rooms->items[i].fit->free_vcpus,
                          rooms->items[i].fit->free_ram_mib, rooms->items[i].fit->free_disk_gib);
    *out = json_pack("{s:o, s:I, s:o, s:o, s:o}", "availability_zones", zones, "servers", (json_int_t)servers, "servers_below",
                     servers_below(request), "subtree", capacity_of_subtree(request, zones), "traits", traits);
    return OK;
}

enum err zones_capacity(struct request *request, json_t **out)
{
    struct rooms rooms;
    TRY(read_rooms(request, &rooms));
    return capacity_of_rooms(request, &rooms, out);
}

/* 2011's roll-up: "<service>_<capability>": "min,max" over the hosts that report. */
static void add_rolled_up(json_t *capabilities, const struct rooms *rooms)
{
    static const struct {
        const char *key;
        size_t offset;
    } rolled[] = {
        {"compute_host_memory_free", offsetof(struct placement_fit, free_ram_mib)},
        {"compute_disk_available", offsetof(struct placement_fit, free_disk_gib)},
        {"compute_vcpus_free", offsetof(struct placement_fit, free_vcpus)},
    };
    for (size_t i = 0; i < ARRAY_LEN(rolled) && rooms->count; i++) {
        int64_t least = INT64_MAX;
        int64_t most = INT64_MIN;
        for (size_t j = 0; j < rooms->count; j++) {
            const int64_t value = *(const int64_t *)((const char *)rooms->items[j].fit + rolled[i].offset);
            least = value < least ? value : least;
            most = value > most ? value : most;
        }
        (void)json_object_set_new(capabilities, rolled[i].key, json_sprintf("%lld,%lld", (long long)least, (long long)most));
    }
}

/* "key=v1;v2, key=v": a word without '=' is left out. */
static json_t *own_capabilities(struct request *request)
{
    json_t *capabilities = json_object();
    for (const char *at = request->gateway->config.zone.capabilities; *at;) {
        const size_t length = strcspn(at, ",");
        const char *word = arena_strndup(request->arena, at, length);
        char *equals = strchr(word, '=');
        word += strspn(word, " ");
        if (equals && equals > word) {
            *equals = '\0';
            (void)json_object_set_new(capabilities, word, json_string(equals + 1));
        }
        at += length + (at[length] ? 1 : 0);
    }
    return capabilities;
}

/* In 2011 the capabilities stood beside the name; words of our own go before. */
static void add_flat(json_t *zone, const json_t *capabilities)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)capabilities, key, value)
    {
        if (!json_object_get(zone, key))
            (void)json_object_set(zone, key, value);
    }
}

static json_t *info_object(struct request *request, json_t *capabilities)
{
    const struct gateway *gateway = request->gateway;
    return json_pack("{s:s, s:O, s:s, s:s, s:I, s:[i, i], s:[s, s], s:s}", "name", gateway->name, "capabilities", capabilities,
                     "uuid", uuid_to_text(&gateway->keys.zone).text, "tag", arena_printf(request->arena, "%06x", gateway->tag),
                     "incarnation", (json_int_t)zones_options(gateway->zones)->incarnation, "protocol", LINK_PROTOCOL_MIN,
                     LINK_PROTOCOL_MAX, "microversion", "2.1", arena_printf(request->arena, "2.%d", compute_service.version_max),
                     "version", ZONEGATE_VERSION);
}

enum err zones_info(struct request *request, struct response *response)
{
    const struct zones_view *view = zones_view(request->gateway->zones, request->arena);
    struct rooms rooms;
    json_t *capacity = NULL;
    TRY(read_rooms(request, &rooms));
    TRY(capacity_of_rooms(request, &rooms, &capacity));
    json_auto_t *capabilities = own_capabilities(request);
    add_rolled_up(capabilities, &rooms);
    json_t *zone = info_object(request, capabilities);
    if (zones_names_shown(request)) {
        (void)json_object_set(zone, "capacity", capacity);
        (void)json_object_set_new(zone, "directory", directory_json(&view->directory, request_query(request, "zone.digest")));
    }
    json_decref(capacity);
    add_flat(zone, capabilities);
    response->json = json_pack("{s:o}", "zone", zone);
    return OK;
}

/* The deep probe: it went through the queue, it has a worker, and it reads the database. */
enum err zones_probe(struct request *request, struct response *response)
{
    struct rows rows;
    if (db_query(request->db, request->arena, "SELECT 1", NULL, 0, &rows) != OK)
        return fail(E_UNAVAILABLE, "The zone cannot read its database.");
    response->json = json_pack("{s:s}", "status", "ok");
    return OK;
}
