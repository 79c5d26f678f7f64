/* What Nova knows of extra specs from 2.86 on: names, and the values that each may have (Nova 26, nova.api.validation.extra_specs).
 */
#pragma once

#include <jansson.h>

#include "gateway/base/err.h"

/* `specs` is an object of strings. A name without a namespace, or in one that Nova does not know, may have any value. E_INVALID
 * "Validation failed; …". */
MUST_CHECK enum err extra_specs_check(const json_t *specs);
