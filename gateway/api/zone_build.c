/*
 * Building over a link: a parent asks for places, then sends the server with the place it chose (spec link.md sections 7 and 9;
 * 2011's select and boot). Only a neighbouring zone or an admin may.
 */
#include <string.h>

#include "gateway/api/api.h"
#include "gateway/base/log.h"
#include "gateway/conductor/create.h"
#include "gateway/conductor/create_child.h"
#include "gateway/conductor/sealed.h"
#include "gateway/gateway.h"

#define SIZING_MOST  65536
#define ENTRIES_MOST 64

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static enum err decode_sizing(struct request *request, const char **out_text, struct sizing *out)
{
    const char *encoded = text_of(request->json, "sizing");
    const size_t length = encoded ? strlen(encoded) : 0;
    if (!length || length > SIZING_MOST)
        return fail(E_INVALID, "The sizing is missing or too long.");
    char *text = arena_alloc(request->arena, length + 1);
    size_t decoded = 0;
    TRY(base64_decode(encoded, length, text, length, &decoded));
    text[decoded] = '\0';
    TRY(sizing_read(request->arena, text, decoded, out));
    *out_text = text;
    return OK;
}

static json_t *entry_object(struct request *request, const struct plan_entry *entry, const char *sizing_text)
{
    const char *blob = sealed_make(request->arena, request->gateway, entry, sizing_text, request->caller.project_id);
    return json_pack("{s:f, s:s, s:s}", "weight", entry->weight, "blob", blob, "tag",
                     arena_printf(request->arena, "%06x", entry->tag));
}

static enum err zone_select(struct request *request, struct response *response)
{
    const char *sizing_text = NULL;
    struct sizing sizing;
    struct plan_entries entries;
    TRY(decode_sizing(request, &sizing_text, &sizing));
    TRY(select_all(request, &sizing, sizing_text, &entries));
    const json_int_t wanted = json_integer_value(json_object_get(request->json, "count"));
    const size_t most = wanted > 0 && wanted < ENTRIES_MOST ? (size_t)wanted : ENTRIES_MOST;
    json_t *weights = json_array();
    for (size_t i = 0; i < entries.count && i < most; i++)
        (void)json_array_append_new(weights, entry_object(request, &entries.items[i], sizing_text));
    response->json = json_pack("{s:o}", "weights", weights);
    return OK;
}

static enum err zone_servers(struct request *request, struct response *response)
{
    const char *sizing_text = NULL;
    const char *blob = text_of(request->json, "blob") ? text_of(request->json, "blob") : text_of(request->json, "zone_blob");
    const json_t *server = json_object_get(request->json, "server");
    const json_t *embedded = json_object_get(request->json, "embedded");
    const char *reservation = text_of(request->json, "reservation_id");
    const int launch_index = (int)json_integer_value(json_object_get(request->json, "launch_index"));
    struct sizing sizing;
    struct uuid uuid;
    struct sealed_entry entry;
    TRY(decode_sizing(request, &sizing_text, &sizing));
    TRY(uuid_from_text(text_of(request->json, "uuid") ? text_of(request->json, "uuid") : "", &uuid));
    if (!blob || !json_is_object(server) || !json_is_object(embedded) || !reservation)
        return fail(E_INVALID, "blob, server, embedded and reservation_id are required.");
    TRY(sealed_open(request->arena, request->gateway, blob, sizing_text, request->caller.project_id, &entry));
    response->status = 202;
    if (uuid_is_zero(&entry.zone)) {
        if (uuid_tag(&uuid) != request->gateway->tag)
            return fail(E_INVALID, "The uuid does not carry this zone's tag.");
        return conductor_accept(request, &uuid, &entry.host, server, embedded, reservation, launch_index, &entry.use,
                                &response->body);
    }
    const struct child_order order = {&uuid, &entry.zone, entry.blob, sizing_text, reservation, launch_index, server, embedded};
    return create_at_child(request, &order, &response->body);
}

const struct route zone_build_routes[] = {
    {.method = "POST", .path = "/os-zones/select", .access = ACCESS_LINK, .handler = zone_select, .body = BODY_JSON},
    {.method = "POST", .path = "/os-zones/servers", .access = ACCESS_LINK, .handler = zone_servers, .body = BODY_JSON},
    {.method = NULL},
};
