/* See compensate.h. One step: DELETE at the owner. It is done when the owner says 404 and the order's entry has expired. */
#include "gateway/conductor/compensate.h"

#include "gateway/conductor/on_behalf.h"
#include "gateway/conductor/relay.h"
#include "gateway/gateway.h"
#include "zones/fanout.h"
#include "zones/registry.h"
#include "zones/resolve.h"

#define ENTRY_DEAD_US (INT64_C(90) * 1000000) /* entries live 60 s by the owner's clock */
#define CALL_MS       10000

enum err compensate_add(struct request *request, const struct uuid *server)
{
    json_auto_t *data =
        json_pack("{s:o, s:I}", "caller", on_behalf_write(request), "until", (json_int_t)(clock_wall_us() + ENTRY_DEAD_US));
    if (!data)
        return fail(E_INTERNAL, "The task's data cannot be made.");
    TRY(task_add(request->db, "compensate", server, request->request_id, data));
    task_wake(request->gateway->tasks);
    return OK;
}

static enum err delete_at(struct request *request, const struct uuid *server, const struct zone *zone, int *out_status)
{
    struct zone_call call = {.zone = zone,
                             .origin = relay_origin(request),
                             .class = CLASS_MUTATE,
                             .method = "DELETE",
                             .target = arena_printf(request->arena, "/compute/v2.1/servers/%s", uuid_to_text(server).text)};
    fanout_run(request->fanout, request->arena, &call, 1, request->budget);
    if (call.answer.kind != ZONE_ANSWERED)
        return fail(E_UNAVAILABLE, "Zone %s does not answer (%s).", zone->row.name, zone_kind_word(call.answer.kind));
    *out_status = call.answer.status;
    return OK;
}

static enum err delete_at_owner(struct request *request, const struct uuid *server, int *out_status)
{
    struct gateway *gateway = request->gateway;
    const struct zones_view *view = zones_view(gateway->zones, request->arena);
    const struct location place = zones_locate(gateway->zones, view, server, NULL, false, request->arena);
    if (place.count == 0)
        return fail(E_UNAVAILABLE, "The server's zone is not in the tree now.");
    return delete_at(request, server, place.candidates[0].zone, out_status);
}

static enum err run_delete(struct task *task)
{
    struct on_behalf behalf;
    int status = 0;
    enum err result = on_behalf_open(task, json_object_get(task->data, "caller"), CALL_MS, &behalf);
    if (result == OK)
        result = delete_at_owner(&behalf.request, &task->subject, &status);
    on_behalf_close(&behalf);
    TRY(result);
    if (status != 404)
        return fail(E_UNAVAILABLE, "The server is being deleted.");
    if (clock_wall_us() < json_integer_value(json_object_get(task->data, "until")))
        return fail(E_UNAVAILABLE, "The order may still arrive.");
    return OK;
}

static const struct task_step compensate_steps[] = {{"delete", run_delete, NULL}};

const struct task_kind compensate_kind = {"compensate", compensate_steps, ARRAY_LEN(compensate_steps), 100000, NULL, NULL, false};
