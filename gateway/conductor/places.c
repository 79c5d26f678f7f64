/* This zone's own part of places.h, and which part that is; see places_below.c for the children's. */
#include "gateway/conductor/places.h"

#include <string.h>

#include "compute/build/hold.h"
#include "gateway/base/log.h"
#include "gateway/conductor/create.h"
#include "gateway/conductor/handover.h"
#include "gateway/conductor/on_behalf.h"
#include "gateway/conductor/places_below.h"
#include "gateway/conductor/record.h"
#include "gateway/gateway.h"
#include "schema/hold.h"

static bool is_here(const struct batch_place *place)
{
    return uuid_is_zero(&place->zone);
}

static enum err hold_here(struct request *request, const char *sizing_text, struct batch_place *places, size_t count)
{
    struct hold_place *mine = arena_alloc(request->arena, (count + 1) * sizeof(*mine));
    struct sizing sizing;
    size_t used = 0;
    TRY(sizing_read(request->arena, sizing_text, strlen(sizing_text), &sizing));
    for (size_t i = 0; i < count; i++) {
        if (is_here(&places[i]) && places[i].state == HOLD_NONE)
            mine[used++] = (struct hold_place){places[i].server, places[i].host, places[i].use, false};
    }
    const struct hold_order order = {.project_id = request->caller.project_id,
                                     .user_id = request->caller.user_id,
                                     .request_id = request->request_id,
                                     .sizing_text = sizing_text,
                                     .sizing = &sizing};
    TRY(hold_make(request->db, &order, mine, used));
    if (used)
        task_wake(request->gateway->tasks);
    used = 0;
    for (size_t i = 0; i < count; i++) {
        if (is_here(&places[i]) && places[i].state == HOLD_NONE && mine[used++].done)
            places[i].state = HOLD_HELD;
    }
    return OK;
}

enum err places_hold(struct request *request, const char *sizing_text, struct batch_place *places, size_t count)
{
    TRY(hold_here(request, sizing_text, places, count));
    return places_hold_below(request, sizing_text, places, count);
}

json_t *place_server(const struct batch_order *order, const struct batch_place *place)
{
    json_t *copy = json_copy((json_t *)order->server); /* jansson's copy does not change it */
    if (copy)
        (void)json_object_set_new(copy, "name", json_string(place->name));
    return copy;
}

static enum err check_sizing(const struct server *server, const struct sizing *sizing)
{
    const bool same = server->vcpus == sizing->vcpus && server->ram_mib == sizing->ram_mib && server->disk_gib == sizing->disk_gib;
    return same ? OK : fail(E_INVALID, "The flavor is another one than the place was held for.");
}

static enum err commit_one(struct request *request, struct db *db, const struct batch_order *order, const json_t *told,
                           struct batch_place *place)
{
    json_auto_t *body = place_server(order, place);
    const struct record_parts parts = {&place->server, body, order->embedded, order->reservation_id, (int)place->launch_index};
    json_auto_t *kept = handover_order(request, &parts, &place->from);
    struct sizing sizing;
    struct server server;
    struct hold hold;
    struct host host;
    bool done = false;
    TRY(sizing_read(request->arena, order->sizing_text, strlen(order->sizing_text), &sizing));
    TRY(record_make(request->arena, &parts, &request->caller, &server));
    TRY(check_sizing(&server, &sizing));
    const enum err held = hold_get(db, request->arena, &place->server, &hold);
    if (held == OK) {
        TRY(host_get_by_uuid(db, request->arena, &hold.host, &host));
        server.host = host.name;
        server.node = host.name;
        server.availability_zone = select_host_zone(request->gateway, &host);
    } else if (held != E_NOT_FOUND) {
        return held;
    }
    const struct build_order build = {.server = &server,
                                      .provider = &hold.host,
                                      .sizing_text = order->sizing_text,
                                      .may_retry = !sizing.host,
                                      .told = told,
                                      .caller = &request->caller,
                                      .request_id = request->request_id,
                                      .order = sizing.host ? NULL : kept};
    TRY(hold_commit_locked(db, &build, &done));
    place->state = done ? HOLD_COMMITTED : HOLD_GONE;
    return OK;
}

enum err places_commit_here(struct request *request, struct db *db, const struct batch_order *order, struct batch_place *places,
                            size_t count)
{
    json_auto_t *told = on_behalf_write(request);
    for (size_t i = 0; i < count; i++) {
        if (is_here(&places[i]) && places[i].state != HOLD_NONE)
            TRY(commit_one(request, db, order, told, &places[i]));
    }
    return OK;
}

struct committing {
    struct request *request;
    const struct batch_order *order;
    struct batch_place *places;
    size_t count;
};

static enum err commit_in_transaction(struct db *db, void *context)
{
    const struct committing *c = context;
    return places_commit_here(c->request, db, c->order, c->places, c->count);
}

enum err places_commit(struct request *request, const struct batch_order *order, struct batch_place *places, size_t count)
{
    struct committing committing = {request, order, places, count};
    TRY(db_transaction(request->db, commit_in_transaction, &committing));
    task_wake(request->gateway->tasks);
    return places_commit_below(request, order, places, count);
}

void places_release(struct request *request, struct batch_place *places, size_t count)
{
    struct uuid *mine = arena_alloc(request->arena, (count + 1) * sizeof(*mine));
    size_t used = 0;
    places_release_below(request, places, count);
    for (size_t i = 0; i < count; i++) {
        if (is_here(&places[i]) && places[i].state == HOLD_HELD)
            mine[used++] = places[i].server;
        places[i].state = HOLD_NONE;
    }
    if (hold_release(request->db, request->caller.project_id, mine, used) != OK)
        log_warn("hold.release", "message=%s", log_quote(err_message()).text); /* they expire */
}
