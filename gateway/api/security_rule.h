/* A security group's rule as Nova shows it. */
#pragma once

#include <jansson.h>

#include "gateway/base/id.h"
#include "schema/security_group.h"

/* A new reference. `project`: of the group that has it, and of the group that is its source. */
json_t *security_rule_object(const struct security_rule *rule, const char *project);

/* The id of a group or rule, as a request says it. `what`: "group", "group rule". E_NOT_FOUND: a number, as these ids were before
 * there was a network service; E_INVALID: no id at all. */
MUST_CHECK enum err security_id_read(const char *text, const char *what, struct uuid *out);
