/* What neighbouring zones send to each other: link keys, directories, revocations (spec link.md sections 2, 6 and 8). */
#include "gateway/api/zones.h"
#include "gateway/conductor/authenticate.h"
#include "gateway/gateway.h"
#include "gateway/identity/identity.h"

/* A proof in the body (a join token's secret), an admin's token, or the live link: identity is looked for, not required. */
enum err zones_link(struct request *request, struct response *response)
{
    if (request_header(request, "X-Auth-Token") || request_header(request, LINK_DELEGATION))
        TRY(conductor_authenticate(request));
    const struct join_proof proof = {request->caller.is_admin && !request->link, request->link};
    return zones_accept_parent(request->gateway->zones, request->db, request->arena, request->json, &proof, &response->json);
}

enum err zones_directory(struct request *request, struct response *response)
{
    response->status = 204;
    return zones_accept_directory(request->gateway->zones, request->db, request->arena, request->link, request->json);
}

enum err zones_revocations(struct request *request, struct response *response)
{
    if (!request->link || request->link->direction != LINK_DOWN)
        return fail(E_FORBIDDEN, "Revocations come from a parent zone only.");
    response->status = 204;
    return identity_accept_revocations(request->gateway->identity, request->db, request->json);
}
