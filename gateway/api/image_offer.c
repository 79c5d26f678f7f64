/* See image_offer.h. */
#include "gateway/api/image_offer.h"

#include "compute/image/image.h"
#include "gateway/api/image_inherited.h"
#include "gateway/base/log.h"
#include "gateway/base/text.h"
#include "gateway/conductor/catalog.h"

enum err image_offer_inherited(struct request *request, const char *id, struct image *out)
{
    struct uuid uuid;
    const json_t *json = NULL;
    if (!uuid_is_text(id) || uuid_from_text(id, &uuid) != OK)
        return fail(E_NOT_FOUND, "No image found with ID %.200s", id);
    const enum err found = catalog_get(request, CATALOG_IMAGES, uuid_to_text(&uuid).text, &json);
    if (found == E_NOT_FOUND)
        return fail(E_NOT_FOUND, "No image found with ID %s", id);
    TRY(found);
    return image_read(request->arena, json, out);
}

static bool holds(const struct images *images, const struct uuid *id)
{
    for (size_t i = 0; i < images->count; i++) {
        if (uuid_equal(&images->items[i].id, id))
            return true;
    }
    return false;
}

/* Those of the list that match. */
static struct images read_matching(struct request *request, const struct image_query *query, const struct catalog_items *list)
{
    struct image *items = arena_alloc(request->arena, (list->count + 1) * sizeof(*items));
    size_t count = 0;
    for (size_t i = 0; i < list->count; i++) {
        if (image_read(request->arena, list->items[i], &items[count]) != OK)
            log_warn("catalog.damaged", "error=%s", log_quote(err_message()).text);
        else if (image_matches(&items[count], query))
            count++;
    }
    return (struct images){items, count};
}

/* Which of these ids this zone has itself, in the caller's view. */
static enum err find_own(struct request *request, const struct image_query *query, const struct images *inherited,
                         struct images *out)
{
    struct sql_value *ids = arena_alloc(request->arena, (inherited->count + 1) * sizeof(*ids));
    struct image_query own = {.project_id = query->project_id,
                              .everything = query->everything,
                              .visibility = "all",
                              .member_status = "all",
                              .condition_count = 1,
                              .limit = CATALOG_ROWS_MOST};
    for (size_t i = 0; i < inherited->count; i++)
        ids[i] = sql_uuid(&inherited->items[i].id);
    own.conditions[0] = (struct image_condition){IMAGE_IS, image_column_find("id"), NULL, ids, inherited->count};
    return image_list(request->db, request->arena, &own, out);
}

static enum err find_marker(struct request *request, const char *marker, struct image *out)
{
    struct uuid id;
    enum err found = uuid_from_text(marker, &id);
    if (found == OK)
        found = image_get(request->db, request->arena, &id, image_viewer(&request->caller), out);
    if (found == E_NOT_FOUND)
        found = image_offer_inherited(request, marker, out);
    return found == E_NOT_FOUND || found == E_INVALID ? fail(E_INVALID, "marker %s was not found", marker) : found;
}

static enum err merge(struct request *request, const struct image_query *query, const struct images *inherited, struct image **out,
                      size_t *out_count)
{
    struct images own;
    struct images shadows;
    struct image_query all = *query;
    size_t count = 0;
    all.marker = NULL;
    all.limit = CATALOG_ROWS_MOST;
    TRY(image_list(request->db, request->arena, &all, &own));
    TRY(find_own(request, query, inherited, &shadows));
    struct image *items = arena_alloc(request->arena, (own.count + inherited->count + 1) * sizeof(*items));
    for (size_t i = 0; i < own.count; i++)
        items[count++] = own.items[i];
    for (size_t i = 0; i < inherited->count; i++) {
        if (!holds(&shadows, &inherited->items[i].id))
            items[count++] = inherited->items[i];
    }
    *out = items;
    *out_count = count;
    return OK;
}

enum err image_offer_list(struct request *request, const struct image_query *query, struct images *out)
{
    struct catalog_items list;
    struct image marker;
    struct image *items = NULL;
    size_t count = 0;
    TRY(catalog_list_whole(request, CATALOG_IMAGES, &list));
    if (list.count == 0)
        return image_list(request->db, request->arena, query, out);
    const struct images inherited = read_matching(request, query, &list);
    TRY(merge(request, query, &inherited, &items, &count));
    if (query->marker)
        TRY(find_marker(request, query->marker, &marker));
    image_page(request->arena, items, count, query, query->marker ? &marker : NULL, (size_t)query->limit, out);
    return OK;
}
