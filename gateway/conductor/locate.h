/* Here or there: the one function that decides it (DESIGN section 5). */
#pragma once

#include "gateway/http/core/core.h"

/* For a request about the server `server_id`: answers it through another zone when the server is not this zone's. See
 * http_hooks.locate. E_UNAVAILABLE: it may be in a zone that could not be asked; never "not found" then. */
MUST_CHECK enum err conductor_locate(struct request *request, struct response *response, bool *answered);

/* The same before the request's body is there: see http_hooks.locate_ahead. Reads find out where the server is, so that the body
 * goes to its owner, once. E_NOT_FOUND: it is nowhere. */
MUST_CHECK enum err conductor_locate_ahead(struct request *request, struct response *response);

/* The same for whatever else carries its owner's tag (server groups) and is not in this zone's store. `*answered` false: no zone
 * that may have it has it. */
MUST_CHECK enum err conductor_locate_id(struct request *request, struct response *response, const struct uuid *uuid,
                                        bool *answered);

/* For a list by reservation id, all of whose servers are in the subtree of the zone that minted it. That zone is below: the list is
 * relayed there (`*answered`), unless it is silent, which this zone's own list says. Else this zone's own list is the answer: its
 * part of what was minted above. */
MUST_CHECK enum err conductor_locate_reservation(struct request *request, struct response *response, const char *reservation_id,
                                                 bool *answered);
