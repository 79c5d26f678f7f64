/* The availability zones of the tree, for others than their own routes. */
#pragma once

#include "gateway/http/core/core.h"

/* E_INVALID "The requested availability zone is not available": no enabled host here or below is in it. What a silent child has is
 * not known, so OK then. */
MUST_CHECK enum err availability_zone_check(struct request *request, const char *name);
