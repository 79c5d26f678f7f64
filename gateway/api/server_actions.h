/* Actions on one server that are one transaction, without a task behind them. */
#pragma once

#include <jansson.h>

#include "gateway/http/core/core.h"

/* `argument` is the value of the action's key in the body. */
typedef enum err server_action_f(struct request *request, struct response *response, const json_t *argument);

server_action_f server_action_lock;        /* argument: NULL or, from 2.73, {"locked_reason"} */
server_action_f server_action_unlock;      /* E_FORBIDDEN: an admin locked it, and the caller is none */
server_action_f server_action_reset_state; /* {"state": "active" | "error"} */
server_action_f server_action_restore;     /* always E_CONFLICT: nothing here is deleted softly */
server_action_f
    server_action_security_group; /* {"name"}, security_groups.c; E_NOT_FOUND: no such group, or the server has no interfaces */
