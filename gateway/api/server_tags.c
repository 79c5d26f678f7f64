/* /servers/{id}/tags from 2.26 (spec nova-api.md section 13): the whole set, and one tag. As in Nova a lock does not protect tags,
 * and a change of them does not touch updated_at. */
#include <string.h>

#include "gateway/api/api.h"
#include "gateway/api/server_common.h"

#define TAGS_MOST      50
#define TAG_CHARACTERS 60
#define FIRST_VERSION  26

struct tags_change {
    struct request *request;
    struct uuid uuid;
    const char *what;    /* Nova's word for the change, for its refusal */
    json_t *replacement; /* a list, or NULL */
    const char *added;   /* one tag, or NULL */
    const char *removed; /* one tag, or NULL */
    json_t *result;      /* the list afterwards; owned by the arena */
    bool changed;
};

static void release_json(void *object)
{
    json_decref(object);
}

/* The tags of a row as a list, which the arena owns. */
static enum err read_list(struct arena *arena, const struct server *server, json_t **out)
{
    *out = json_loads(server->tags, 0, NULL);
    if (!*out)
        return fail(E_INTERNAL, "The tags of server %s cannot be read.", uuid_to_text(&server->uuid).text);
    arena_defer(arena, release_json, *out);
    return OK;
}

/* The place of a tag in a list, or the list's size. */
static size_t find_tag(const json_t *list, const char *tag)
{
    size_t i;
    json_t *item;
    json_array_foreach(list, i, item)
    {
        if (strcmp(json_string_value(item), tag) == 0)
            return i;
    }
    return json_array_size(list);
}

static enum err no_such_tag(const struct uuid *server, const char *tag)
{
    return fail(E_NOT_FOUND, "Instance %s has no tag '%s'", uuid_to_text(server).text, tag);
}

static enum err add_tag(json_t *list, const char *tag)
{
    return json_array_append_new(list, json_string(tag)) == 0 ? OK : fail(E_INTERNAL, "The tags cannot be written.");
}

/* Makes the new list of the old one. */
static enum err apply(struct tags_change *change, json_t *list)
{
    if (change->replacement) {
        size_t i;
        json_t *item;
        json_array_clear(list);
        json_array_foreach(change->replacement, i, item)
        {
            if (find_tag(list, json_string_value(item)) == json_array_size(list))
                TRY(add_tag(list, json_string_value(item)));
        }
        return OK;
    }
    const char *tag = change->added ? change->added : change->removed;
    const size_t place = find_tag(list, tag);
    const bool there = place < json_array_size(list);
    if (change->removed)
        return !there                                ? no_such_tag(&change->uuid, tag)
               : json_array_remove(list, place) == 0 ? OK
                                                     : fail(E_INTERNAL, "The tags cannot be written.");
    change->changed = !there;
    if (there)
        return OK;
    if (json_array_size(list) >= TAGS_MOST)
        return fail(E_INVALID, "The number of tags exceeded the per-server limit %d", TAGS_MOST);
    return add_tag(list, tag);
}

static enum err change_in_transaction(struct db *db, void *context)
{
    struct tags_change *change = context;
    struct arena *arena = change->request->arena;
    struct server server;
    TRY(server_get_locked(db, arena, &change->uuid, &server));
    TRY(server_expect_settled(&server, change->what));
    TRY(read_list(arena, &server, &change->result));
    TRY(apply(change, change->result));
    char *text = json_dumps(change->result, JSON_COMPACT);
    const enum err result = text ? server_set_tags(db, &change->uuid, text) : fail(E_INTERNAL, "The tags cannot be written.");
    free(text);
    return result;
}

static enum err change_tags(struct request *request, struct tags_change *change)
{
    struct server server;
    TRY(server_of_request(request, &server));
    change->request = request;
    change->uuid = server.uuid;
    return db_transaction(request->db, change_in_transaction, change);
}

