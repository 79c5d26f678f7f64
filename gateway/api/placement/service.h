/*
 * The Placement service (Placement API 1.0 to 1.39; spec placement.md): for the zone's socket at /placement, for a port of its own
 * at
 * `/`, and for calls within the process (direct.h). The three are one set of tables.
 */
#pragma once

#include "gateway/base/config.h"
#include "gateway/http/core/core.h"

extern const struct service placement_service;      /* at /placement */
extern const struct service placement_root_service; /* at `/` */

/*
 * http_hooks.authenticate by [placement] auth_strategy = noauth2: X-Auth-Token "USER[:PROJECT]" is believed, as are X-Roles,
 * X-Project-Id and OpenStack-System-Scope. Without X-Roles the user admin is an admin, others have no role. For tests.
 * E_UNAUTHORIZED without a token.
 */
MUST_CHECK enum err placement_authenticate_noauth(struct request *request);
/* Does the zone believe every token of Placement? */
bool placement_is_noauth(const struct config *config);
/* E_INVALID when noauth2 would be reachable from other machines; says it loudly in the log when it is on. */
MUST_CHECK enum err placement_check_config(const struct config *config);
