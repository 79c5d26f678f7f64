/*
 * /os-aggregates (nova-api.md section 14). Lists hold the whole tree; an aggregate belongs to the zone that made it, its hosts are
 * that zone's own, and a change is sent there. New ones are made in the zone that is asked.
 *
 * Not here: copying images to hosts ahead of the first build (2.81); asking for it is refused.
 */
#include <ctype.h>
#include <string.h>

#include "compute/build/host_labels.h"
#include "gateway/api/api.h"
#include "gateway/api/gather.h"
#include "gateway/api/owner.h"
#include "gateway/conductor/select.h"
#include "gateway/gateway.h"
#include "schema/aggregate.h"
#include "schema/json/json.h"

#define SHOWS_UUID 41

/* What POST answers lacks hosts and metadata. */
enum shape { SHAPE_WHOLE, SHAPE_CREATED };

static json_t *time_or_null(int64_t us)
{
    return us ? json_string(time_iso_micro(us).text) : json_null();
}

static json_t *aggregate_object(const struct request *request, const struct aggregate *aggregate, enum shape shape)
{
    json_t *object = json_pack("{s:I, s:s, s:s?, s:o, s:o, s:n, s:b}", "id", (json_int_t)aggregate->id, "name", aggregate->name,
                               "availability_zone", aggregate->availability_zone, "created_at", time_or_null(aggregate->created_us),
                               "updated_at", time_or_null(aggregate->updated_us), "deleted_at", "deleted", 0);
    if (request->version >= SHOWS_UUID)
        (void)json_object_set_new(object, "uuid", json_string(uuid_to_text(&aggregate->uuid).text));
    if (shape == SHAPE_CREATED)
        return object;
    json_t *hosts = json_array();
    json_t *metadata = json_object();
    for (size_t i = 0; i < aggregate->host_count; i++)
        (void)json_array_append_new(hosts, json_string(aggregate->hosts[i]));
    for (size_t i = 0; i < aggregate->metadata_count; i++)
        (void)json_object_set_new(metadata, aggregate->metadata[i].name, json_string(aggregate->metadata[i].value));
    (void)json_object_set_new(object, "hosts", hosts);
    (void)json_object_set_new(object, "metadata", metadata);
    return object;
}

static enum err reply(struct request *request, struct response *response, int64_t id, enum shape shape)
{
    struct aggregate aggregate;
    TRY(aggregate_get(request->db, request->arena, id, &aggregate));
    response->json = json_pack("{s:o}", "aggregate", aggregate_object(request, &aggregate, shape));
    return OK;
}

static enum err aggregates_index(struct request *request, struct response *response)
{
    struct aggregates aggregates;
    json_auto_t *list = json_array();
    TRY(aggregate_list(request->db, request->arena, &aggregates));
    for (size_t i = 0; i < aggregates.count; i++)
        (void)json_array_append_new(list, aggregate_object(request, &aggregates.items[i], SHAPE_WHOLE));
    TRY(gather_lists(request, response, "aggregates", list));
    response->json = json_pack("{s:O}", "aggregates", list);
    return OK;
}

/* --- whose */

static enum err read_id(const struct request *request, int64_t *out)
{
    if (!str_to_int(request_param(request, "aggregate_id"), out))
        return fail(E_INVALID, "Invalid input received: id must be an integer");
    return OK;
}

static bool entry_has_id(const json_t *entry, const void *context)
{
    const int64_t *id = context;
    return json_integer_value(json_object_get(entry, "id")) == *id;
}

/* `*out_here`, or the zone that has it was asked and its answer is written. E_NOT_FOUND: nobody has it. */
static enum err find_owner(struct request *request, struct response *response, int64_t *out_id, bool *out_here)
{
    struct aggregate unused;
    bool answered = false;
    TRY(read_id(request, out_id));
    const struct owner_search search = {"/os-aggregates", "aggregates", entry_has_id, out_id,
                                        request->version >= SHOWS_UUID ? "uuid" : "created_at"};
    const enum err result = aggregate_get(request->db, request->arena, *out_id, &unused);
    *out_here = result == OK;
    if (result != E_NOT_FOUND)
        return result;
    TRY(owner_relay(request, response, &search, &answered));
    return answered ? OK : fail(E_NOT_FOUND, "Aggregate %lld could not be found.", (long long)*out_id);
}

static enum err aggregate_show(struct request *request, struct response *response)
{
    int64_t id = 0;
    bool here = false;
    TRY(find_owner(request, response, &id, &here));
    return here ? reply(request, response, id, SHAPE_WHOLE) : OK;
}

/* --- changes */

/* Without blanks at both ends. */
static const char *trimmed(struct arena *arena, const char *text)
{
    while (text && isspace((unsigned char)*text))
        text++;
    size_t length = text ? strlen(text) : 0;
    while (length && isspace((unsigned char)text[length - 1]))
        length--;
    return text ? arena_strndup(arena, text, length) : NULL;
}

static const char *default_zone(const struct request *request)
{
    const struct host unplaced = {0};
    return select_host_zone(request->gateway, &unplaced);
}

static enum err aggregate_create(struct request *request, struct response *response)
{
    const json_t *body = json_object_get(request->json, "aggregate");
    const char *name = trimmed(request->arena, json_string_value(json_object_get(body, "name")));
    const char *zone = trimmed(request->arena, json_string_value(json_object_get(body, "availability_zone")));
    int64_t id = 0;
    TRY(aggregate_add(request->db, name, zone && *zone ? zone : NULL, &id));
    return reply(request, response, id, SHAPE_CREATED);
}

