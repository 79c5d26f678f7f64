/*
 * Lists that every zone has its own part of: asked of all children at once, put behind this zone's own (DESIGN section 3, scope
 * "zone").
 *
 * A silent child is named in X-Zone-Missing; zone.strict=1 makes it 503. zone.local=1 asks nobody.
 */
#pragma once

#include <jansson.h>

#include "gateway/http/core/core.h"

/* Appends to `list` what the children answer under `key` for the same path and query. Objects with an `id` that is there already
 * are left out (a child that is reached by two ways). */
MUST_CHECK enum err gather_lists(struct request *request, struct response *response, const char *key, json_t *list);

/* A question on the way of another request: GET `target` ("/compute/v2.1/…", percent-encoded) at all children, their entries under
 * `key` put behind `list`. False: a zone below did not answer, so what is not in the list may be there all the same. */
bool gather_ask(struct request *request, const char *target, const char *key, json_t *list);
