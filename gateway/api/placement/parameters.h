/* Query strings of Placement as the domain's questions: resources, required, member_of, in_tree, each with a group's suffix. */
#pragma once

#include "compute/placement/query.h"
#include "gateway/api/placement/inside.h"

/* "VCPU:2,MEMORY_MB:512"; of a class that is named twice the last amount counts. E_INVALID. */
MUST_CHECK enum err parameters_resources(struct request *request, const char *value, struct placement_resources *out);
/* All `required{suffix}`: one before 1.39 (the last), `!` from 1.22, `in:` and repetition from 1.39. E_INVALID. */
MUST_CHECK enum err parameters_required(struct request *request, const char *suffix, struct placement_trait_filter *out);
/* `root_required`: names and !names, never `in:`. */
MUST_CHECK enum err parameters_root_required(struct request *request, const char *value, struct placement_trait_filter *out);
/* All `member_of{suffix}`: repetition from 1.24, `!` and `!in:` from 1.32. E_INVALID. */
MUST_CHECK enum err parameters_member_of(struct request *request, const char *suffix, struct placement_aggregate_filter *out);
MUST_CHECK enum err parameters_in_tree(struct request *request, const char *value, const struct uuid **out);
/* The required set of which every name is forbidden too, as "A, B"; NULL: none. */
const char *parameters_conflict(struct request *request, const struct placement_trait_filter *traits);

/* Splits at commas; always at least one (maybe empty) part. Blanks around a part are cut when `trim`. */
struct placement_names parameters_split(struct arena *arena, const char *list, bool trim);
