/* Bodies that give consumers allocations (PUT and POST /allocations, the reshaper) as the domain's claims. */
#pragma once

#include "compute/placement/allocation.h"
#include "gateway/api/placement/inside.h"

struct claims {
    const struct placement_claim_of *items;
    size_t count;
};

/* One consumer's part of a body, at any version; it passed its schema. E_INVALID: a key that is no provider. */
MUST_CHECK enum err claims_read_one(struct request *request, const struct uuid *consumer, const json_t *object,
                                    struct placement_claim_of *out);
/* {"CONSUMER": {…}, …}. E_INVALID, also when a consumer is named twice. */
MUST_CHECK enum err claims_read(struct request *request, const json_t *object, struct claims *out);
