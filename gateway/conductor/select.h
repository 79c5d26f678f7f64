/*
 * Where a server may go: candidates of this zone and of its children, weighed alike (DESIGN section 7).
 *
 * Only a claim decides; a candidate is a hint. Entries that leave this zone are sealed (spec link.md section 7).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "gateway/http/core/core.h"
#include "schema/host.h"

/* What sizing needs to know; the entry zone makes its text once and it travels unchanged. */
struct sizing {
    int64_t vcpus;
    int64_t ram_mib;
    int64_t disk_gib;
    const char *availability_zone; /* NULL: any */
    const char *host;              /* forced by an admin; NULL */
};

/* The text: compact JSON in the arena; and back. E_INVALID. */
const char *sizing_write(struct arena *arena, const struct sizing *sizing);
MUST_CHECK enum err sizing_read(struct arena *arena, const char *text, size_t length, struct sizing *out);

struct plan_entry {
    double weight;    /* 0 … 1 before a child's offset and scale */
    struct uuid host; /* here: the host; zero for a child's entry */
    struct uuid zone; /* the child; zero: this zone */
    const char *blob; /* the child's sealed entry, base64 */
    uint32_t tag;     /* of the zone that would own the server */
};

struct plan_entries {
    struct plan_entry *items;
    size_t count;
};

/* This zone's hosts that are up, enabled, in the availability zone and have room. */
MUST_CHECK enum err select_here(struct request *request, const struct sizing *sizing, struct plan_entries *out);
/* Here and at the children that can fit, best first. `sizing_text` as sizing_write made it. A silent child has no candidates. */
MUST_CHECK enum err select_all(struct request *request, const struct sizing *sizing, const char *sizing_text,
                               struct plan_entries *out);
/* Takes a random one among the best few out of the list. False when it is empty. */
bool plan_entry_take(struct plan_entries *candidates, struct plan_entry *out);

/* The availability zone of a host: its own, or the zone's default. */
const char *select_host_zone(const struct gateway *gateway, const struct host *host);
