/*
 * The audit: claims that contradict the servers' rows, and what is left of consumers and providers that are gone; with `fix`, the
 * repair (as `nova-manage placement audit` and `heal_allocations` do for Nova).
 *
 * Safe beside running zones: a server or consumer on which a task works is in its hands and never looked at, and each repair looks
 * a second time in its own transaction, under the locks that a claim takes (server, providers by id, consumer), so that what a
 * build claims at this moment is seen whole or not at all. Not here: migrations' consumers (type MIGRATION) and those of other
 * services, which are theirs; amounts of flavors that name resources of their own.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "schema/db.h"

/* kind, name, what --fix does */
#define AUDIT_LIST(X)                                                                                                              \
    X(AUDIT_DANGLING, "dangling")   /* allocations whose provider or consumer is gone: removed */                                  \
    X(AUDIT_ORPHANED, "orphaned")   /* INSTANCE on a host, no living server: removed */                                            \
    X(AUDIT_NOT_A_HOST, "no-host")  /* INSTANCE without a server, on providers that are no host (any more): removed */             \
    X(AUDIT_EMPTY, "empty")         /* a consumer without allocations: removed */                                                  \
    X(AUDIT_UNHOSTED, "unhosted")   /* a server without a host has a claim: removed */                                             \
    X(AUDIT_MISSING, "missing")     /* a server on a host has no claim: claimed */                                                 \
    X(AUDIT_MISPLACED, "misplaced") /* it has, but elsewhere too or only: claimed anew on its host */                              \
    X(AUDIT_AMOUNTS, "amounts")     /* other amounts than its flavor's: claimed anew */

enum audit_kind {
#define AUDIT_ENUM(kind, name) kind,
    AUDIT_LIST(AUDIT_ENUM)
#undef AUDIT_ENUM
        AUDIT_KIND_COUNT
};

const char *audit_kind_name(enum audit_kind kind);

struct audit_finding {
    enum audit_kind kind;
    struct uuid consumer;  /* the server's too; zero: gone */
    const char *server;    /* name; NULL: none */
    const char *host;      /* that the server is on; NULL: none */
    const char *providers; /* names of those that hold allocations; NULL: none */
    const char *detail;    /* what was found */
    bool repaired;
    const char *why; /* with fix, not repaired: the reason; else NULL */
};

struct audit_findings {
    struct audit_finding *items;
    size_t count;
    size_t open; /* not repaired */
};

/* All findings, in the arena, by kind as in the list above. With `fix` each is repaired in a transaction of its own; what has
 * settled by then is left out; what cannot be repaired (no room on the host, say) stays, with its reason. */
MUST_CHECK enum err placement_audit(struct db *db, struct arena *arena, bool fix, struct audit_findings *out);