/* Characters of UTF-8 text that is known to be well-formed. */
static size_t count_characters(const char *text)
{
    size_t count = 0;
    for (; *text; text++)
        count += ((unsigned char)*text & 0xC0) != 0x80;
    return count;
}

static enum err tags_list(struct request *request, struct response *response)
{
    struct server server;
    TRY(server_of_request(request, &server));
    text_add_str(&response->body, "{\"tags\":");
    text_add_str(&response->body, server.tags);
    text_add_str(&response->body, "}");
    return OK;
}

static enum err tags_replace(struct request *request, struct response *response)
{
    struct tags_change change = {.what = "update tags", .replacement = json_object_get(request->json, "tags")};
    TRY(change_tags(request, &change));
    response->json = json_pack("{s:O}", "tags", change.result);
    return OK;
}

static enum err tags_delete(struct request *request, struct response *response)
{
    json_t *none = json_array();
    arena_defer(request->arena, release_json, none);
    struct tags_change change = {.what = "delete tags", .replacement = none};
    response->status = 204;
    return change_tags(request, &change);
}

static enum err tag_get(struct request *request, struct response *response)
{
    const char *tag = request_param(request, "tag");
    struct server server;
    json_t *list = NULL;
    TRY(server_of_request(request, &server));
    TRY(read_list(request->arena, &server, &list));
    if (find_tag(list, tag) == json_array_size(list))
        return no_such_tag(&server.uuid, tag);
    response->status = 204;
    return OK;
}

static enum err tag_put(struct request *request, struct response *response)
{
    const char *tag = request_param(request, "tag");
    if (!*tag || strpbrk(tag, "/,"))
        return fail(E_INVALID, "Tag '%s' is invalid. It must be a non empty string without characters '/' and ','.", tag);
    if (count_characters(tag) > TAG_CHARACTERS)
        return fail(E_INVALID, "Tag '%s' is too long. Maximum length of a tag is %d", tag, TAG_CHARACTERS);
    struct tags_change change = {.what = "update tag", .added = tag};
    TRY(change_tags(request, &change));
    response->status = change.changed ? 201 : 204;
    if (!change.changed)
        return OK;
    CLEANUP(text_clear) struct text name = {0};
    text_add_percent(&name, tag, "");
    response_header(request, response, "Location",
                    request_link(request, "/servers/%s/tags/%s", uuid_to_text(&change.uuid).text, text_str(&name)));
    return OK;
}

static enum err tag_delete(struct request *request, struct response *response)
{
    struct tags_change change = {.what = "delete tag", .removed = request_param(request, "tag")};
    response->status = 204;
    return change_tags(request, &change);
}

#define TAGS "/servers/{server_id}/tags"
#define TAG  "/servers/{server_id}/tags/{tag}"

const struct route server_tags_routes[] = {
    {.method = "GET", .path = TAGS, .access = ACCESS_READER, .min = FIRST_VERSION, .handler = tags_list, .scope = SCOPE_SERVER},
    {.method = "PUT",
     .path = TAGS,
     .access = ACCESS_MEMBER,
     .min = FIRST_VERSION,
     .handler = tags_replace,
     .body = BODY_JSON,
     .schema = "server_tags",
     .scope = SCOPE_SERVER},
    {.method = "DELETE",
     .path = TAGS,
     .access = ACCESS_MEMBER,
     .min = FIRST_VERSION,
     .handler = tags_delete,
     .scope = SCOPE_SERVER},
    {.method = "GET", .path = TAG, .access = ACCESS_READER, .min = FIRST_VERSION, .handler = tag_get, .scope = SCOPE_SERVER},
    {.method = "PUT", .path = TAG, .access = ACCESS_MEMBER, .min = FIRST_VERSION, .handler = tag_put, .scope = SCOPE_SERVER},
    {.method = "DELETE", .path = TAG, .access = ACCESS_MEMBER, .min = FIRST_VERSION, .handler = tag_delete, .scope = SCOPE_SERVER},
    {.method = NULL},
};
