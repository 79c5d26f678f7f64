/* Where a new server is wanted: availability_zone ("zone:host:node"), host and hypervisor_hostname (nova-api.md section 8). */
#pragma once

#include <jansson.h>

#include "gateway/conductor/select.h"

/* Forms and rights. E_INVALID, E_FORBIDDEN. */
MUST_CHECK enum err server_where_read(struct request *request, const json_t *server, struct sizing *out);
/* Whether there is such a place in the tree, as far as its zones answer. E_INVALID. */
MUST_CHECK enum err server_where_check(struct request *request, const json_t *server, const struct sizing *sizing);
