/*
 * Building over a link: a parent asks for places, then sends the server with the place it chose (spec link.md sections 7 and 9;
 * 2011's select and boot). Only a neighbouring zone or an admin may.
 */
#include <string.h>

#include "gateway/api/api.h"
#include "gateway/api/zone_sizing.h"
#include "gateway/base/clock.h"
#include "gateway/base/log.h"
#include "gateway/conductor/create.h"
#include "gateway/conductor/create_child.h"
#include "gateway/conductor/quota.h"
#include "gateway/conductor/sealed.h"
#include "gateway/gateway.h"
#include "schema/json/json.h"
#include "schema/server.h"
#include "schema/task/task.h"
#include "schema/zone_forwarding.h"
#include "zones/link.h"

#define ENTRIES_MOST    64
#define CLOCKS_APART_US (INT64_C(3600) * 1000000)

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static void release_json(void *json)
{
    json_decref(json);
}

/* 2011's request_spec names a flavor; its place in the plan is asked for by what it needs. */
static enum err sizing_of_2011(struct request *request, const char **out_text, struct sizing *out)
{
    const json_t *type = json_object_get(request->json, "instance_type");
    const json_t *properties = json_object_get(request->json, "instance_properties");
    const json_t *vcpus = json_object_get(type, "vcpus");
    const json_t *ram = json_object_get(type, "memory_mb");
    const json_t *disk = json_object_get(type, "local_gb") ? json_object_get(type, "local_gb") : json_object_get(type, "root_gb");
    if (!json_is_integer(vcpus) || !json_is_integer(ram) || !json_is_integer(disk))
        return fail(E_INVALID, "instance_type lacks vcpus, memory_mb or local_gb.");
    json_t *image = sizing_image_properties(json_object_get(json_object_get(request->json, "image"), "properties"));
    const struct sizing sizing = {.vcpus = json_integer_value(vcpus),
                                  .ram_mib = json_integer_value(ram),
                                  .disk_gib = json_integer_value(disk),
                                  .availability_zone = text_of(properties, "availability_zone"),
                                  .extra_specs = json_object_get(type, "extra_specs"),
                                  .image = image};
    *out_text = sizing_write(request->arena, &sizing);
    json_decref(image);
    return sizing_read(request->arena, *out_text, strlen(*out_text), out);
}

/* In 2011 the body was a JSON text that itself held JSON. */
static enum err unwrap_2011(struct request *request)
{
    json_t *inner = NULL;
    if (json_is_string(request->json)) {
        TRY(json_parse_foreign(json_string_value(request->json), json_string_length(request->json), &inner));
        arena_defer(request->arena, release_json, inner);
        request->json = inner;
    }
    return json_is_object(request->json) ? OK : fail(E_INVALID, "Malformed request body");
}

static json_t *entry_object(struct request *request, const struct plan_entry *entry, const char *sizing_text)
{
    const char *blob = sealed_make(request->arena, request->gateway, entry, sizing_text, request->caller.project_id);
    return json_pack("{s:f, s:s, s:s}", "weight", entry->weight, "blob", blob, "tag",
                     arena_printf(request->arena, "%06x", entry->tag));
}

/* A project that may have no more here is offered nothing. */
static enum err select_within_quota(struct request *request, const struct sizing *sizing, const char *sizing_text,
                                    struct plan_entries *out)
{
    int64_t count = 1;
    *out = (struct plan_entries){0};
    TRY(quota_check_order(request, sizing, &count));
    return count ? select_all(request, sizing, sizing_text, out) : OK;
}

static enum err zone_select(struct request *request, struct response *response)
{
    const char *sizing_text = NULL;
    struct sizing sizing;
    struct plan_entries entries;
    TRY(unwrap_2011(request));
    if (json_object_get(request->json, "instance_type"))
        TRY(sizing_of_2011(request, &sizing_text, &sizing));
    else
        TRY(zone_sizing_decode(request, &sizing_text, &sizing));
    TRY(select_within_quota(request, &sizing, sizing_text, &entries));
    const json_t *count = json_object_get(request->json, "count") ? json_object_get(request->json, "count")
                                                                  : json_object_get(request->json, "num_instances");
    const json_int_t wanted = json_integer_value(count);
    const size_t most = wanted > 0 && wanted < ENTRIES_MOST ? (size_t)wanted : ENTRIES_MOST;
    json_t *weights = json_array();
    for (size_t i = 0; i < entries.count && i < most; i++)
        (void)json_array_append_new(weights, entry_object(request, &entries.items[i], sizing_text));
    response->json = json_pack("{s:o}", "weights", weights);
    return OK;
}

/* What a moved server brings along (spec link.md section 9). */
static enum err read_past(const struct request *request, struct order_move *out, bool *out_moved)
{
    const json_t *moved = json_object_get(request->json, "moved");
    const json_t *created = json_object_get(moved, "created_us");
    const json_t *attempts = json_object_get(moved, "attempts");
    *out = (struct order_move){{json_integer_value(created), json_integer_value(attempts)}, request->gateway->keys.zone};
    *out_moved = moved != NULL;
    if (moved &&
        (!json_is_integer(created) || out->past.created_us <= 0 || out->past.created_us > clock_wall_us() + CLOCKS_APART_US ||
         !json_is_integer(attempts) || out->past.attempts < 0 || out->past.attempts > 1000))
        return fail(E_INVALID, "moved lacks created_us or attempts.");
    return OK;
}

