/* The regular expressions of the schemas: POSIX extended, searched as in JSON Schema; compiled once, when they are first used. */
#pragma once

#include <stdbool.h>

#include "gateway/base/err.h"

/* Checks the pattern, and knows it from now on. E_INVALID with the reason. Before threads. */
MUST_CHECK enum err patterns_add(const char *pattern);
/* True when the pattern is found in the text. A pattern that was not added is compiled for this call; a broken one matches nothing.
 */
bool pattern_matches(const char *pattern, const char *text);
/* True when the text is a regular expression. */
bool pattern_is_valid(const char *pattern);
void patterns_clear(void);
