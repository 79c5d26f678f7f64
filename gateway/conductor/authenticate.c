/* See authenticate.h. */
#include "gateway/conductor/authenticate.h"

#include <string.h>

#include "gateway/base/log.h"
#include "gateway/gateway.h"
#include "gateway/identity/identity.h"
#include "zones/link.h"
#include "zones/registry.h"

/* "http://root:8774/compute/v2.1/P" → the part up to the path, and the path. */
static enum err take_base(struct request *request, const char *base)
{
    const char *host = strstr(base, "://");
    const char *path = host ? strchr(host + 3, '/') : NULL;
    if (!path)
        return fail(E_UNAUTHORIZED, "The delegation's base is not a URL with a path.");
    request->base_url = arena_strndup(request->arena, base, (size_t)(path - base));
    request->mount = arena_strdup(request->arena, path);
    return OK;
}

static enum err authenticate_link(struct request *request, const char *delegation)
{
    struct zones *zones = request->gateway->zones;
    const bool streamed = request->route->body == BODY_STREAM || request->body_ahead;
    const struct link_question question = {
        .method = request->method,
        .target = request->target,
        .body = request->body_length ? request->body : NULL,
        .body_length = request->body_length,
        .streamed = streamed,
        .delegation = delegation,
        .idempotency = request_header(request, LINK_IDEMPOTENCY),
    };
    TRY(link_check(zones, &question, request->db, request->arena, &request->caller, &request->link));
    request->caller.over_link = true;
    request->budget = link_budget_read(request_header(request, LINK_BUDGET), true, request->gateway->config.api.budget_ms);
    if (request->caller.request_id && request_id_is_valid(request->caller.request_id)) {
        request->request_id = request->caller.request_id;
        log_set_request(request->request_id);
    }
    return request->link->base ? take_base(request, request->link->base) : OK;
}

enum err conductor_authenticate(struct request *request)
{
    const char *delegation = request_header(request, LINK_DELEGATION);
    if (delegation)
        return authenticate_link(request, delegation);
    return identity_authenticate(request->gateway->identity, request);
}
