/* Filtering, ranking and the weight that zones compare; see scheduler.h. */
#include "compute/scheduler/scheduler.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/text.h"

/* In the weight that zones compare no weigher counts more than this, or a million for failed builds would drown all others. */
#define MULTIPLIER_MOST 4.0
#define WEIGHT_OF_ALL   0.5 /* without weighers */

/* --- ranking */

double aggregate_number(const struct host_state *host, const char *name, double otherwise)
{
    double least = NAN;
    for (size_t i = 0; i < host->aggregate_count; i++) {
        const struct aggregate *aggregate = host->aggregates[i];
        for (size_t j = 0; j < aggregate->metadata_count; j++) {
            char *end = NULL;
            const double number = strtod(aggregate->metadata[j].value, &end);
            if (strcmp(aggregate->metadata[j].name, name) == 0 && end != aggregate->metadata[j].value && *end == '\0')
                least = fmin(least, number); /* of a number and NAN it is the number */
        }
    }
    return isnan(least) ? otherwise : least;
}

/* What stands before all filters. */
static void judge_before(const struct schedule *schedule, const struct host_state *host, struct host_verdict *out)
{
    const struct sizing *sizing = schedule->spec->sizing;
    if (sizing->host && strcmp(sizing->host, host->name) != 0) {
        out->filter = "ForcedHost";
        out->reason = arena_printf(schedule->arena, "the request asks for host %s", sizing->host);
    } else if (sizing_excludes(sizing, &host->uuid)) {
        out->filter = "Excluded";
        out->reason = "it was tried before";
    } else if (host->no_network) {
        out->filter = "Network";
        out->reason = host->no_network;
    } else if (host->no_room) {
        out->filter = "Placement";
        out->reason = host->no_room;
    }
}

static void judge_host(const struct schedule *schedule, const struct host_state *host, struct host_verdict *out)
{
    const struct scheduler_settings *settings = schedule->settings;
    *out = (struct host_verdict){.host = host};
    judge_before(schedule, host, out);
    if (schedule->spec->sizing->host) /* forced: whatever the filters say, as in Nova */
        return;
    for (size_t i = 0; i < settings->filter_count && !out->filter; i++) {
        out->reason = settings->filters[i]->run(schedule, host);
        if (out->reason)
            out->filter = settings->filters[i]->name;
    }
}

static void weigh_with(const struct schedule *schedule, struct verdicts *verdicts, size_t index)
{
    const struct weigher *weigher = schedule->settings->weighers[index];
    double least = INFINITY;
    double most = -INFINITY;
    for (size_t i = 0; i < verdicts->passed; i++) {
        struct host_verdict *verdict = &verdicts->items[i];
        verdict->raw[index] = weigher->raw(schedule, verdict->host);
        verdict->multipliers[index] = aggregate_number(verdict->host, weigher->setting, schedule->settings->multipliers[index]);
        least = fmin(least, verdict->raw[index]);
        most = fmax(most, verdict->raw[index]);
    }
    for (size_t i = 0; i < verdicts->passed; i++) {
        struct host_verdict *verdict = &verdicts->items[i];
        verdict->normal[index] = most > least ? (verdict->raw[index] - least) / (most - least) : 0;
        verdict->score += verdict->multipliers[index] * verdict->normal[index];
    }
}

static double absolute_weight(const struct schedule *schedule, const struct host_verdict *verdict)
{
    double sum = 0;
    double most = 0;
    for (size_t i = 0; i < schedule->settings->weigher_count; i++) {
        const double share = schedule->settings->weighers[i]->share(schedule, verdict->host);
        const double multiplier = fmax(-MULTIPLIER_MOST, fmin(MULTIPLIER_MOST, verdict->multipliers[i]));
        if (share < 0)
            continue;
        sum += multiplier < 0 ? -multiplier * (1 - share) : multiplier * share;
        most += fabs(multiplier);
    }
    return most > 0 ? sum / most : WEIGHT_OF_ALL;
}

static int compare_scores(const void *a, const void *b)
{
    const struct host_verdict *left = a;
    const struct host_verdict *right = b;
    if (left->score != right->score)
        return left->score < right->score ? 1 : -1;
    if (left->weight != right->weight)
        return left->weight < right->weight ? 1 : -1;
    return strcmp(left->host->name, right->host->name);
}

static int compare_numbers(const void *a, const void *b)
{
    const double left = *(const double *)a;
    const double right = *(const double *)b;
    return (left < right) - (left > right);
}

/* The hosts keep the order of their scores; the absolute weights are dealt out along it. */
static void rank(const struct schedule *schedule, struct verdicts *verdicts)
{
    double *weights = arena_alloc(schedule->arena, (verdicts->passed + 1) * sizeof(*weights));
    for (size_t i = 0; i < verdicts->passed; i++) {
        verdicts->items[i].weight = absolute_weight(schedule, &verdicts->items[i]);
        weights[i] = verdicts->items[i].weight;
    }
    qsort(verdicts->items, verdicts->passed, sizeof(*verdicts->items), compare_scores);
    qsort(weights, verdicts->passed, sizeof(*weights), compare_numbers);
    for (size_t i = 0; i < verdicts->passed; i++)
        verdicts->items[i].weight = weights[i];
}

