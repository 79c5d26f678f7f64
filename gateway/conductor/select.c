/* Candidates of this zone, and the choice among all; see select.h. Children are asked in select_children.c. */
#include "gateway/conductor/select.h"

#include <stdlib.h>
#include <string.h>

#include "compute/placement/placement.h"
#include "gateway/conductor/select_children.h"
#include "gateway/gateway.h"
#include "schema/json/json.h"

/* A pick is random within this many best, so that simultaneous creates do not chase one host. */
#define BEST_SUBSET 4

const char *sizing_write(struct arena *arena, const struct sizing *sizing)
{
    json_auto_t *object =
        json_pack("{s:I, s:I, s:I, s:s?, s:s?}", "vcpus", (json_int_t)sizing->vcpus, "ram_mib", (json_int_t)sizing->ram_mib,
                  "disk_gib", (json_int_t)sizing->disk_gib, "availability_zone", sizing->availability_zone, "host", sizing->host);
    char *text = json_dumps(object, JSON_COMPACT);
    const char *copy = arena_strdup(arena, text ? text : "{}");
    free(text);
    return copy;
}

enum err sizing_read(struct arena *arena, const char *text, size_t length, struct sizing *out)
{
    json_auto_t *object = NULL;
    TRY(json_parse_foreign(text, length, &object));
    const json_t *vcpus = json_object_get(object, "vcpus");
    const json_t *ram = json_object_get(object, "ram_mib");
    const json_t *disk = json_object_get(object, "disk_gib");
    if (!json_is_integer(vcpus) || !json_is_integer(ram) || !json_is_integer(disk))
        return fail(E_INVALID, "The sizing lacks vcpus, ram_mib or disk_gib.");
    *out = (struct sizing){json_integer_value(vcpus), json_integer_value(ram), json_integer_value(disk),
                           arena_strdup(arena, json_string_value(json_object_get(object, "availability_zone"))),
                           arena_strdup(arena, json_string_value(json_object_get(object, "host")))};
    return OK;
}

const char *select_host_zone(const struct gateway *gateway, const struct host *host)
{
    if (host->availability_zone)
        return host->availability_zone;
    return *gateway->config.zone.default_availability_zone ? gateway->config.zone.default_availability_zone : gateway->name;
}

static bool host_passes(const struct gateway *gateway, const struct host *host, const struct sizing *sizing)
{
    if (sizing->host) /* forced: whatever its state, as Nova */
        return strcmp(host->name, sizing->host) == 0;
    if (!host->up || host->disabled)
        return false;
    return !sizing->availability_zone || strcmp(select_host_zone(gateway, host), sizing->availability_zone) == 0;
}

static const struct host *find_host(const struct hosts *hosts, const struct uuid *uuid)
{
    for (size_t i = 0; i < hosts->count; i++) {
        if (uuid_equal(&hosts->items[i].uuid, uuid))
            return &hosts->items[i];
    }
    return NULL;
}

enum err select_here(struct request *request, const struct sizing *sizing, struct plan_entries *out)
{
    const struct resource_amount amounts[] = {
        {"VCPU", sizing->vcpus}, {"MEMORY_MB", sizing->ram_mib}, {"DISK_GB", sizing->disk_gib}};
    struct placement_fits fits;
    struct hosts hosts;
    TRY(placement_fit(request->db, request->arena, amounts, ARRAY_LEN(amounts), &fits));
    TRY(host_list(request->db, request->arena, &hosts));
    struct plan_entry *items = arena_alloc(request->arena, (fits.count + 1) * sizeof(*items));
    size_t count = 0;
    for (size_t i = 0; i < fits.count; i++) {
        const struct host *host = find_host(&hosts, &fits.items[i].provider);
        if (host && host_passes(request->gateway, host, sizing))
            items[count++] =
                (struct plan_entry){.weight = fits.items[i].free_share, .host = host->uuid, .tag = request->gateway->tag};
    }
    *out = (struct plan_entries){items, count};
    return OK;
}

static int compare_weights(const void *a, const void *b)
{
    const struct plan_entry *left = a;
    const struct plan_entry *right = b;
    return (left->weight < right->weight) - (left->weight > right->weight);
}

enum err select_all(struct request *request, const struct sizing *sizing, const char *sizing_text, struct plan_entries *out)
{
    struct plan_entries here;
    struct plan_entries below;
    TRY(select_here(request, sizing, &here));
    TRY(select_children(request, sizing_text, &below));
    struct plan_entry *items = arena_alloc(request->arena, (here.count + below.count + 1) * sizeof(*items));
    if (here.count)
        memcpy(items, here.items, here.count * sizeof(*items));
    if (below.count)
        memcpy(items + here.count, below.items, below.count * sizeof(*items));
    *out = (struct plan_entries){items, here.count + below.count};
    if (out->count)
        qsort(items, out->count, sizeof(*items), compare_weights);
    return OK;
}

bool plan_entry_take(struct plan_entries *candidates, struct plan_entry *out)
{
    if (candidates->count == 0)
        return false;
    const size_t subset = candidates->count < BEST_SUBSET ? candidates->count : BEST_SUBSET;
    const size_t index = random_below((uint32_t)subset);
    *out = candidates->items[index];
    memmove(&candidates->items[index], &candidates->items[index + 1], (candidates->count - index - 1) * sizeof(*candidates->items));
    candidates->count--;
    return true;
}
