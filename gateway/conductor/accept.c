/*
 * The owner's half of a create; see create.h. Servers that come at the same time begin to exist in one transaction; where that
 * fails for one of them (no room on its host), each has one of its own.
 */
#include <string.h>

#include "compute/build/build.h"
#include "compute/scheduler/claim.h"
#include "gateway/base/log.h"
#include "gateway/conductor/create.h"
#include "gateway/conductor/handover.h"
#include "gateway/conductor/on_behalf.h"
#include "gateway/conductor/parts.h"
#include "gateway/conductor/record.h"
#include "gateway/conductor/together.h"
#include "gateway/gateway.h"
#include "schema/host.h"
#include "schema/task/task.h"

struct accepting {
    struct request *request;
    const struct build_order *order;
    bool settled; /* else it is still to be done alone */
    enum err result;
    const char *message;
};

static void accept_one(struct accepting *accepting)
{
    accepting->result = build_accept(accepting->request->db, accepting->order);
    accepting->message = accepting->result == OK ? "" : arena_strdup(accepting->request->arena, err_message());
    accepting->settled = true;
}

void conductor_accept_all(void *const *items, size_t count)
{
    const struct build_order *orders[TOGETHER_MOST] = {0};
    struct accepting *first = items[0];
    if (count == 1) {
        accept_one(first);
        return;
    }
    for (size_t i = 0; i < count; i++)
        orders[i] = ((struct accepting *)items[i])->order;
    const enum err result = build_accept_all(first->request->db, orders, count);
    for (size_t i = 0; i < count; i++)
        ((struct accepting *)items[i])->settled = result == OK; /* its result is OK already */
    if (result != OK)
        log_debug("server.accept_apart", "servers=%zu error=%s", count, log_quote(err_message()).text);
}

static enum err accept_together(struct request *request, const struct build_order *order)
{
    struct accepting accepting = {.request = request, .order = order};
    together_run(request->gateway->accepts, "", &accepting, request->fanout);
    if (!accepting.settled)
        return build_accept(request->db, order);
    return accepting.result == OK ? OK : fail(accepting.result, "%s", accepting.message);
}

enum err conductor_accept(struct request *request, const struct accept_order *order, struct text *out)
{
    const struct record_parts parts = {order->uuid, order->server, order->embedded, order->reservation_id, order->launch_index};
    json_auto_t *told = on_behalf_write(request);
    json_auto_t *kept = handover_order(request, &parts, order->from);
    struct sizing sizing;
    struct server server;
    struct host host;
    TRY(parts_note(request, order->reservation_id, order->minted_us, NULL, 0));
    TRY(sizing_read(request->arena, order->sizing_text, strlen(order->sizing_text), &sizing));
    TRY(record_make(request->arena, &parts, &request->caller, &server));
    TRY(host_get_by_uuid(request->db, request->arena, order->host, &host));
    server.host = host.name;
    server.node = host.name;
    server.availability_zone = select_host_zone(request->gateway, &host);
    const struct build_order build = {.server = &server,
                                      .provider = order->host,
                                      .use = order->use,
                                      .sizing_text = order->sizing_text,
                                      .may_retry = !sizing.host,
                                      .told = told,
                                      .caller = &request->caller,
                                      .request_id = request->request_id,
                                      .order = sizing.host ? NULL : kept,
                                      .past = order->past};
    TRY(scheduler_is_plain(&sizing) ? accept_together(request, &build) : build_accept(request->db, &build));
    task_wake(request->gateway->tasks);
    log_info("server.accepted", "server=%s host=%s", uuid_to_text(order->uuid).text, log_quote(host.name).text);
    record_write_created(out, &server, order->server, request_link(request, "%s", ""), request_bookmark(request, "%s", ""));
    return OK;
}
