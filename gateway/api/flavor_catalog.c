/* See flavor_catalog.h. Without parents that offer their flavors a list is the database's; with them, both are put together here:
 * own ones first by id, at most CATALOG_ROWS_MOST of each. */
#include "gateway/api/flavor_catalog.h"

#include "gateway/api/flavor_inherited.h"
#include "gateway/base/log.h"
#include "gateway/conductor/catalog.h"

static enum err refuse_missing(const char *flavorid)
{
    return fail(E_NOT_FOUND, "Flavor %s could not be found.", flavorid);
}

enum err flavor_catalog_get(struct request *request, const char *flavorid, struct flavor *out)
{
    /* A caller without a project sees public flavors only: no project has the empty id. */
    const char *project = request->caller.project_id ? request->caller.project_id : "";
    const json_t *json = NULL;
    const enum err own = flavor_get(request->db, request->arena, flavorid, request->caller.is_admin ? NULL : project, out);
    if (own != E_NOT_FOUND)
        return own;
    const enum err inherited = catalog_get(request, CATALOG_FLAVORS, flavorid, &json);
    if (inherited == E_NOT_FOUND)
        return refuse_missing(flavorid);
    TRY(inherited);
    return flavor_read(request->arena, json, out);
}

/* Both kinds in one order: own ones as old as their rows, then the parents' as they list them. */
struct merged {
    struct ranked_flavor *items; /* that match the query */
    size_t count;
    struct ranked_flavor *all; /* that the caller sees */
    size_t all_count;
};

static bool holds(const struct flavors *flavors, const char *flavorid)
{
    for (size_t i = 0; i < flavors->count; i++) {
        if (str_equal(flavors->items[i].flavorid, flavorid))
            return true;
    }
    return false;
}

static void add_inherited(struct request *request, const struct flavor_query *query, const struct catalog_items *list,
                          const struct flavors *own, struct merged *merged)
{
    for (size_t i = 0; i < list->count; i++) {
        struct flavor flavor;
        if (flavor_read(request->arena, list->items[i], &flavor) != OK) {
            log_warn("catalog.damaged", "error=%s", log_quote(err_message()).text);
            continue;
        }
        if (holds(own, flavor.flavorid))
            continue;
        const struct ranked_flavor ranked = {flavor, own->count + i};
        merged->all[merged->all_count++] = ranked;
        if (flavor_matches(&flavor, query))
            merged->items[merged->count++] = ranked;
    }
}

/* The rank of one of this zone's own in the order by age. */
static size_t rank_of(const struct flavors *own, const struct flavor *flavor)
{
    for (size_t i = 0; i < own->count; i++) {
        if (own->items[i].id == flavor->id)
            return i;
    }
    return own->count;
}

/* `query` without page; two looks at the database: what the caller may see at all, and what matches. */
static enum err merge(struct request *request, const struct flavor_query *query, const struct catalog_items *list,
                      struct merged *out)
{
    struct flavors own;
    struct flavors matching;
    struct flavor_query everything = {.publicity = request->caller.is_admin ? FLAVORS_ALL : FLAVORS_PUBLIC,
                                      .project_id = query->project_id,
                                      .disabled_too = true,
                                      .sort_key = "id",
                                      .limit = CATALOG_ROWS_MOST};
    struct flavor_query all = *query;
    all.marker = NULL;
    all.limit = CATALOG_ROWS_MOST;
    TRY(flavor_list(request->db, request->arena, &everything, &own));
    TRY(flavor_list(request->db, request->arena, &all, &matching));
    out->items = arena_alloc(request->arena, (matching.count + list->count + 1) * sizeof(*out->items));
    out->all = arena_alloc(request->arena, (own.count + list->count + 1) * sizeof(*out->all));
    for (size_t i = 0; i < own.count; i++)
        out->all[out->all_count++] = (struct ranked_flavor){own.items[i], i};
    for (size_t i = 0; i < matching.count; i++)
        out->items[out->count++] = (struct ranked_flavor){matching.items[i], rank_of(&own, &matching.items[i])};
    add_inherited(request, query, list, &own, out);
    return OK;
}

static const struct ranked_flavor *find_marker(const struct merged *merged, const char *marker)
{
    for (size_t i = 0; marker && i < merged->all_count; i++) {
        if (str_equal(merged->all[i].flavor.flavorid, marker))
            return &merged->all[i];
    }
    return NULL;
}

enum err flavor_catalog_list(struct request *request, const struct flavor_query *query, struct flavors *out)
{
    struct flavor_query mine = *query;
    struct catalog_items list;
    struct merged merged = {0};
    mine.project_id = request->caller.project_id;
    TRY(catalog_list_whole(request, CATALOG_FLAVORS, &list));
    if (list.count == 0)
        return flavor_list(request->db, request->arena, &mine, out);
    TRY(merge(request, &mine, &list, &merged));
    const struct ranked_flavor *marker = find_marker(&merged, mine.marker);
    if (mine.marker && !marker)
        return fail(E_INVALID, "marker [%s] not found", mine.marker);
    flavor_page(request->arena, merged.items, merged.count, &mine, marker, out);
    return OK;
}