/* It arrived here before, and the server is here or was given away. */
static enum err is_repeated(struct request *request, const struct uuid *uuid, bool *out)
{
    struct uuid owner;
    TRY(server_exists(request->db, uuid, out));
    return *out ? OK : zone_forwarding_get(request->db, uuid, &owner, out);
}

/* An order that was sent again after its entry's time: good, if it arrived before. Further down it is for the owner to say. */
static enum err check_late(struct request *request, const struct uuid *uuid, const struct sealed_entry *entry)
{
    const char *message = arena_strdup(request->arena, err_message());
    bool known = false;
    if (!uuid_is_zero(&entry->zone))
        return OK;
    TRY(is_repeated(request, uuid, &known));
    return known ? OK : fail(E_CONFLICT, "%s", message);
}

/* This zone's own limits hold for what it is to own; for what passes through it they did when its places were asked for. */
static enum err check_quota(struct request *request, const struct sizing *sizing, const struct uuid *uuid)
{
    int64_t count = 1;
    bool known = false;
    TRY(is_repeated(request, uuid, &known));
    if (!known)
        TRY(quota_check_order(request, sizing, &count));
    return count ? OK : fail(E_CONFLICT, "The project's quota in zone %s is used up.", request->gateway->name);
}

/* Of the zone that orders; it alone can read it. */
static struct ticket_from read_ticket(const struct request *request)
{
    struct ticket_from from = {.text = text_of(request->json, "onward")};
    if (request->link)
        from.zone = request->link->zone;
    else
        from.text = NULL;
    return from;
}

/* This zone is to own it. */
static enum err take_here(struct request *request, const struct sizing *sizing, const struct accept_order *accept, struct text *out)
{
    if (!accept->past && uuid_tag(accept->uuid) != request->gateway->tag)
        return fail(E_INVALID, "The uuid does not carry this zone's tag.");
    TRY(check_quota(request, sizing, accept->uuid));
    task_foreground(request->gateway->tasks, true);
    const enum err accepted = conductor_accept(request, accept, out);
    task_foreground(request->gateway->tasks, false);
    return accepted;
}

static enum err zone_servers(struct request *request, struct response *response)
{
    const char *sizing_text = NULL;
    const char *blob = text_of(request->json, "blob") ? text_of(request->json, "blob") : text_of(request->json, "zone_blob");
    const json_t *server = json_object_get(request->json, "server");
    const json_t *embedded = json_object_get(request->json, "embedded");
    const char *reservation = text_of(request->json, "reservation_id");
    const int64_t minted_us = json_integer_value(json_object_get(request->json, "minted_us"));
    const int launch_index = (int)json_integer_value(json_object_get(request->json, "launch_index"));
    struct sizing sizing;
    struct uuid uuid;
    struct sealed_entry entry;
    struct order_move move;
    bool moved = false;
    const struct ticket_from from = read_ticket(request);
    TRY(read_past(request, &move, &moved));
    TRY(zone_sizing_decode(request, &sizing_text, &sizing));
    TRY(uuid_from_text(text_of(request->json, "uuid") ? text_of(request->json, "uuid") : "", &uuid));
    if (!blob || !json_is_object(server) || !json_is_object(embedded) || !reservation)
        return fail(E_INVALID, "blob, server, embedded and reservation_id are required.");
    enum err opened = sealed_open(request->arena, request->gateway, blob, sizing_text, request->caller.project_id, &entry);
    if (opened == E_CONFLICT && moved)
        opened = check_late(request, &uuid, &entry);
    TRY(opened);
    response->status = 202;
    if (uuid_is_zero(&entry.zone)) {
        const struct accept_order accept = {.uuid = &uuid,
                                            .host = &entry.host,
                                            .server = server,
                                            .embedded = embedded,
                                            .sizing_text = sizing_text,
                                            .reservation_id = reservation,
                                            .minted_us = minted_us,
                                            .launch_index = launch_index,
                                            .use = &entry.use,
                                            .past = moved ? &move.past : NULL,
                                            .from = &from};
        TRY(take_here(request, &sizing, &accept, &response->body));
    } else {
        const struct child_order order = {.uuid = &uuid,
                                          .zone = &entry.zone,
                                          .blob = entry.blob,
                                          .sizing_text = sizing_text,
                                          .reservation_id = reservation,
                                          .minted_us = minted_us,
                                          .launch_index = launch_index,
                                          .server = server,
                                          .embedded = embedded,
                                          .move = moved ? &move : NULL,
                                          .from = &from};
        TRY(create_at_child(request, &order, &response->body));
    }
    if (moved)
        response_header(request, response, CREATE_OWNER_HEADER, arena_strdup(request->arena, uuid_to_text(&move.owner).text));
    return OK;
}

const struct route zone_build_routes[] = {
    {.method = "POST",
     .path = "/os-zones/select",
     .access = ACCESS_LINK,
     .handler = zone_select,
     .body = BODY_JSON,
     .schema = "zone_select"},
    {.method = "POST",
     .path = "/zones/select",
     .access = ACCESS_LINK,
     .handler = zone_select,
     .body = BODY_JSON,
     .schema = "zone_select"},
    {.method = "POST", .path = "/os-zones/servers", .access = ACCESS_LINK, .handler = zone_servers, .body = BODY_JSON},
    {.method = NULL},
};
