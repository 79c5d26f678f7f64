/* Ids of hosts and their services: uuids from 2.53 on, before 31-bit numbers derived from them (DESIGN section 3). */
#pragma once

#include <stdbool.h>

#include <jansson.h>

#include "gateway/http/core/core.h"

#define HOST_UUIDS 53

/* As the request's version has it. */
json_t *host_id(const struct request *request, const struct uuid *uuid);
bool host_id_is(const struct request *request, const struct uuid *uuid, const char *id);
/* The same for the `id` of an entry in a list. */
bool host_id_matches(const json_t *value, const char *id);
