/*
 * The JsonFilter's language (2011, and Nova until today): ["and", [">=", "$free_ram_mb", 1024], ["=", "$capabilities.arch",
 * "x86_64"]].
 *
 * Operators: = < > in <= >= not or and. A text that begins with "$" names a fact of the host (a path into `capabilities` behind a
 * dot); a fact that the host lacks is left out of the list of operands. A comparison of a text with a number does not hold.
 */
#pragma once

#include <stdbool.h>

#include "compute/scheduler/host_state.h"

/* Shape and operators. E_INVALID with a sentence. */
MUST_CHECK enum err json_query_check(const json_t *query);
/* A checked query. */
bool json_query_matches(const json_t *query, const struct host_state *host);
