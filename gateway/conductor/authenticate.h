/* Who asks: a neighbouring zone for its user (a delegation), or a user with a token. */
#pragma once

#include "gateway/http/core/core.h"

/* http_hooks.authenticate. With X-Zone-Delegation: link_check; base URL, mount and budget become what the delegation says, so that
 * links in the answer are right for the zone that the client asked. Else: X-Auth-Token. E_UNAUTHORIZED, E_LOOP, E_FORBIDDEN,
 * E_UNAVAILABLE. */
MUST_CHECK enum err conductor_authenticate(struct request *request);
