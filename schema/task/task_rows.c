/* See task_rows.h. */
#include "schema/task/task_rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/clock.h"
#include "gateway/base/text.h"

/* Nothing is put off for longer. What is due later than that was written by a clock that was ahead, and is due now: when the clock
 * was put right, tasks would stand still for as long as it had been wrong. */
#define LATER_MOST_US (600 * INT64_C(1000000))

/* Taking */

void task_query_init(const struct task_kind *const *kinds, const char *holder, struct task_query *out)
{
    struct text sql = {0};
    size_t count = 0;
    while (kinds[count])
        count++;
    text_add_str(&sql,
                 "SELECT id, kind, subject, request_id, step, begun, undoing, attempt, error_kind, error_message, data, fence,"
                 " cancelled FROM tasks WHERE state = 'ready' AND (not_before <= ? OR not_before > ?) AND kind IN (");
    for (size_t i = 0; i < count; i++)
        text_add_str(&sql, i ? ", ?" : "?");
    text_add_str(&sql, ") ORDER BY not_before LIMIT 2 FOR UPDATE SKIP LOCKED");
    *out = (struct task_query){.holder = holder, .kinds = kinds, .count = count + 2};
    out->values = calloc(out->count, sizeof(*out->values));
    out->sql = strdup(text_str(&sql));
    for (size_t i = 0; out->values && i < count; i++)
        out->values[i + 2] = sql_text(kinds[i]->name);
    text_clear(&sql);
}

void task_query_clear(struct task_query *query)
{
    free(query->sql);
    free(query->values);
    *query = (struct task_query){0};
}

static enum err kind_of_name(const char *name)
{
    for (int kind = 0; kind < ERR_COUNT; kind++) {
        if (strcmp(err_name((enum err)kind), name) == 0)
            return (enum err)kind;
    }
    return E_INTERNAL;
}

static const struct task_kind *kind_get(const struct task_query *query, const char *name)
{
    for (size_t i = 0; query->kinds[i]; i++) {
        if (strcmp(query->kinds[i]->name, name) == 0)
            return query->kinds[i];
    }
    return NULL;
}

