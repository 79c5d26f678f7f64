/*
 * What lies below a server and has no route of its own here: volumes, interfaces, diagnostics and whatever else its owner serves.
 * The owner gets the request as it came; where the server lives here it is 404, as before a route exists. What has a row in another
 * table is not touched: rows with a remainder are tried last.
 */
#include "gateway/api/api.h"

#define PATH "/servers/{server_id}/{rest...}"

static enum err not_here(struct request *request, struct response *response)
{
    (void)request;
    (void)response;
    return fail(E_NOT_FOUND, "The resource could not be found.");
}

const struct route server_rest_routes[] = {
    {.method = "GET", .path = PATH, .access = ACCESS_READER, .handler = not_here, .scope = SCOPE_SERVER},
    {.method = "POST", .path = PATH, .access = ACCESS_MEMBER, .handler = not_here, .body = BODY_RAW, .scope = SCOPE_SERVER},
    {.method = "PUT", .path = PATH, .access = ACCESS_MEMBER, .handler = not_here, .body = BODY_RAW, .scope = SCOPE_SERVER},
    {.method = "PATCH", .path = PATH, .access = ACCESS_MEMBER, .handler = not_here, .body = BODY_RAW, .scope = SCOPE_SERVER},
    {.method = "DELETE", .path = PATH, .access = ACCESS_MEMBER, .handler = not_here, .body = BODY_RAW, .scope = SCOPE_SERVER},
    {.method = NULL},
};
