/* See hold.h. */
#include "compute/build/hold.h"

#include "compute/build/inside.h"
#include "compute/build/steps.h"
#include "compute/placement/placement.h"
#include "compute/scheduler/claim.h"
#include "gateway/base/clock.h"
#include "gateway/base/log.h"
#include "gateway/base/text.h"
#include "schema/hold.h"
#include "schema/plan.h"

#define LIFETIME_US (INT64_C(1000000) * HOLD_LIFETIME_S)

/* One task for all holds of the zone. */
static const struct uuid expiry_subject = {{'h', 'o', 'l', 'd', 's'}};

/* The insert of the hold stands before the look for the task, and that one locks the task's row: a task that ends sees the hold, or
 * is gone when we look. */
static enum err wake_expiry(struct db *db, const char *request_id)
{
    json_auto_t *data = json_object();
    const enum err result = task_add(db, "hold_expiry", &expiry_subject, request_id, data);
    return result == E_CONFLICT ? OK : result;
}

static enum err hold_one(struct db *db, const struct hold_order *order, struct hold_place *place)
{
    bool exists = false;
    CLEANUP(arena_clear) struct arena arena = {0};
    struct hold former;
    const enum err found = hold_get_locked(db, &arena, &place->server, &former);
    if (found == OK)
        return str_equal(former.project_id, order->project_id) && str_equal(former.sizing, order->sizing_text)
                   ? OK
                   : fail(E_CONFLICT, "Server %s is held for another request.", uuid_to_text(&place->server).text);
    if (found != E_NOT_FOUND)
        return found;
    TRY(server_exists(db, &place->server, &exists));
    if (exists)
        return fail(E_CONFLICT, "Server %s exists already.", uuid_to_text(&place->server).text);
    if (place->use.expires_us)
        TRY(plan_bind(db, place->use.entry, &place->server, place->use.expires_us));
    const struct claim_order claim = {&place->provider, NULL, &place->server, order->project_id, order->user_id};
    TRY(scheduler_claim(db, order->sizing, &claim));
    TRY(scheduler_late_check(db, order->sizing, &claim));
    const struct hold hold = {place->server, place->provider, order->project_id, order->sizing_text, clock_wall_us() + LIFETIME_US};
    return hold_insert(db, &hold);
}

struct holding {
    const struct hold_order *order;
    struct hold_place *places;
    size_t count;
};

static enum err hold_in_transaction(struct db *db, void *context)
{
    const struct holding *holding = context;
    for (size_t i = 0; i < holding->count; i++)
        TRY(hold_one(db, holding->order, &holding->places[i]));
    return wake_expiry(db, holding->order->request_id);
}

static bool is_refusal(enum err result)
{
    return result == E_CONFLICT || result == E_NOT_FOUND;
}

enum err hold_make(struct db *db, const struct hold_order *order, struct hold_place *places, size_t count)
{
    struct holding all = {order, places, count};
    for (size_t i = 0; i < count; i++)
        places[i].done = false;
    enum err result = count ? db_transaction(db, hold_in_transaction, &all) : OK;
    for (size_t i = 0; i < count && result == OK; i++)
        places[i].done = true;
    if (!is_refusal(result) || count == 1)
        return is_refusal(result) ? OK : result;
    for (size_t i = 0; i < count; i++) {
        struct holding one = {order, &places[i], 1};
        result = db_transaction(db, hold_in_transaction, &one);
        if (result != OK && !is_refusal(result))
            return result;
        places[i].done = result == OK;
    }
    return OK;
}

enum err hold_commit_locked(struct db *db, const struct build_order *order, bool *out)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    struct hold hold;
    const enum err found = hold_get_locked(db, &arena, &order->server->uuid, &hold);
    *out = false;
    if (found == E_NOT_FOUND)
        return server_exists(db, &order->server->uuid, out);
    TRY(found);
    if (hold.expires_us < clock_wall_us())
        return OK;
    if (!str_equal(hold.project_id, order->server->project_id) || !str_equal(hold.sizing, order->sizing_text))
        return fail(E_INVALID, "The place was held for another request.");
    TRY(hold_delete(db, &order->server->uuid));
    TRY(build_begin_locked(db, order));
    *out = true;
    return OK;
}

/* In a transaction. */
static enum err give_back(struct db *db, const struct uuid *server)
{
    TRY(placement_release(db, server));
    return hold_delete(db, server);
}

struct release {
    const char *project_id;
    const struct uuid *server;
};

static enum err release_in_transaction(struct db *db, void *context)
{
    const struct release *release = context;
    CLEANUP(arena_clear) struct arena arena = {0};
    struct hold hold;
    const enum err found = hold_get_locked(db, &arena, release->server, &hold);
    if (found == E_NOT_FOUND || (found == OK && !str_equal(hold.project_id, release->project_id)))
        return OK;
    TRY(found);
    return give_back(db, release->server);
}

enum err hold_release(struct db *db, const char *project_id, const struct uuid *servers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct release release = {project_id, &servers[i]};
        TRY(db_transaction(db, release_in_transaction, &release));
    }
    return OK;
}

static enum err expire_one(struct db *db, void *context)
{
    struct task *task = context;
    struct hold hold;
    TRY(task_guard(task, db));
    TRY(hold_next_expired(db, task->arena, &hold));
    TRY(give_back(db, &hold.server));
    log_info("hold.expired", "server=%s", uuid_to_text(&hold.server).text);
    return OK;
}

static enum err none_left(struct task *task)
{
    int64_t count = 0;
    TRY(hold_count(task->db, &count));
    return count ? fail(E_UNAVAILABLE, "%lld places are held.", (long long)count) : OK;
}

static enum err run_expire(struct task *task)
{
    enum err result = OK;
    while (result == OK)
        result = db_transaction(task->db, expire_one, task);
    if (result != E_NOT_FOUND)
        return result;
    result = none_left(task);
    return result == E_UNAVAILABLE ? fail(E_RETRY, "Places are held whose time is not over.") : result;
}

static const struct task_step expiry_steps[] = {{"expire", run_expire, NULL}};

/* As long as anything is held. */
const struct task_kind hold_expiry_kind = {"hold_expiry", expiry_steps, ARRAY_LEN(expiry_steps), 1000000, none_left, NULL, false};
