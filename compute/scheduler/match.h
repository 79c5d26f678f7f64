/*
 * The little language of extra specs: is a host's value what a flavor asks for?
 *
 * "= 4" (a number of at least 4, as in Nova), "== 4", "!= 4", ">= 4", "<= 4"; "s== x", "s!= x", "s< x", "s<= x", "s> x", "s>= x";
 * "<in> part", "<all-in> part part" (the parts are in the value), "<or> x <or> y"; without operator: equal as texts.
 */
#pragma once

#include <stdbool.h>

bool match_extra_spec(const char *value, const char *wanted);
