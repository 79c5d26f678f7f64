/* Candidates of this zone, and the choice among all; see select.h. Children are asked in select_children.c. */
#include "gateway/conductor/select.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compute/scheduler/gather.h"
#include "gateway/conductor/capacity.h"
#include "gateway/conductor/select_children.h"
#include "gateway/conductor/together.h"
#include "gateway/gateway.h"
#include "schema/zone_load.h"
#include "zones/registry.h"

/* A pick is random within this many best, so that simultaneous creates do not chase one host. */
#define BEST_SUBSET 4
/* What is worse than the best by more than this is not picked in its place. */
#define BEST_MARGIN 0.02

const char *select_host_zone(const struct gateway *gateway, const struct host *host)
{
    if (host->availability_zone)
        return host->availability_zone;
    return *gateway->config.zone.default_availability_zone ? gateway->config.zone.default_availability_zone : gateway->name;
}

enum err select_settings(struct arena *arena, const struct config *config, struct scheduler_settings *out)
{
    const struct scheduler_words words = {
        .preset = config->scheduler.preset,
        .filters = config->scheduler.filters,
        .weighers = config->scheduler.weighers,
        .multipliers = {config->scheduler.ram_weight_multiplier, config->scheduler.cpu_weight_multiplier,
                        config->scheduler.disk_weight_multiplier, config->scheduler.io_ops_weight_multiplier,
                        config->scheduler.build_failure_weight_multiplier, config->scheduler.soft_affinity_weight_multiplier,
                        config->scheduler.soft_anti_affinity_weight_multiplier},
        .max_servers_per_host = config->scheduler.max_instances_per_host,
        .max_io_ops_per_host = config->scheduler.max_io_ops_per_host,
        .subset = config->scheduler.host_subset_size,
    };
    return scheduler_settings_read(arena, &words, out);
}

static enum err judge(struct request *request, const struct gather_order *order, struct verdicts *out)
{
    struct gathered gathered;
    TRY(scheduler_gather(request->db, request->arena, order, &gathered));
    struct schedule_spec *spec = arena_copy(request->arena, &gathered.spec, sizeof(gathered.spec));
    const struct schedule schedule = {request->arena, order->settings, spec};
    scheduler_judge(&schedule, &gathered.hosts, out);
    return OK;
}

enum err select_judge(struct request *request, const struct sizing *sizing, bool all_hosts, struct verdicts *out)
{
    static const struct host nowhere = {.name = ""};
    const struct gateway *gateway = request->gateway;
    struct scheduler_settings *settings = arena_alloc(request->arena, sizeof(*settings));
    TRY(select_settings(request->arena, &gateway->config, settings));
    const struct gather_order order = {.sizing = sizing,
                                       .project_id = request->caller.project_id,
                                       .settings = settings,
                                       .default_zone = select_host_zone(gateway, &nowhere),
                                       .candidates_most = (size_t)gateway->config.scheduler.max_placement_results,
                                       .all_hosts = all_hosts};
    return judge(request, &order, out);
}

static enum err choose_here(struct request *request, const struct sizing *sizing, struct plan_entries *out)
{
    struct scheduler_settings settings;
    struct verdicts verdicts;
    TRY(select_settings(request->arena, &request->gateway->config, &settings));
    TRY(select_judge(request, sizing, false, &verdicts));
    struct plan_entry *items = arena_alloc(request->arena, (verdicts.passed + 1) * sizeof(*items));
    for (size_t i = 0; i < verdicts.passed; i++)
        items[i] = (struct plan_entry){
            .weight = verdicts.items[i].weight, .host = verdicts.items[i].host->uuid, .tag = request->gateway->tag};
    *out = (struct plan_entries){items, verdicts.passed, settings.subset};
    return OK;
}

/* --- the same choice for several */

struct choosing {
    struct request *request;
    const struct sizing *sizing;
    struct plan_entries entries;
    enum err result;
    const char *message;
};

void select_together(void *const *items, size_t count)
{
    const struct choosing *first = items[0];
    struct plan_entries entries = {0};
    const enum err result = choose_here(first->request, first->sizing, &entries);
    for (size_t i = 0; i < count; i++) {
        struct choosing *choosing = items[i];
        struct arena *arena = choosing->request->arena;
        choosing->entries = entries;
        if (entries.count)
            choosing->entries.items = arena_copy(arena, entries.items, entries.count * sizeof(*entries.items));
        choosing->result = result;
        choosing->message = result == OK ? "" : arena_strdup(arena, err_message());
    }
}

enum err select_here(struct request *request, const struct sizing *sizing, struct plan_entries *out)
{
    struct choosing choosing = {.request = request, .sizing = sizing};
    const char *key = arena_printf(request->arena, "%s %s", request->caller.project_id, sizing_write(request->arena, sizing));
    together_run(request->gateway->plans, key, &choosing, request->fanout);
    if (choosing.result != OK)
        return fail(choosing.result, "%s", choosing.message);
    *out = choosing.entries;
    return OK;
}

