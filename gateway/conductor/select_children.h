/* Asking the children for places (POST /os-zones/select, spec link.md section 9). */
#pragma once

#include "gateway/conductor/select.h"

/* All children that may build (active, not draining), asked at once. A child that does not answer has no entries; its name is
 * logged. Weights are weight_offset + weight_scale * w. */
MUST_CHECK enum err select_children(struct request *request, const char *sizing_text, struct plan_entries *out);
