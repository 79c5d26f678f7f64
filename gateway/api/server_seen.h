/*
 * What lists remember of other zones' servers, and what they make of it when a zone is silent (DESIGN section 6, Nova 2.69).
 */
#pragma once

#include "gateway/api/server_filter.h"
#include "gateway/base/text.h"
#include "zones/registry.h"
#include "zones/rows.h"

#define SERVER_UNKNOWN_ROWS 69 /* from this version on a silent zone's servers are shown with status UNKNOWN */

/* The rows of a child's answer: E_INVALID when one of them belongs to a project that was not asked for (detail only: brief rows do
 * not say). Else they are remembered; `whole`: they are all that the child has of that project, so what else was remembered of it
 * is not there any more. */
MUST_CHECK enum err server_seen_take(struct request *request, const struct server_filter *filter, bool detail,
                                     const struct zone *zone, const struct row_list *list, bool whole);
/* The remembered servers of a silent child as rows, those after the key `after`, one more than the page at most. Empty for a
 * version below 2.69, with filters, or in an order other than the usual one: what is not known cannot be filtered or sorted. */
MUST_CHECK enum err server_seen_rows(struct request *request, const struct server_filter *filter, bool detail,
                                     const struct text *after, const struct zone *zone, struct row_list *out);
/* The key of a remembered server in the usual order; false: not remembered, not this caller's, its time only guessed, or another
 * order was asked for. */
MUST_CHECK bool server_seen_key(struct request *request, const struct server_filter *filter, const struct uuid *uuid,
                                struct text *out);