static int compare_weights(const void *a, const void *b)
{
    const struct plan_entry *left = a;
    const struct plan_entry *right = b;
    if (left->weight != right->weight)
        return left->weight < right->weight ? 1 : -1;
    return uuid_is_zero(&right->zone) - uuid_is_zero(&left->zone); /* this zone's own first (spec zones.md 2.4) */
}

/* --- zones together */

/* Entries of one zone, best first, get a share that falls with the servers which the zone has, and with every further entry: the
 * first of each zone come before the second of any when all zones are alike. */
struct zone_share {
    int64_t servers;
    int64_t most;   /* of all zones */
    size_t entries; /* of all zones at most */
};

static double weigh_zone(const struct zone_share *share, double multiplier, double weight, size_t rank)
{
    const double used = ((double)share->servers + (double)rank) / ((double)share->most + (double)share->entries + 1);
    return (weight + fabs(multiplier) * (multiplier > 0 ? 1 - used : used)) / (1 + fabs(multiplier));
}

/* Servers of a zone and all below it; what is not known counts as none. */
static int64_t servers_of(struct request *request, const struct zone *child)
{
    int64_t servers = 0;
    if (child)
        return capacity_servers_of_child(child, &servers) ? servers : 0;
    return zone_count_servers(request->db, &servers) == OK ? servers : 0;
}

static bool is_of(const struct plan_entry *entry, const struct zone *child)
{
    return child ? uuid_equal(&entry->zone, &child->row.uuid) : uuid_is_zero(&entry->zone);
}

/* One zone's entries, `child` NULL: this zone's. */
static void weigh_entries(struct plan_entries *entries, const struct zone *child, const struct zone_share *share, double multiplier)
{
    size_t rank = 0;
    for (size_t i = 0; i < entries->count; i++) {
        struct plan_entry *entry = &entries->items[i];
        if (!is_of(entry, child))
            continue;
        if (multiplier != 0)
            entry->weight = weigh_zone(share, multiplier, entry->weight, rank++);
        if (child)
            entry->weight = child->row.weight_offset + child->row.weight_scale * entry->weight;
    }
}

static void weigh_zones(struct request *request, struct plan_entries *entries)
{
    const double multiplier = request->gateway->config.scheduler.zone_weight_multiplier;
    const struct zones_view *view = request->gateway->zones ? zones_view(request->gateway->zones, request->arena) : NULL;
    const size_t count = view ? view->child_count : 0;
    struct zone_share *shares = arena_alloc(request->arena, (count + 1) * sizeof(*shares));
    int64_t most = 0;
    for (size_t i = 0; i <= count && multiplier != 0; i++) {
        shares[i].servers = servers_of(request, i < count ? &view->children[i] : NULL);
        most = shares[i].servers > most ? shares[i].servers : most;
    }
    for (size_t i = 0; i <= count; i++) {
        shares[i].most = most;
        shares[i].entries = entries->count;
        weigh_entries(entries, i < count ? &view->children[i] : NULL, &shares[i], multiplier);
    }
}

static void append(struct request *request, struct plan_entries *entries, const struct plan_entries *more)
{
    struct plan_entry *items = arena_alloc(request->arena, (entries->count + more->count + 1) * sizeof(*items));
    if (entries->count)
        memcpy(items, entries->items, entries->count * sizeof(*items));
    if (more->count)
        memcpy(items + entries->count, more->items, more->count * sizeof(*items));
    entries->items = items;
    entries->count += more->count;
}

enum err select_all(struct request *request, const struct sizing *sizing, const char *sizing_text, struct plan_entries *out)
{
    struct plan_entries entries;
    struct plan_entries below;
    size_t left = 0;
    TRY(select_here(request, sizing, &entries));
    TRY(select_children(request, sizing, sizing_text, SELECT_LIKELY, &below, &left));
    append(request, &entries, &below);
    if (entries.count == 0 && left) {
        TRY(select_children(request, sizing, sizing_text, SELECT_UNLIKELY, &below, &left));
        append(request, &entries, &below);
    }
    weigh_zones(request, &entries);
    if (entries.count)
        qsort(entries.items, entries.count, sizeof(*entries.items), compare_weights);
    *out = entries;
    return OK;
}

/* How many of the best are about as good as the best. */
static size_t count_best(const struct plan_entries *candidates)
{
    const size_t most = candidates->subset ? candidates->subset : BEST_SUBSET;
    size_t count = 1;
    if (most == SIZE_MAX) /* by chance */
        return candidates->count;
    while (count < most && count < candidates->count &&
           candidates->items[count].weight >= candidates->items[0].weight - BEST_MARGIN)
        count++;
    return count;
}

bool plan_entry_take(struct plan_entries *candidates, struct plan_entry *out)
{
    if (candidates->count == 0)
        return false;
    const size_t index = random_below((uint32_t)count_best(candidates));
    *out = candidates->items[index];
    memmove(&candidates->items[index], &candidates->items[index + 1], (candidates->count - index - 1) * sizeof(*candidates->items));
    candidates->count--;
    return true;
}
