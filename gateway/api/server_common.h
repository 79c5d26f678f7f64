/* Shared by the server handlers. */
#pragma once

#include "compute/build/lifecycle.h"
#include "gateway/http/core/core.h"
#include "schema/server.h"

/* The live server that the path's `server_id` names, as far as the caller may see it. E_NOT_FOUND in Nova's words, also for a text
 * that is no uuid. */
MUST_CHECK enum err server_of_request(struct request *request, struct server *out);

/* E_CONFLICT unless the server is active, paused, suspended or stopped: what Nova asks of a change of metadata or tags. `what` is
 * Nova's name of the change. */
MUST_CHECK enum err server_expect_settled(const struct server *server, const char *what);

/* The reader is a zone that wants framed rows. */
bool server_wants_rows(const struct request *request);

/* Begins the action for the path's server and wakes the runners. */
MUST_CHECK enum err server_begin(struct request *request, enum lifecycle_action action);