static enum err aggregate_put(struct request *request, struct response *response)
{
    const json_t *body = json_object_get(request->json, "aggregate");
    json_t *zone = json_object_get(body, "availability_zone");
    json_auto_t *metadata = zone ? json_pack("{s:O}", "availability_zone", zone) : NULL;
    const struct aggregate_change change = {trimmed(request->arena, json_string_value(json_object_get(body, "name"))), metadata,
                                            "update aggregate", default_zone(request)};
    int64_t id = 0;
    bool here = false;
    TRY(find_owner(request, response, &id, &here));
    if (!here)
        return OK;
    TRY(aggregate_update(request->db, id, &change));
    return reply(request, response, id, SHAPE_WHOLE);
}

static enum err aggregate_remove(struct request *request, struct response *response)
{
    int64_t id = 0;
    bool here = false;
    TRY(find_owner(request, response, &id, &here));
    return here ? aggregate_delete(request->db, id) : OK;
}

static enum err add_host(struct request *request, int64_t id, const json_t *value)
{
    return host_join_aggregate(request->db, id, json_string_value(json_object_get(value, "host")), default_zone(request));
}

static enum err remove_host(struct request *request, int64_t id, const json_t *value)
{
    return host_leave_aggregate(request->db, id, json_string_value(json_object_get(value, "host")), default_zone(request));
}

static enum err set_metadata(struct request *request, int64_t id, const json_t *value)
{
    const struct aggregate_change change = {NULL, json_object_get(value, "metadata"), "update metadata of aggregate",
                                            default_zone(request)};
    return aggregate_update(request->db, id, &change);
}

static const struct {
    const char *key;
    const char *schema;
    enum err (*act)(struct request *request, int64_t id, const json_t *value);
} actions[] = {
    {"add_host", "aggregate_add_host", add_host},
    {"remove_host", "aggregate_remove_host", remove_host},
    {"set_metadata", "aggregate_set_metadata", set_metadata},
};

static enum err aggregate_action(struct request *request, struct response *response)
{
    const char *key = json_object_iter_key(json_object_iter(request->json));
    int64_t id = 0;
    bool here = false;
    if (json_object_size(request->json) != 1)
        return fail(E_INVALID, "Malformed request body");
    size_t i = 0;
    while (i < ARRAY_LEN(actions) && !str_equal(actions[i].key, key))
        i++;
    if (i == ARRAY_LEN(actions))
        return fail(E_INVALID, "There is no such action: %.200s", key);
    TRY(json_validate(json_schema_named(actions[i].schema), request->json));
    TRY(find_owner(request, response, &id, &here));
    if (!here)
        return OK;
    TRY(actions[i].act(request, id, json_object_get(request->json, key)));
    return reply(request, response, id, SHAPE_WHOLE);
}

static enum err refuse_duplicates(const json_t *cache)
{
    for (size_t i = 0; i < json_array_size(cache); i++) {
        for (size_t j = 0; j < i; j++) {
            if (json_equal(json_array_get(cache, i), json_array_get(cache, j)))
                return fail(E_INVALID, "Duplicate images in request");
        }
    }
    return OK;
}

static enum err aggregate_images(struct request *request, struct response *response)
{
    int64_t id = 0;
    bool here = false;
    TRY(refuse_duplicates(json_object_get(request->json, "cache")));
    TRY(find_owner(request, response, &id, &here));
    if (!here)
        return OK;
    return fail(E_INVALID,
                "Images cannot be cached ahead in this zone: a host copies an image when it builds its first server of it.");
}

const struct route aggregate_routes[] = {
    {.method = "GET",
     .path = "/os-aggregates",
     .access = ACCESS_ADMIN,
     .policy = "os_compute_api:os-aggregates:index",
     .handler = aggregates_index},
    {.method = "POST",
     .path = "/os-aggregates",
     .access = ACCESS_ADMIN,
     .policy = "os_compute_api:os-aggregates:create",
     .handler = aggregate_create,
     .body = BODY_JSON,
     .schema = "aggregate_create"},
    {.method = "GET",
     .path = "/os-aggregates/{aggregate_id}",
     .access = ACCESS_ADMIN,
     .policy = "os_compute_api:os-aggregates:show",
     .handler = aggregate_show},
    {.method = "PUT",
     .path = "/os-aggregates/{aggregate_id}",
     .access = ACCESS_ADMIN,
     .policy = "os_compute_api:os-aggregates:update",
     .handler = aggregate_put,
     .body = BODY_JSON,
     .schema = "aggregate_update"},
    {.method = "DELETE",
     .path = "/os-aggregates/{aggregate_id}",
     .access = ACCESS_ADMIN,
     .policy = "os_compute_api:os-aggregates:delete",
     .handler = aggregate_remove},
    {.method = "POST",
     .path = "/os-aggregates/{aggregate_id}/action",
     .access = ACCESS_ADMIN,
     .handler = aggregate_action,
     .body = BODY_JSON},
    {.method = "POST",
     .path = "/os-aggregates/{aggregate_id}/images",
     .access = ACCESS_ADMIN,
     .policy = "compute:aggregates:images",
     .min = 81,
     .handler = aggregate_images,
     .body = BODY_JSON,
     .schema = "aggregate_images_2_81"},
    {.method = NULL},
};
