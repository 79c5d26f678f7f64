/*
 * Where a server may go: candidates of this zone and of its children, weighed alike (DESIGN section 7).
 *
 * Only a claim decides; a candidate is a hint. Entries that leave this zone are sealed (spec link.md section 7). Which hosts there
 * are, and which is best, is compute/scheduler's; here its settings are read, and zones are put together.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "compute/scheduler/scheduler.h"
#include "compute/scheduler/sizing.h"
#include "gateway/base/config.h"
#include "gateway/http/core/core.h"
#include "schema/host.h"

struct plan_entry {
    double weight;    /* 0 … 1 before a child's offset and scale; more is better */
    struct uuid host; /* here: the host; zero for a child's entry */
    struct uuid zone; /* the child; zero: this zone */
    const char *blob; /* the child's sealed entry, base64 */
    uint32_t tag;     /* of the zone that would own the server */
};

struct plan_entries {
    struct plan_entry *items;
    size_t count;
    size_t subset; /* a pick is random among so many of the best, if they are about as good; 0: one of four */
};

/* The settings of [scheduler], as the scheduler takes them. E_INVALID names what is wrong. */
MUST_CHECK enum err select_settings(struct arena *arena, const struct config *config, struct scheduler_settings *out);
/* All hosts of this zone with their verdicts; `all_hosts` false: only those that Placement offers. */
MUST_CHECK enum err select_judge(struct request *request, const struct sizing *sizing, bool all_hosts, struct verdicts *out);
/* This zone's hosts that pass the filters and have room, best first. */
MUST_CHECK enum err select_here(struct request *request, const struct sizing *sizing, struct plan_entries *out);
/* For together_new: what gateway->plans does. Equal questions of one project that wait get one answer. */
void select_together(void *const *items, size_t count);
/* Here and at the children that can fit, best first. `sizing_text` as sizing_write made it. A silent child has no candidates. */
MUST_CHECK enum err select_all(struct request *request, const struct sizing *sizing, const char *sizing_text,
                               struct plan_entries *out);
/* Takes a random one among the best few out of the list. False when it is empty. */
bool plan_entry_take(struct plan_entries *candidates, struct plan_entry *out);

/* The availability zone of a host: its own, or the zone's default. */
const char *select_host_zone(const struct gateway *gateway, const struct host *host);
