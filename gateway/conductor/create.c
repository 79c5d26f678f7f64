/* Planning and placing; see create.h. */
#include "gateway/conductor/create.h"

#include <string.h>

#include "compute/build/build.h"
#include "gateway/base/log.h"
#include "gateway/conductor/batch.h"
#include "gateway/conductor/create_child.h"
#include "gateway/conductor/record.h"
#include "gateway/conductor/select_group.h"
#include "gateway/gateway.h"
#include "schema/task/task.h"

#define NO_VALID_HOST "No valid host was found. There are not enough hosts available."

/* One server to be placed. */
struct placing {
    struct request *request;
    const struct create_order *order;
    const json_t *server; /* with its own name */
    const char *sizing_text;
    int launch_index;
    struct text *out;
};

static enum err try_candidate(const struct placing *placing, const struct plan_entry *candidate)
{
    struct uuid uuid;
    uuid_new_tagged(candidate->tag, &uuid);
    const struct child_order order = {.uuid = &uuid,
                                      .zone = &candidate->zone,
                                      .blob = candidate->blob,
                                      .sizing_text = placing->sizing_text,
                                      .reservation_id = placing->order->reservation_id,
                                      .minted_us = placing->order->minted_us,
                                      .launch_index = placing->launch_index,
                                      .server = placing->server,
                                      .embedded = placing->order->embedded};
    if (!uuid_is_zero(&candidate->zone)) {
        TRY(create_at_child(placing->request, &order, placing->out));
        select_group_join(placing->request, &placing->order->sizing, &uuid);
        return OK;
    }
    const struct accept_order here = {.uuid = &uuid,
                                      .host = &candidate->host,
                                      .server = placing->server,
                                      .embedded = placing->order->embedded,
                                      .sizing_text = placing->sizing_text,
                                      .reservation_id = placing->order->reservation_id,
                                      .minted_us = placing->order->minted_us,
                                      .launch_index = placing->launch_index};
    return conductor_accept(placing->request, &here, placing->out);
}

static enum err bury(const struct placing *placing)
{
    struct request *request = placing->request;
    struct uuid uuid;
    struct server server;
    uuid_new_tagged(request->gateway->tag, &uuid);
    const struct record_parts parts = {&uuid, placing->server, placing->order->embedded, placing->order->reservation_id,
                                       placing->launch_index};
    TRY(record_make(request->arena, &parts, &request->caller, &server));
    TRY(build_bury(request->db, &server, &request->caller, request->request_id, NO_VALID_HOST));
    log_info("server.no_valid_host", "server=%s", uuid_to_text(&uuid).text);
    record_write_created(placing->out, &server, placing->server, request_link(request, "%s", ""),
                         request_bookmark(request, "%s", ""));
    return OK;
}

/* A candidate that could not take the server now: room gone, entry used up or expired, or the zone fell silent before anything
 * happened. */
static bool is_next(enum err result)
{
    return result == E_CONFLICT || result == E_NOT_FOUND || result == E_UNAVAILABLE;
}

static enum err place(const struct placing *placing)
{
    while (budget_left_ms(&placing->request->budget) > 0) {
        struct plan_entries candidates;
        struct plan_entry candidate;
        TRY(select_all(placing->request, &placing->order->sizing, placing->sizing_text, &candidates));
        if (candidates.count == 0)
            return bury(placing);
        while (plan_entry_take(&candidates, &candidate)) {
            const enum err result = try_candidate(placing, &candidate);
            if (!is_next(result))
                return result;
        }
    }
    return fail(E_UNAVAILABLE, "The hosts that had room were taken by other requests; try again.");
}

enum err conductor_place_one(struct request *request, const struct create_order *order, const json_t *server, int launch_index,
                             struct text *out)
{
    const struct placing placing = {request, order, server, sizing_write(request->arena, &order->sizing), launch_index, out};
    return place(&placing);
}

static enum err create_any(struct request *request, const struct create_order *order, struct text *out, int64_t *made)
{
    *made = 1;
    if (order->count > 1)
        return batch_create(request, order, out, made);
    return conductor_place_one(request, order, order->server, 0, out);
}

static enum err create_in_turn(struct request *request, const struct create_order *order, struct text *out, int64_t *made)
{
    struct create_order fresh = *order;
    bool waited = false;
    TRY(select_group_enter(request, &fresh.sizing, &waited));
    const enum err result = create_any(request, &fresh, out, made);
    if (!waited)
        return result;
    const char *message = result == OK ? "" : arena_strdup(request->arena, err_message());
    select_group_leave(request, &fresh.sizing);
    return result == OK ? OK : fail(result, "%s", message);
}

enum err conductor_create(struct request *request, const struct create_order *order, struct text *out, int64_t *made)
{
    task_foreground(request->gateway->tasks, true);
    const enum err result = create_in_turn(request, order, out, made);
    task_foreground(request->gateway->tasks, false);
    return result;
}
