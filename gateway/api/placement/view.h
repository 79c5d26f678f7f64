/* What several resources of Placement share: the provider of a path, generations, JSON of ids, and the words of the domain's
 * problems. */
#pragma once

#include "compute/placement/problem.h"
#include "compute/placement/provider.h"
#include "gateway/api/placement/inside.h"

/* How a problem of the domain is told. `$` in `before` stands for the subject; the domain's own words follow. */
struct placement_telling {
    enum placement_problem problem; /* a table ends with PROBLEM_NONE */
    enum err kind;
    const char *code;
    const char *before;
};

/* `result` as it is, or as the table tells the domain's last problem. */
MUST_CHECK enum err view_tell(struct request *request, enum err result, const struct placement_telling *tellings,
                              const char *subject);

/* The uuid in the path, which names a provider. E_NOT_FOUND "No resource provider with uuid … found". */
MUST_CHECK enum err view_provider_uuid(const struct request *request, struct uuid *out);
MUST_CHECK enum err view_find_provider(struct request *request, struct placement_provider *out);
/* resource_provider_generation of the body; E_CONFLICT with `words` when it is not the provider's. */
MUST_CHECK enum err view_check_generation(struct request *request, const struct placement_provider *provider, const json_t *body,
                                          const char *words);

json_t *view_uuid(const struct uuid *uuid);
int64_t view_integer(const json_t *object, const char *name);
int64_t view_later(int64_t a_us, int64_t b_us);
