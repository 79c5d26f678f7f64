/* Rounds, decision, commits; see batch.h. The task that goes on is in batch_task.c. */
#include "gateway/conductor/batch.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gateway/base/log.h"
#include "gateway/conductor/batch_inside.h"
#include "gateway/conductor/on_behalf.h"
#include "gateway/conductor/parts.h"
#include "gateway/conductor/record.h"
#include "gateway/conductor/select_group.h"
#include "gateway/gateway.h"
#include "zones/fanout.h"

#define IDLE_ROUNDS_MOST 5    /* rounds in which nobody kept what it had offered */
#define OWN_TIME_MS      5000 /* the request commits by itself; then the task does */
#define SEEN_MS          5000 /* a reservation is answered when its servers are there, or then */
#define LOOK_MS          5

static size_t count_of(const struct batch *batch, enum hold_state state)
{
    size_t count = 0;
    for (size_t i = 0; i < batch->count; i++)
        count += batch->places[i].state == state;
    return count;
}

/* Those that have a place stand in front. */
static void put_first(struct batch *batch)
{
    size_t front = 0;
    for (size_t i = 0; i < batch->count; i++) {
        if (batch->places[i].state == HOLD_NONE)
            continue;
        const struct batch_place held = batch->places[i];
        batch->places[i] = batch->places[front];
        batch->places[front++] = held;
    }
}

/* Servers that must be on one host: the first that is held says which zone's, which says which host. */
static bool is_elsewhere(const struct batch *batch, size_t first, const struct plan_entry *entry)
{
    return sizing_has_policy(&batch->order.sizing, "affinity") && first > 0 && entry->tag != uuid_tag(&batch->places[0].server);
}

/* Entries for the places from `first` on; how many got one. */
static size_t assign(struct batch *batch, size_t first, struct plan_entries *entries)
{
    const size_t end = first == 0 && sizing_has_policy(&batch->order.sizing, "affinity") ? 1 : batch->count;
    struct plan_entry entry;
    size_t used = 0;
    while (first + used < end && plan_entry_take(entries, &entry)) {
        if (is_elsewhere(batch, first, &entry))
            continue;
        struct batch_place *place = &batch->places[first + used++];
        *place = (struct batch_place){.zone = entry.zone, .host = entry.host, .blob = entry.blob};
        uuid_new_tagged(entry.tag, &place->server);
    }
    return used;
}

enum err batch_hold(struct batch *batch)
{
    int idle = 0;
    put_first(batch);
    size_t held = batch->count - count_of(batch, HOLD_NONE);
    while (held < batch->count && idle < IDLE_ROUNDS_MOST && budget_left_ms(&batch->request->budget) > 0) {
        struct plan_entries entries;
        TRY(select_all(batch->request, &batch->order.sizing, batch->sizing_text, &entries));
        const size_t assigned = assign(batch, held, &entries);
        if (!assigned)
            break;
        TRY(places_hold(batch->request, batch->sizing_text, &batch->places[held], assigned));
        put_first(batch);
        const size_t now = batch->count - count_of(batch, HOLD_NONE);
        idle = now > held ? 0 : idle + 1;
        held = now;
    }
    return OK;
}

void batch_name(struct batch *batch)
{
    const char *name = json_string_value(json_object_get(batch->order.server, "name"));
    for (size_t i = 0; i < batch->count; i++) {
        batch->places[i].name = batch->order.count > 1 ? arena_printf(batch->request->arena, "%s-%zu", name, i + 1) : name;
        batch->places[i].launch_index = (int64_t)i;
    }
}

struct uuids batch_servers(const struct batch *batch)
{
    struct uuid *servers = arena_alloc(batch->request->arena, (batch->count + 1) * sizeof(*servers));
    for (size_t i = 0; i < batch->count; i++)
        servers[i] = batch->places[i].server;
    return (struct uuids){servers, batch->count};
}

/* At least min_count are held, and no more are wanted; else nothing is held. */
static enum err hold_enough(struct batch *batch)
{
    const size_t wanted = batch->count;
    const enum err result = batch_hold(batch);
    const size_t held = count_of(batch, HOLD_HELD);
    if (result == OK && held >= (size_t)batch->order.min_count) {
        batch->count = held;
        batch_name(batch);
        return OK;
    }
    const char *message = arena_strdup(batch->request->arena, result == OK ? "" : err_message());
    places_release(batch->request, batch->places, batch->count);
    log_info("batch.no_valid_host", "reservation=%s wanted=%zu least=%lld held=%zu", batch->order.reservation_id, wanted,
             (long long)batch->order.min_count, held);
    if (result != OK)
        return fail(result, "%s", message);
    return fail(E_CONFLICT,
                "No valid host was found. There are not enough hosts available for %lld servers at once; none was made.",
                (long long)batch->order.min_count);
}

/* Nothing is held any more, neither here nor in the servers' group. */
static void drop_all(struct batch *batch)
{
    const struct uuids servers = batch_servers(batch);
    select_group_release(batch->request, &batch->order.sizing, servers.items, servers.count);
    places_release(batch->request, batch->places, batch->count);
}

enum err batch_undecided(struct batch *batch, enum err why)
{
    const char *message = arena_strdup(batch->request->arena, err_message());
    if (why != E_TIMEOUT)
        drop_all(batch);
    return fail(why, "%s", message);
}

/* All places anew, with the members of the group as they are now. */
static enum err begin_again(struct batch *batch)
{
    batch->count = (size_t)batch->order.count;
    memset(batch->places, 0, batch->count * sizeof(*batch->places));
    TRY(select_group_refresh(batch->request, &batch->order.sizing));
    batch->sizing_text = sizing_write(batch->request->arena, &batch->order.sizing);
    return OK;
}

