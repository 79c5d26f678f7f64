/* What the owner does in the transaction that claims: takes the amounts, and asks once more what the policy of a group says. */
#pragma once

#include "compute/scheduler/sizing.h"
#include "schema/db.h"

struct claim_order {
    const struct uuid *provider; /* the host's */
    const char *host;            /* its name; NULL: as its uuid says */
    const struct uuid *server;
    const char *project_id;
    const char *user_id;
};

/* Inside a transaction: the server gets what its sizing asks for on this host (its tree, when extra specs ask for more than sizes),
 * instead of whatever it had. E_CONFLICT: no room now. E_NOT_FOUND: no such provider. */
MUST_CHECK enum err scheduler_claim(struct db *db, const struct sizing *sizing, const struct claim_order *order);
/* The same for several new servers that are plain (scheduler_is_plain): all or none. */
MUST_CHECK enum err scheduler_claim_all(struct db *db, const struct sizing *sizings, const struct claim_order *orders,
                                        size_t count);
/* It takes sizes of its host's own provider, and no other server matters: nothing but its own claim decides. */
bool scheduler_is_plain(const struct sizing *sizing);
/*
 * Inside the same transaction, behind the claim: does (anti-)affinity still hold on this host, now that others may have come? Those
 * who ask for one group wait here for each other; places that are only held count. E_CONFLICT: take another host.
 */
MUST_CHECK enum err scheduler_late_check(struct db *db, const struct sizing *sizing, const struct claim_order *order);
/* In the transaction in which the server begins to exist: it is a member of its group, if that one is this zone's. */
MUST_CHECK enum err scheduler_join(struct db *db, const struct sizing *sizing, const struct uuid *server, const char *user_id);
