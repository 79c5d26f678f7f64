/*
 * What contradicts itself in Placement's tables, or servers' rows: the statements behind `zonegate placement audit`. Each look is
 * one statement, so it sees a build's claim together with its server and its task, or none of them. What to do about it is
 * compute/placement/audit.h's.
 *
 * Allocations whose provider is gone count as none but in audit_dangling.
 *
 * `only` NULL: all; else that consumer alone, for a second look under locks.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schema/db.h"

/* A consumer, and in words what it has and where. */
struct audit_consumer {
    int64_t id; /* 0: only allocations name it */
    struct uuid uuid;
    const char *providers; /* names, with commas; NULL: none */
    const char *resources; /* "VCPU 2, MEMORY_MB 512"; NULL: none */
    bool on_host;          /* some of it lies in a tree with a host of this zone */
};

struct audit_consumers {
    const struct audit_consumer *items;
    size_t count;
};

/* Consumers of type INSTANCE that have allocations, no living server and no task. */
MUST_CHECK enum err audit_orphans(struct db *db, struct arena *arena, const struct uuid *only, struct audit_consumers *out);
/* Consumers of any type without allocations. */
MUST_CHECK enum err audit_empty(struct db *db, struct arena *arena, const struct uuid *only, struct audit_consumers *out);

/* A living server on which no task works, and whose claim is not what its row says. */
struct audit_server {
    struct uuid uuid;
    const char *name;
    const char *project_id;
    const char *user_id;
    const char *host; /* NULL: none */
    bool host_known;
    struct uuid provider; /* the host's */
    int64_t vcpus;        /* the row's */
    int64_t ram_mib;
    int64_t disk_gib;
    int64_t claimed_vcpus;
    int64_t claimed_ram_mib;
    int64_t claimed_disk_gib;
    int64_t allocations;   /* rows */
    int64_t elsewhere;     /* rows on providers that are neither in the host's tree nor shared */
    bool own_resources;    /* the flavor's extra specs name resources: the row's amounts are not all */
    const char *providers; /* names; NULL: none */
};

struct audit_servers {
    const struct audit_server *items;
    size_t count;
};

MUST_CHECK enum err audit_servers(struct db *db, struct arena *arena, const struct uuid *only, struct audit_servers *out);

/* Allocations whose provider or consumer has no row. */
struct audit_dangling {
    int64_t consumer_id;
    struct uuid consumer; /* zero: gone */
    int64_t provider_id;
    const char *provider; /* NULL: gone */
    const char *resources;
};

struct audit_danglings {
    const struct audit_dangling *items;
    size_t count;
};

MUST_CHECK enum err audit_dangling(struct db *db, struct arena *arena, struct audit_danglings *out);
/* Removes them unless provider and consumer are there (again). */
MUST_CHECK enum err audit_dangling_delete(struct db *db, int64_t consumer_id, int64_t provider_id);
