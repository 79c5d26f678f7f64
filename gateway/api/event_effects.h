/* What one event of POST /os-server-external-events does to a server of this zone. */
#pragma once

#include <jansson.h>

#include "gateway/http/core/core.h"
#include "schema/server.h"

/* The event's code: 200 it was acted on, or is news that nobody here waits for; 400 its tag is missing or means nothing; 422 it
 * cannot be acted on (no host, not in this state, nothing of the kind exists here); else the status of what went wrong. */
int event_act(struct request *request, const struct server *server, const json_t *event);
