/* JSON values as Python writes them: Nova's validation messages show values so. At most about REPR_MAX bytes; longer ones end in
 * "…". */
#pragma once

#include <stdbool.h>

#include <jansson.h>

#include "gateway/base/text.h"

#define REPR_MAX 300

/* As repr(): strings quoted. Members with the name of a secret are shown as ***. */
void repr_add(struct text *out, const json_t *value);
void repr_add_string(struct text *out, const char *string);
/* As str(): a string without quotes, else as repr(). */
void repr_add_plain(struct text *out, const json_t *value);
/* True for field names whose values must not be shown: passwords, tokens, keys, user data. */
bool repr_is_secret(const char *name);
