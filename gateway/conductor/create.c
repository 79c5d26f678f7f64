/* Planning and placing; see create.h. */
#include "gateway/conductor/create.h"

#include <string.h>

#include "compute/build/build.h"
#include "gateway/base/log.h"
#include "gateway/conductor/batch.h"
#include "gateway/conductor/create_child.h"
#include "gateway/conductor/parts.h"
#include "gateway/conductor/record.h"
#include "gateway/conductor/select_group.h"
#include "gateway/gateway.h"
#include "schema/task/task.h"

#define NO_VALID_HOST "No valid host was found. There are not enough hosts available."

/* One server to be placed. */
struct placing {
    struct request *request;
    const struct create_order *order;
    struct sizing sizing; /* the order's, with the members of its group as they are now */
    const char *sizing_text;
    struct text *out;
    struct uuid *made; /* its uuid */
};

static enum err order_at(const struct placing *placing, const struct plan_entry *candidate)
{
    const struct create_order *order = placing->order;
    const struct child_order below = {.uuid = placing->made,
                                      .zone = &candidate->zone,
                                      .blob = candidate->blob,
                                      .sizing_text = placing->sizing_text,
                                      .reservation_id = order->reservation_id,
                                      .minted_us = PARTS_NONE,
                                      .server = order->server,
                                      .embedded = order->embedded};
    const struct accept_order here = {.uuid = placing->made,
                                      .host = &candidate->host,
                                      .server = order->server,
                                      .embedded = order->embedded,
                                      .sizing_text = placing->sizing_text,
                                      .reservation_id = order->reservation_id,
                                      .minted_us = PARTS_NONE};
    return uuid_is_zero(&candidate->zone) ? conductor_accept(placing->request, &here, placing->out)
                                          : create_at_child(placing->request, &below, placing->out);
}

/* A candidate that could not take the server now: room gone, entry used up or expired, or the zone fell silent before anything
 * happened. */
static bool is_next(enum err result)
{
    return result == E_CONFLICT || result == E_NOT_FOUND || result == E_UNAVAILABLE;
}

/* An outcome that is not known keeps the claim in the group until its time is over. */
static bool is_known(enum err result)
{
    return result != E_TIMEOUT && result != E_BAD_GATEWAY;
}

static enum err try_candidate(const struct placing *placing, const struct plan_entry *candidate)
{
    struct request *request = placing->request;
    const enum err result = order_at(placing, candidate);
    const char *message = result == OK ? "" : arena_strdup(request->arena, err_message());
    if (result == OK)
        select_group_confirm(request, &placing->sizing, placing->made, 1);
    else if (is_known(result))
        select_group_release(request, &placing->sizing, placing->made, 1);
    return result == OK ? OK : fail(result, "%s", message);
}

static enum err bury(const struct placing *placing)
{
    struct request *request = placing->request;
    struct uuid *uuid = placing->made;
    struct server server;
    uuid_new_tagged(request->gateway->tag, uuid);
    const struct create_order *order = placing->order;
    const struct record_parts parts = {uuid, order->server, order->embedded, order->reservation_id, 0};
    TRY(record_make(request->arena, &parts, &request->caller, &server));
    TRY(build_bury(request->db, &server, &request->caller, request->request_id, NO_VALID_HOST));
    log_info("server.no_valid_host", "server=%s", uuid_to_text(uuid).text);
    record_write_created(placing->out, &server, order->server, request_link(request, "%s", ""),
                         request_bookmark(request, "%s", ""));
    return OK;
}

/* Tries them one after the other. `*done` false: all of them were taken, or others joined the server's group. */
static enum err try_all(struct placing *placing, struct plan_entries *candidates, bool *done)
{
    struct plan_entry candidate;
    *done = false;
    while (plan_entry_take(candidates, &candidate)) {
        uuid_new_tagged(candidate.tag, placing->made);
        const enum err claimed = select_group_claim(placing->request, &placing->sizing, placing->made, 1);
        if (claimed == E_CONFLICT)
            return select_group_refresh(placing->request, &placing->sizing);
        TRY(claimed);
        const enum err result = try_candidate(placing, &candidate);
        *done = !is_next(result);
        if (*done)
            return result;
    }
    return OK;
}

static enum err place(struct placing *placing)
{
    while (budget_left_ms(&placing->request->budget) > 0) {
        struct plan_entries candidates;
        bool done = false;
        placing->sizing_text = sizing_write(placing->request->arena, &placing->sizing);
        TRY(select_all(placing->request, &placing->sizing, placing->sizing_text, &candidates));
        if (candidates.count == 0)
            return bury(placing);
        TRY(try_all(placing, &candidates, &done));
        if (done)
            return OK;
    }
    return fail(E_UNAVAILABLE, "The hosts that had room were taken by other requests; try again.");
}

static enum err create_any(struct request *request, const struct create_order *order, struct text *out, struct uuids *made)
{
    if (order->count > 1)
        return batch_create(request, order, out, made);
    struct uuid *uuid = arena_alloc(request->arena, sizeof(*uuid));
    struct placing placing = {.request = request, .order = order, .sizing = order->sizing, .out = out, .made = uuid};
    *made = (struct uuids){uuid, 1};
    return place(&placing);
}

static enum err create_in_turn(struct request *request, const struct create_order *order, struct text *out, struct uuids *made)
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

enum err conductor_create(struct request *request, const struct create_order *order, struct text *out, struct uuids *made)
{
    task_foreground(request->gateway->tasks, true);
    const enum err result = create_in_turn(request, order, out, made);
    task_foreground(request->gateway->tasks, false);
    return result;
}
