/*
 * Routes that Nova once had and answers 410 since, as it does: the networks, certificates and consoles of its first years, cells
 * and agents. Clients tell from it that the service is newer than they are, and not that an address is wrong.
 */
#include "gateway/api/api.h"

static enum err removed(struct request *request, struct response *response)
{
    (void)request;
    (void)response;
    return fail(E_GONE, "This resource is no longer available. No forwarding address is given.");
}

#define REMOVED(the_method, the_path)                                                                                              \
    {                                                                                                                              \
        .method = (the_method), .path = (the_path), .access = ACCESS_READER, .handler = removed                                    \
    }
#define REMOVED_BODY(the_method, the_path)                                                                                         \
    {                                                                                                                              \
        .method = (the_method), .path = (the_path), .access = ACCESS_READER, .handler = removed, .body = BODY_RAW                  \
    }

const struct route removed_routes[] = {
    REMOVED("GET", "/os-agents"),
    REMOVED_BODY("POST", "/os-agents"),
    REMOVED_BODY("PUT", "/os-agents/{id}"),
    REMOVED("DELETE", "/os-agents/{id}"),
    REMOVED("GET", "/os-cells"),
    REMOVED("GET", "/os-cells/{id}"),
    REMOVED("GET", "/os-cells/{id}/capacities"),
    REMOVED_BODY("POST", "/os-cells"),
    REMOVED_BODY("PUT", "/os-cells/{id}"),
    REMOVED("DELETE", "/os-cells/{id}"),
    REMOVED("GET", "/os-certificates/{id}"),
    REMOVED_BODY("POST", "/os-certificates"),
    REMOVED("GET", "/os-cloudpipe"),
    REMOVED_BODY("POST", "/os-cloudpipe"),
    REMOVED_BODY("PUT", "/os-cloudpipe/{id}"),
    REMOVED("GET", "/os-fixed-ips/{id}"),
    REMOVED_BODY("POST", "/os-fixed-ips/{id}/action"),
    REMOVED("GET", "/os-floating-ip-dns"),
    REMOVED_BODY("PUT", "/os-floating-ip-dns/{id}"),
    REMOVED("DELETE", "/os-floating-ip-dns/{id}"),
    REMOVED("GET", "/os-floating-ip-dns/{id}/entries/{entry}"),
    REMOVED("GET", "/os-floating-ips-bulk"),
    REMOVED("GET", "/os-floating-ips-bulk/{id}"),
    REMOVED_BODY("POST", "/os-floating-ips-bulk"),
    REMOVED_BODY("PUT", "/os-floating-ips-bulk/{id}"),
    REMOVED("GET", "/os-fping"),
    REMOVED("GET", "/os-fping/{id}"),
    REMOVED("GET", "/os-security-group-default-rules"),
    REMOVED("GET", "/os-security-group-default-rules/{id}"),
    REMOVED_BODY("POST", "/os-security-group-default-rules"),
    REMOVED("DELETE", "/os-security-group-default-rules/{id}"),
    REMOVED("GET", "/servers/{server_id}/consoles"),
    REMOVED_BODY("POST", "/servers/{server_id}/consoles"),
    REMOVED("GET", "/servers/{server_id}/consoles/{id}"),
    REMOVED("DELETE", "/servers/{server_id}/consoles/{id}"),
    REMOVED("GET", "/servers/{server_id}/os-virtual-interfaces"),
    {.method = NULL},
};
