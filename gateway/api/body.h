/* Values in bodies and queries that have several spellings; the schema has let only those pass. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

/* true, "1", "true", "on", "yes" in any case. */
bool body_true(const json_t *value);
bool body_true_text(const char *text);
/* An integer, or a text of digits; 0 for all else. */
int64_t body_number(const json_t *value);