enum err batch_prepare(struct batch *batch)
{
    struct request *request = batch->request;
    while (budget_left_ms(&request->budget) > 0) {
        TRY(hold_enough(batch));
        const struct uuids servers = batch_servers(batch);
        const enum err claimed = select_group_claim(request, &batch->order.sizing, servers.items, servers.count);
        if (claimed == OK)
            return OK;
        const char *message = arena_strdup(request->arena, err_message());
        drop_all(batch);
        if (claimed != E_CONFLICT)
            return fail(claimed, "%s", message);
        TRY(begin_again(batch));
    }
    return fail(E_UNAVAILABLE, "Other requests use the same server group; try again.");
}

bool batch_is_committed(const struct batch *batch)
{
    return count_of(batch, HOLD_COMMITTED) == batch->count;
}

enum err batch_decide_here(struct batch *batch, struct db *db)
{
    const struct batch_order order = batch_order_of(batch);
    for (size_t i = 0; i < batch->count; i++)
        batch->places[i].state = HOLD_HELD; /* this transaction may run again */
    TRY(parts_note(batch->request, order.reservation_id, order.minted_us, NULL, 0));
    TRY(places_commit_here(batch->request, db, &order, batch->places, batch->count));
    return count_of(batch, HOLD_GONE) ? fail(E_UNAVAILABLE, "The places were not held long enough; try again.") : OK;
}

static enum err decide(struct db *db, void *context)
{
    struct batch *batch = context;
    TRY(batch_decide_here(batch, db));
    if (batch_is_committed(batch))
        return OK;
    json_auto_t *data = batch_write(batch, true);
    if (!data)
        return fail(E_INTERNAL, "The task's data cannot be made.");
    return task_add_later(db, "batch", &batch->subject, batch->request->request_id, data, OWN_TIME_MS);
}

static const struct batch_place *first_committed(const struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        if (batch->places[i].state == HOLD_COMMITTED)
            return &batch->places[i];
    }
    return NULL;
}

static enum err write_created(struct batch *batch, struct text *out)
{
    struct request *request = batch->request;
    const struct batch_place *place = first_committed(batch);
    if (!place)
        return fail(E_TIMEOUT,
                    "The zones that hold the places do not answer now. The servers will be made; look for reservation %s.",
                    batch->order.reservation_id);
    const struct record_parts parts = {&place->server, batch->order.server, batch->order.embedded, batch->order.reservation_id, 0};
    struct server server;
    TRY(record_make(request->arena, &parts, &request->caller, &server));
    record_write_created(out, &server, batch->order.server, request_link(request, "%s", ""), request_bookmark(request, "%s", ""));
    return OK;
}

void batch_join(struct batch *batch)
{
    struct uuid *servers = arena_alloc(batch->request->arena, (batch->count + 1) * sizeof(*servers));
    size_t count = 0;
    for (size_t i = 0; i < batch->count; i++) {
        if (batch->places[i].state == HOLD_COMMITTED)
            servers[count++] = batch->places[i].server;
    }
    select_group_confirm(batch->request, &batch->order.sizing, servers, count);
}

/* From the decision on the servers will be, whatever happens here. */
static enum err finish(struct batch *batch)
{
    const struct batch_order order = batch_order_of(batch);
    if (!batch_is_committed(batch)) {
        TRY(places_commit_below(batch->request, &order, batch->places, batch->count));
        if (batch_is_committed(batch))
            TRY(task_withdraw(batch->request->db, "batch", &batch->subject));
    }
    batch_join(batch);
    task_wake(batch->request->gateway->tasks);
    log_info("batch.accepted", "reservation=%s servers=%zu committed=%zu", batch->order.reservation_id, batch->count,
             count_of(batch, HOLD_COMMITTED));
    return OK;
}

enum err batch_create(struct request *request, const struct create_order *order, struct text *out, struct uuids *made)
{
    struct batch batch = batch_new(request, order);
    TRY(batch_prepare(&batch));
    const enum err decided = db_transaction(request->db, decide, &batch);
    if (decided != OK)
        return batch_undecided(&batch, decided);
    TRY(finish(&batch));
    *made = batch_servers(&batch);
    return write_created(&batch, out);
}

/* Whoever gets a reservation id looks for its servers at once. The task goes on by itself whatever happens here. */
static void wait_for_task(struct request *request, const struct uuid *subject)
{
    const int64_t most_ms = budget_left_ms(&request->budget) / 2;
    const struct budget patience = budget_from_ms(most_ms < SEEN_MS ? most_ms : SEEN_MS);
    const struct timespec pause = {.tv_nsec = LOOK_MS * 1000000L};
    int64_t live = 1;
    fanout_waits(request->fanout, true);
    while (budget_left_ms(&patience) > 0 && task_live(request->db, subject, &live) == OK && live > 0)
        (void)nanosleep(&pause, NULL);
    fanout_waits(request->fanout, false);
}

enum err batch_create_later(struct request *request, const struct create_order *order)
{
    struct batch batch = batch_new(request, order);
    json_auto_t *data = batch_write(&batch, false);
    if (!data)
        return fail(E_INTERNAL, "The task's data cannot be made.");
    TRY(task_add(request->db, "batch", &batch.subject, request->request_id, data));
    task_wake(request->gateway->tasks);
    wait_for_task(request, &batch.subject);
    return OK;
}
