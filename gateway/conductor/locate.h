/* Here or there: the one function that decides it (DESIGN section 5). */
#pragma once

#include "gateway/http/core/core.h"

/* For a request about the server `server_id`: answers it through another zone when the server is not this zone's. See
 * http_hooks.locate. */
MUST_CHECK enum err conductor_locate(struct request *request, struct response *response, bool *answered);
