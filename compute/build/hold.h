/*
 * Several servers, all or none: places are held first, over all zones, and become servers when the zone that planned them has
 * decided (DESIGN section 7: prepare, decide, commit).
 *
 * A hold is a claim in Placement and a row, for HOLD_LIFETIME_S by this zone's clock; nobody sees a server. A commit that comes too
 * late is refused. What is neither committed nor released is taken back by a task. Secrets come with the commit, not before.
 */
#pragma once

#include "compute/build/build.h"
#include "compute/scheduler/sizing.h"

#define HOLD_LIFETIME_S 60

struct hold_order {
    const char *project_id;
    const char *user_id;
    const char *request_id;
    const char *sizing_text;
    const struct sizing *sizing; /* the same, read */
};

struct hold_place {
    struct uuid server;
    struct uuid provider;
    struct plan_use use; /* of the sealed entry; zero expiry: this zone's own pick */
    bool done;           /* out: held, or committed */
};

/* Holds as many as there is room for: all in one transaction, or else each by itself. The same again is held again. */
MUST_CHECK enum err hold_make(struct db *db, const struct hold_order *order, struct hold_place *places, size_t count);
/* Inside a transaction: the held server begins to exist, and is built (build_accept's rows without its claim). `*out` false: the
 * hold has expired or was never made. True also for a repeat. E_INVALID: another sizing or project than it was held for. */
MUST_CHECK enum err hold_commit_locked(struct db *db, const struct build_order *order, bool *out);
/* Gives the places back that are still only held, of that project. */
MUST_CHECK enum err hold_release(struct db *db, const char *project_id, const struct uuid *servers, size_t count);

/* Takes back what has expired. */
extern const struct task_kind hold_expiry_kind;