static void read_row(struct held *held, const struct rows *rows)
{
    held->task.id = rows_uuid(rows, 0, 0);
    held->task.kind = rows_text(rows, 0, 1);
    held->task.subject = rows_uuid(rows, 0, 2);
    held->task.request_id = rows_text(rows, 0, 3);
    held->step = (size_t)rows_int(rows, 0, 4);
    held->begun = rows_int(rows, 0, 5) != 0;
    held->task.undoing = rows_int(rows, 0, 6) != 0;
    held->task.attempt = (int)rows_int(rows, 0, 7);
    held->error = kind_of_name(rows_text(rows, 0, 8));
    (void)snprintf(held->message, sizeof(held->message), "%s", rows_text(rows, 0, 9));
    held->task.data = json_loads(rows_text(rows, 0, 10), JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    held->task.fence = rows_int(rows, 0, 11) + 1;
    held->cancelled = rows_int(rows, 0, 12) != 0;
}

struct taking {
    struct task_query *query;
    struct held *held;
    bool found;
};

/* The row is locked: a step that comes next may be noted as begun in the same write. */
static bool may_enter(const struct task_query *query, const struct held *held)
{
    const struct task_kind *kind = kind_get(query, held->task.kind);
    return !held->task.undoing && !held->cancelled && held->step < kind->step_count;
}

static enum err take_row(struct db *db, void *context)
{
    static const char sql[] =
        "UPDATE tasks SET state = 'running', holder = ?, fence = ?, heartbeat = heartbeat + 1, updated_at = ?,"
        " begun = ? WHERE id = ?";
    struct taking *taking = context;
    struct held *held = taking->held;
    struct rows rows;
    held_clear(held); /* of an earlier try */
    taking->found = false;
    const int64_t now_us = clock_wall_us();
    taking->query->values[0] = sql_time(now_us);
    taking->query->values[1] = sql_time(now_us + LATER_MOST_US);
    TRY(db_query(db, &held->own, taking->query->sql, taking->query->values, taking->query->count, &rows));
    if (rows.count == 0)
        return OK;
    taking->found = true;
    read_row(held, &rows);
    held->more = rows.count > 1;
    held->entered = may_enter(taking->query, held);
    held->begun = held->begun || held->entered;
    const struct sql_value values[] = {sql_text(taking->query->holder), sql_int(held->task.fence), sql_time(clock_wall_us()),
                                       sql_bool(held->begun), sql_uuid(&held->task.id)};
    return db_exec(db, sql, values, ARRAY_LEN(values));
}

enum err held_take(struct db *db, struct task_query *query, void *context, struct held *out)
{
    struct taking taking = {.query = query, .held = out};
    TRY(db_transaction(db, take_row, &taking));
    if (!taking.found)
        return OK;
    out->kind = kind_get(query, out->task.kind);
    out->task.db = db;
    out->task.arena = &out->step_arena;
    out->task.own = &out->own;
    out->task.context = context;
    if (!json_is_object(out->task.data))
        return fail(E_INTERNAL, "The data of task %s is no JSON object.", uuid_to_text(&out->task.id).text);
    if (out->step > out->kind->step_count)
        return fail(E_INTERNAL, "Task %s is at step %zu, but its kind has %zu steps in this program.",
                    uuid_to_text(&out->task.id).text, out->step, out->kind->step_count);
    return OK;
}

void held_clear(struct held *held)
{
    json_decref(held->task.data);
    arena_clear(&held->step_arena);
    arena_clear(&held->own);
    *held = (struct held){0};
}

/* Holding */

static enum err lost(const struct task *task)
{
    return fail(E_LOST, "The lease of task %s (%s) was taken over.", uuid_to_text(&task->id).text, task->kind);
}

enum err held_guard(struct task *task, struct db *db, bool *out_cancelled)
{
    static const char sql[] = "SELECT cancelled FROM tasks WHERE id = ? AND fence = ? FOR UPDATE";
    struct arena arena = {0};
    struct rows rows;
    enum err result = db_query(db, &arena, sql, (const struct sql_value[]){sql_uuid(&task->id), sql_int(task->fence)}, 2, &rows);
    if (result == OK && rows.count == 0)
        result = lost(task);
    if (result == OK)
        *out_cancelled = rows_int(&rows, 0, 0) != 0;
    arena_clear(&arena);
    return result;
}

enum err held_begin(struct held *held, bool *out_cancelled)
{
    static const char sql[] = "UPDATE tasks SET begun = 1, updated_at = ? WHERE id = ? AND fence = ? AND cancelled = 0";
    struct task *task = &held->task;
    uint64_t affected = 0;
    const struct sql_value values[] = {sql_time(clock_wall_us()), sql_uuid(&task->id), sql_int(task->fence)};
    TRY(db_exec_count(task->db, sql, values, ARRAY_LEN(values), &affected));
    *out_cancelled = false;
    held->begun = held->begun || affected == 1;
    held->entered = affected == 1;
    return affected == 1 ? OK : held_guard(task, task->db, out_cancelled);
}

struct place {
    const char *state;
    const char *holder; /* NULL: as it is */
    int64_t not_before_us;
    bool unless_cancelled;
};

/* `*out_stored` false: another lease, or cancelled. */
static enum err store_at(struct held *held, const struct place *place, bool *out_stored)
{
    static const char sql[] = "UPDATE tasks SET step = ?, begun = ?, undoing = ?, attempt = ?, error_kind = ?, error_message = ?,"
                              " data = ?, state = ?, holder = COALESCE(?, holder), not_before = COALESCE(?, not_before),"
                              " updated_at = ? WHERE id = ? AND fence = ? AND cancelled <= ?";
    const struct task *task = &held->task;
    uint64_t affected = 0;
    char *data = json_dumps(task->data, JSON_COMPACT);
    if (!data)
        return fail(E_INTERNAL, "The data of task %s cannot be written as JSON.", uuid_to_text(&task->id).text);
    const struct sql_value values[] = {sql_int((int64_t)held->step),
                                       sql_bool(held->begun),
                                       sql_bool(task->undoing),
                                       sql_int(task->attempt),
                                       sql_text(err_name(held->error)),
                                       sql_text(held->message),
                                       sql_text(data),
                                       sql_text(place->state),
                                       sql_text(place->holder),
                                       sql_time(place->not_before_us),
                                       sql_time(clock_wall_us()),
                                       sql_uuid(&task->id),
                                       sql_int(task->fence),
                                       sql_int(place->unless_cancelled ? 0 : 1)};
    const enum err result = db_exec_count(task->db, sql, values, ARRAY_LEN(values), &affected);
    free(data);
    *out_stored = affected == 1;
    return result;
}

static enum err store_or_lose(struct held *held, const struct place *place)
{
    bool stored = false;
    TRY(store_at(held, place, &stored));
    return stored ? OK : lost(&held->task);
}

enum err held_store(struct held *held)
{
    return store_or_lose(held, &(const struct place){.state = "running"});
}

enum err held_advance(struct held *held)
{
    held->begun = true;
    TRY(store_at(held, &(const struct place){.state = "running", .unless_cancelled = true}, &held->entered));
    held->begun = held->entered;
    return held->entered ? OK : held_store(held);
}

enum err held_release(struct held *held, int64_t not_before_us)
{
    return store_or_lose(held, &(const struct place){.state = "ready", .holder = "", .not_before_us = not_before_us});
}

enum err held_put_aside(struct held *held, int64_t not_before_us)
{
    static const char sql[] = "UPDATE tasks SET state = 'ready', holder = '', not_before = ? WHERE id = ? AND fence = ?";
    const struct task *task = &held->task;
    const struct sql_value values[] = {sql_time(not_before_us), sql_uuid(&task->id), sql_int(task->fence)};
    return db_exec(task->db, sql, values, ARRAY_LEN(values));
}

enum err held_delete(struct held *held, struct db *db)
{
    static const char sql[] = "DELETE FROM tasks WHERE id = ? AND fence = ?";
    const struct task *task = &held->task;
    uint64_t affected = 0;
    TRY(db_exec_count(db, sql, (const struct sql_value[]){sql_uuid(&task->id), sql_int(task->fence)}, 2, &affected));
    return affected == 1 ? OK : lost(task);
}

/* Leases */

enum err lease_list(struct db *db, struct arena *arena, struct lease **out, size_t *out_count)
{
    static const char sql[] = "SELECT id, fence, heartbeat, holder FROM tasks WHERE state = 'running'";
    struct rows rows;
    TRY(db_query(db, arena, sql, NULL, 0, &rows));
    struct lease *leases = arena_alloc(arena, (rows.count + 1) * sizeof(*leases));
    for (size_t i = 0; i < rows.count; i++) {
        leases[i] = (struct lease){.id = rows_uuid(&rows, i, 0),
                                   .fence = rows_int(&rows, i, 1),
                                   .heartbeat = rows_int(&rows, i, 2),
                                   .holder = rows_text(&rows, i, 3)};
    }
    *out = leases;
    *out_count = rows.count;
    return OK;
}

enum err lease_beat(struct db *db, const struct uuid *id, int64_t fence, bool *out_held)
{
    static const char sql[] = "UPDATE tasks SET heartbeat = heartbeat + 1 WHERE id = ? AND fence = ?";
    uint64_t affected = 0;
    TRY(db_exec_count(db, sql, (const struct sql_value[]){sql_uuid(id), sql_int(fence)}, 2, &affected));
    *out_held = affected == 1;
    return OK;
}

enum err lease_expire(struct db *db, const struct lease *lease, bool *out_expired)
{
    static const char sql[] = "UPDATE tasks SET state = 'ready', holder = '', fence = fence + 1"
                              " WHERE id = ? AND fence = ? AND heartbeat = ? AND state = 'running'";
    const struct sql_value values[] = {sql_uuid(&lease->id), sql_int(lease->fence), sql_int(lease->heartbeat)};
    uint64_t affected = 0;
    TRY(db_exec_count(db, sql, values, ARRAY_LEN(values), &affected));
    *out_expired = affected == 1;
    return OK;
}

enum err task_kinds_list(struct db *db, struct arena *arena, struct rows *out)
{
    static const char sql[] = "SELECT DISTINCT kind FROM tasks";
    return db_query(db, arena, sql, NULL, 0, out);
}
