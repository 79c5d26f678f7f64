/* GET /v2/images: filters, order, pages (Image API v2, "List images"). */
#include <string.h>

#include "compute/image/filter.h"
#include "compute/image/store.h"
#include "gateway/api/image_offer.h"
#include "gateway/api/image_service.h"
#include "gateway/gateway.h"

#define COLLECTION "/v2/images"

static void add_pair(struct text *out, const char *name, const char *value)
{
    text_add_char(out, strchr(text_str(out), '?') ? '&' : '?');
    text_add_percent(out, name, "");
    text_add_char(out, '=');
    text_add_percent(out, value, "");
}

/* The path of a page: the query as asked, after another marker (NULL: from the start). */
static json_t *page_path(const struct request *request, const char *marker)
{
    CLEANUP(text_clear) struct text path = {0};
    text_add_str(&path, COLLECTION);
    for (size_t i = 0; i < request->query.count; i++)
        if (strcmp(request->query.items[i].name, "marker") != 0)
            add_pair(&path, request->query.items[i].name, request->query.items[i].value);
    if (marker)
        add_pair(&path, "marker", marker);
    return json_string(text_str(&path));
}

static enum err read_query(struct request *request, struct image_filter *filter)
{
    image_filter_begin(filter, request->arena, &request->caller);
    for (size_t i = 0; i < request->query.count; i++) {
        const struct http_pair *pair = &request->query.items[i];
        if (strncmp(pair->name, "zone.", 5) != 0)
            TRY(image_filter_add(filter, pair->name, pair->value));
    }
    return image_filter_end(filter);
}

static enum err list_images(struct request *request, struct response *response)
{
    struct image_filter filter;
    struct images images;
    TRY(read_query(request, &filter));
    TRY(image_store_recover(request->gateway->images, request->db));
    const size_t limit = (size_t)filter.query.limit;
    filter.query.limit++; /* one more says whether there is a next page */
    TRY(image_offer_list(request, &filter.query, &images));
    const size_t shown = images.count < limit ? images.count : limit;
    json_t *list = json_array();
    for (size_t i = 0; i < shown; i++)
        (void)json_array_append_new(list, image_view(request->arena, &images.items[i]));
    response->json =
        json_pack("{s:o, s:o, s:s}", "images", list, "first", page_path(request, NULL), "schema", "/v2/schemas/images");
    if (shown && images.count > shown)
        (void)json_object_set_new(response->json, "next", page_path(request, uuid_to_text(&images.items[shown - 1].id).text));
    return OK;
}

const struct route image_list_routes[] = {
    {.method = "GET", .path = COLLECTION, .access = ACCESS_READER, .handler = list_images},
    {.method = NULL},
};
