/* Interfaces of one server, for other handlers. */
#pragma once

#include "gateway/http/core/core.h"

/* DELETE /servers/{server_id}/os-interface/{port_id}, whoever asks for it: 202. E_NOT_FOUND: the server has no such port;
 * E_CONFLICT: not in its state. */
MUST_CHECK enum err interface_detach(struct request *request, struct response *response);
