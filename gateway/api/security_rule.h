/* A security group's rule as Nova shows it. */
#pragma once

#include <jansson.h>

#include "schema/security_group.h"

/* A new reference. `project`: of the group that has it, and of the group that is its source. */
json_t *security_rule_object(const struct security_rule *rule, const char *project);
