/*
 * /os-zones/usage?project_id=…&user_id=…: what a project uses in this zone and in those below, zone by zone, for the quotas of the
 * zones above (gateway/conductor/quota_usage.h). Zones that are silent count with what they said last, and are named.
 */
#include "gateway/api/api.h"
#include "gateway/api/page.h"
#include "gateway/conductor/quota_usage.h"
#include "gateway/conductor/relay.h"

static enum err usage_show(struct request *request, struct response *response)
{
    static const char *const parameters[] = {"project_id", "user_id"};
    const char *project = request_query(request, "project_id");
    struct zones_missing missing;
    json_t *usage = NULL;
    TRY(query_check_names(request, parameters, ARRAY_LEN(parameters)));
    if (!project || !*project)
        return fail(E_INVALID, "project_id is required.");
    if (!request->caller.is_admin && !str_equal(project, request->caller.project_id))
        return fail(E_FORBIDDEN, "The usage of other projects is for admins.");
    TRY(quota_usage_list(request, project, request_query(request, "user_id"), &usage, &missing));
    relay_missing(request, response, &missing);
    response->json = json_pack("{s:o}", "usage", usage);
    return OK;
}

const struct route zone_usage_routes[] = {
    {.method = "GET", .path = "/os-zones/usage", .access = ACCESS_LINK, .handler = usage_show},
    {.method = NULL},
};
