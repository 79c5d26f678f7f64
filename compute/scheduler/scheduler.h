/*
 * The choice among the hosts of this zone: filters refuse, weighers rank (Nova's filter scheduler). Pure: no database, no clock.
 *
 * Filters and weighers are rows of two tables (filters.c, weighers.c); which are on, and how much each weigher counts, is settings.
 * Hosts are ranked as in Nova: each weigher's raw values are stretched over 0 … 1 (least … most of these hosts) and summed with
 * their multipliers. Such a sum says nothing to another zone, so a host also gets a `weight` of 0 … 1 that is made of absolute
 * shares and falls with the rank: that is what zones compare (spec zones.md, B18).
 */
#pragma once

#include "compute/scheduler/host_state.h"

#define WEIGHERS_MOST 8
#define FILTERS_MOST  24

struct schedule;

struct filter {
    const char *name; /* as in Nova */
    const char *description;
    /* NULL: the host passes. Else why not, in words. */
    const char *(*run)(const struct schedule *schedule, const struct host_state *host);
};

struct weigher {
    const char *name;
    const char *setting; /* of its multiplier, in [scheduler] and in aggregates' metadata */
    const char *description;
    double (*raw)(const struct schedule *schedule, const struct host_state *host);
    /* 0 … 1, comparable between zones; more is better, as for `raw`. Below 0: it has nothing to say of this choice. */
    double (*share)(const struct schedule *schedule, const struct host_state *host);
};

/* All there are; the last row has name NULL. */
extern const struct filter filters_known[];
extern const struct weigher weighers_known[];

struct scheduler_settings {
    const struct filter *filters[FILTERS_MOST]; /* in the order in which they run */
    size_t filter_count;
    const struct weigher *weighers[WEIGHERS_MOST];
    double multipliers[WEIGHERS_MOST];
    size_t weigher_count;
    int64_t max_servers_per_host;
    int64_t max_io_ops_per_host;
    size_t subset; /* a pick is random among so many of the best; SIZE_MAX: among all */
};

/* The settings as texts; see scheduler_settings_read. */
struct scheduler_words {
    const char *preset;                /* default, simple, chance */
    const char *filters;               /* "A, B"; "": the preset's */
    const char *weighers;              /* likewise */
    double multipliers[WEIGHERS_MOST]; /* in the order of weighers_known */
    int64_t max_servers_per_host;
    int64_t max_io_ops_per_host;
    int64_t subset;
};

/* E_INVALID names an unknown filter, weigher or preset. */
MUST_CHECK enum err scheduler_settings_read(struct arena *arena, const struct scheduler_words *words,
                                            struct scheduler_settings *out);
bool scheduler_uses(const struct scheduler_settings *settings, const char *filter);

struct schedule {
    struct arena *arena;
    const struct scheduler_settings *settings;
    const struct schedule_spec *spec;
};

struct host_verdict {
    const struct host_state *host;
    const char *filter; /* which refused it ("Placement", "ForcedHost" and "Excluded" stand before the filters); NULL: none */
    const char *reason; /* in words; NULL */
    double raw[WEIGHERS_MOST];
    double normal[WEIGHERS_MOST]; /* 0 … 1 among those that passed */
    double multipliers[WEIGHERS_MOST];
    double score;  /* Σ multiplier × normal */
    double weight; /* 0 … 1 */
};

struct verdicts {
    struct host_verdict *items; /* those that passed first, best first; then the refused, as they came */
    size_t count;
    size_t passed;
};

void scheduler_judge(const struct schedule *schedule, const struct host_states *hosts, struct verdicts *out);

/* A number among a host's aggregates' metadata: the least of them, as in Nova; `otherwise` when none has it. */
double aggregate_number(const struct host_state *host, const char *name, double otherwise);
