/* Candidates of this zone, and the choice among all; see select.h. Children are asked in select_children.c. */
#include "gateway/conductor/select.h"

#include <stdlib.h>
#include <string.h>

#include "compute/scheduler/gather.h"
#include "gateway/conductor/select_children.h"
#include "gateway/gateway.h"

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

enum err select_here(struct request *request, const struct sizing *sizing, struct plan_entries *out)
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
    *out = (struct plan_entries){items, here.count + below.count, here.subset};
    if (out->count)
        qsort(items, out->count, sizeof(*items), compare_weights);
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
