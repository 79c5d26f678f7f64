/* Asking the children for places (POST /os-zones/select, spec link.md section 9). */
#pragma once

#include "gateway/conductor/select.h"

/* A child may be left out because its last capacity summary is short of room or traits (SELECT_LIKELY); those are asked by
 * SELECT_UNLIKELY. */
enum select_who { SELECT_LIKELY, SELECT_UNLIKELY };

/*
 * Children that may build (active, not draining, not excluded), asked at once. One that does not answer has no entries; its name is
 * logged. Weights are as the child says them. `*out_left` is how many were left out.
 */
MUST_CHECK enum err select_children(struct request *request, const struct sizing *sizing, const char *sizing_text,
                                    enum select_who who, struct plan_entries *out, size_t *out_left);
