/*
 * A host's traits and aggregates in Placement, kept as its row and the zone's host aggregates say.
 *
 * COMPUTE_STATUS_DISABLED is there exactly while its service is disabled: who changes a service, or a host's membership of an
 * aggregate, calls this in the same transaction (Nova: the trait is forbidden in every scheduling request, the aggregates are what
 * `member_of` asks for). Reports call it too. Traits that reports do not own (host_traits.h) and aggregates that are no host
 * aggregate of this zone are an admin's and stay.
 */
#pragma once

#include "schema/service.h"

/* In a transaction of its own or the caller's; locks the host's row first. A host without a provider: OK, its first report does it.
 * E_NOT_FOUND: no such host. */
MUST_CHECK enum err host_labels_write(struct db *db, const struct uuid *host);

/* service_update, aggregate_add_host and aggregate_remove_host, with what follows from them in Placement, in one transaction. */
MUST_CHECK enum err host_change_service(struct db *db, const struct host *host, const struct service_change *change);
MUST_CHECK enum err host_join_aggregate(struct db *db, int64_t aggregate, const char *host, const char *default_zone);
MUST_CHECK enum err host_leave_aggregate(struct db *db, int64_t aggregate, const char *host, const char *default_zone);
