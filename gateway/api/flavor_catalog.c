/* This zone's own flavors; see flavor_catalog.h. */
#include "gateway/api/flavor_catalog.h"

enum err flavor_catalog_get(struct request *request, const char *flavorid, struct flavor *out)
{
    /* A caller without a project sees public flavors only: no project has the empty id. */
    const char *project = request->caller.project_id ? request->caller.project_id : "";
    return flavor_get(request->db, request->arena, flavorid, request->caller.is_admin ? NULL : project, out);
}

enum err flavor_catalog_list(struct request *request, const struct flavor_query *query, struct flavors *out)
{
    struct flavor_query mine = *query;
    mine.project_id = request->caller.project_id;
    return flavor_list(request->db, request->arena, &mine, out);
}