void scheduler_judge(const struct schedule *schedule, const struct host_states *hosts, struct verdicts *out)
{
    struct host_verdict *items = arena_alloc(schedule->arena, (hosts->count + 1) * sizeof(*items));
    struct verdicts verdicts = {items, hosts->count, 0};
    size_t refused = hosts->count;
    for (size_t i = hosts->count; i-- > 0;) { /* the refused fill the list from its end, so that they keep their order */
        struct host_verdict verdict;
        judge_host(schedule, &hosts->items[i], &verdict);
        if (verdict.filter)
            items[--refused] = verdict;
        else
            items[verdicts.passed++] = verdict;
    }
    for (size_t i = 0; i < schedule->settings->weigher_count; i++)
        weigh_with(schedule, &verdicts, i);
    rank(schedule, &verdicts);
    *out = verdicts;
}

/* --- settings */

struct preset {
    const char *name;
    const char *filters;
    const char *weighers;
    bool all_alike; /* a pick among all that passed */
};

#define USUAL_FILTERS                                                                                                              \
    "ComputeFilter, AvailabilityZoneFilter, ComputeCapabilitiesFilter, ImagePropertiesFilter, ServerGroupAntiAffinityFilter, "     \
    "ServerGroupAffinityFilter, SameHostFilter, DifferentHostFilter, JsonFilter, SimpleCIDRAffinityFilter, "                       \
    "AggregateMultiTenancyIsolation"
#define PRESET "preset" /* among the names of filters: all of the preset's */
#define ALL_WEIGHERS                                                                                                               \
    "RAMWeigher, CPUWeigher, DiskWeigher, IoOpsWeigher, BuildFailureWeigher, ServerGroupSoftAffinityWeigher, "                     \
    "ServerGroupSoftAntiAffinityWeigher"

/* `simple` and `chance` are the drivers of 2011: least used first, and any. */
static const struct preset presets[] = {
    {"default", USUAL_FILTERS, ALL_WEIGHERS, false},
    {"simple", USUAL_FILTERS, "CPUWeigher", false},
    {"chance", USUAL_FILTERS, "", true},
};

/* The next name of "A, B C" in the arena; NULL at the end. */
static const char *next_name(struct arena *arena, const char **at)
{
    static const char between[] = ", \t";
    *at += strspn(*at, between);
    const size_t length = strcspn(*at, between);
    const char *name = arena_strndup(arena, *at, length);
    *at += length;
    return length ? name : NULL;
}

// NOLINTNEXTLINE(misc-no-recursion): once
static enum err read_filters(struct arena *arena, const struct preset *preset, const char *names, struct scheduler_settings *out)
{
    for (const char *name = next_name(arena, &names); name; name = next_name(arena, &names)) {
        if (preset && strcmp(name, PRESET) == 0) {
            TRY(read_filters(arena, NULL, preset->filters, out));
            continue;
        }
        const struct filter *filter = filters_known;
        while (filter->name && strcmp(filter->name, name) != 0)
            filter++;
        if (!filter->name)
            return fail(E_INVALID, "[scheduler] filters: there is no filter %s.", name);
        if (out->filter_count == FILTERS_MOST)
            return fail(E_INVALID, "[scheduler] filters: more than %d names.", FILTERS_MOST);
        out->filters[out->filter_count++] = filter;
    }
    return OK;
}

static enum err read_weighers(struct arena *arena, const char *names, const double *multipliers, struct scheduler_settings *out)
{
    for (const char *name = next_name(arena, &names); name; name = next_name(arena, &names)) {
        size_t index = 0;
        while (weighers_known[index].name && strcmp(weighers_known[index].name, name) != 0)
            index++;
        if (!weighers_known[index].name)
            return fail(E_INVALID, "[scheduler] weighers: there is no weigher %s.", name);
        if (out->weigher_count == WEIGHERS_MOST)
            return fail(E_INVALID, "[scheduler] weighers: more than %d names.", WEIGHERS_MOST);
        out->multipliers[out->weigher_count] = multipliers[index];
        out->weighers[out->weigher_count++] = &weighers_known[index];
    }
    return OK;
}

enum err scheduler_settings_read(struct arena *arena, const struct scheduler_words *words, struct scheduler_settings *out)
{
    const struct preset *preset = NULL;
    struct scheduler_settings settings = {.max_servers_per_host = words->max_servers_per_host,
                                          .max_io_ops_per_host = words->max_io_ops_per_host};
    for (size_t i = 0; i < ARRAY_LEN(presets); i++) {
        if (strcmp(presets[i].name, words->preset) == 0)
            preset = &presets[i];
    }
    if (!preset)
        return fail(E_INVALID, "[scheduler] preset: there is no preset %s.", words->preset);
    TRY(read_filters(arena, preset, *words->filters ? words->filters : PRESET, &settings));
    TRY(read_weighers(arena, *words->weighers ? words->weighers : preset->weighers, words->multipliers, &settings));
    settings.subset = preset->all_alike ? SIZE_MAX : (size_t)words->subset;
    *out = settings;
    return OK;
}

bool scheduler_uses(const struct scheduler_settings *settings, const char *filter)
{
    for (size_t i = 0; i < settings->filter_count; i++) {
        if (strcmp(settings->filters[i]->name, filter) == 0)
            return true;
    }
    return false;
}
