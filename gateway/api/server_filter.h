/*
 * The query of GET /servers and /servers/detail as data: filters, order, limit, marker (spec nova-api.md section 10).
 *
 * Pure but for the caller and the version. Filters are validated once, at the entry zone; the same query text is pushed down to
 * children, who read it the same way.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "gateway/http/core/core.h"
#include "schema/server.h"

struct server_filter {
    struct condition *conditions;
    size_t condition_count;
    struct sort_column *sort; /* complete: created_at desc, uuid asc at the end */
    size_t sort_count;
    size_t requested_count; /* of them the client asked for: the first ones */
    size_t limit;           /* as asked, at most [api] max_limit */
    bool limit_given;
    const char *marker; /* uuid as text; NULL */
    bool all_tenants;
    const char *project; /* whose servers; NULL: everybody's */
    bool narrowed;       /* there are filters besides the project */
    bool patterns;       /* there are regular expressions: it is the store that refuses bad ones */
    bool nothing;        /* no row can match (an unknown status, an address filter) */
};

/* E_INVALID (400), E_FORBIDDEN (403) in Nova's words. */
#define SERVER_STRICT_QUERY 75 /* from this version on unknown parameters and legacy sort keys are 400 */

/* Only the order: sets sort, sort_count and requested_count (server_sort.c). */
MUST_CHECK enum err server_filter_read_sort(struct request *request, struct server_filter *filter);

MUST_CHECK enum err server_filter_read(struct request *request, size_t max_limit, struct server_filter *out);
