/* What handlers and steps do with tasks: add, save, guard, cancel, count. The engine is in task_engine.c. */
#include "schema/task/task.h"

#include <stdlib.h>

#include "gateway/base/clock.h"
#include "schema/sql_rows.h"
#include "schema/task/task_rows.h"

static const struct sql_insert task_insert = {
    "INSERT INTO tasks (id, kind, subject, request_id, state, not_before, data, created_at, updated_at) VALUES ",
    "(?, ?, ?, ?, 'ready', ?, ?, ?, ?)", 8};

static void release_text(void *text)
{
    free(text);
}

/* The data as text, in the arena; NULL: it cannot be written. */
static const char *data_text(struct arena *arena, const json_t *data)
{
    char *text = data ? json_dumps(data, JSON_COMPACT) : NULL;
    if (text)
        arena_defer(arena, release_text, text);
    return data ? text : "{}";
}

static enum err insert_tasks(struct db *db, const char *kind, const struct task_new *items, size_t count, int64_t delay_ms)
{
    const int64_t now_us = clock_wall_us();
    CLEANUP(arena_clear) struct arena arena = {0};
    struct sql_value *values = arena_alloc(&arena, (count + 1) * task_insert.columns * sizeof(*values));
    struct sql_value *next = values;
    for (size_t i = 0; i < count; i++) {
        const char *text = data_text(&arena, items[i].data);
        struct uuid *id = arena_alloc(&arena, sizeof(*id));
        if (!text)
            return fail(E_INTERNAL, "The data of a %s task cannot be written as JSON.", kind);
        uuid_new(id);
        *next++ = sql_uuid(id);
        *next++ = sql_text(kind);
        *next++ = sql_uuid(items[i].subject);
        *next++ = sql_text(items[i].request_id ? items[i].request_id : "");
        *next++ = sql_time(now_us + delay_ms * 1000);
        *next++ = sql_text(text);
        *next++ = sql_time(now_us);
        *next++ = sql_time(now_us);
    }
    return sql_insert_rows(db, &task_insert, values, count);
}

enum err task_add_all(struct db *db, const char *kind, const struct task_new *items, size_t count)
{
    const enum err result = insert_tasks(db, kind, items, count, 0);
    return result == E_CONFLICT ? fail(E_CONFLICT, "A %s task is already working on one of these.", kind) : result;
}

enum err task_add_later(struct db *db, const char *kind, const struct uuid *subject, const char *request_id, const json_t *data,
                        int64_t delay_ms)
{
    const struct task_new item = {subject, request_id, data};
    const enum err result = insert_tasks(db, kind, &item, 1, delay_ms);
    if (result == E_CONFLICT)
        return fail(E_CONFLICT, "A %s task is already working on %s.", kind, uuid_to_text(subject).text);
    return result;
}

enum err task_add(struct db *db, const char *kind, const struct uuid *subject, const char *request_id, const json_t *data)
{
    return task_add_later(db, kind, subject, request_id, data, 0);
}

enum err task_withdraw(struct db *db, const char *kind, const struct uuid *subject)
{
    static const char sql[] = "DELETE FROM tasks WHERE kind = ? AND subject = ? AND state = 'ready'";
    const struct sql_value values[] = {sql_text(kind), sql_uuid(subject)};
    return db_exec(db, sql, values, ARRAY_LEN(values));
}

enum err task_save(struct task *task)
{
    static const char sql[] = "UPDATE tasks SET data = ?, updated_at = ? WHERE id = ? AND fence = ?";
    uint64_t affected = 0;
    char *data = json_dumps(task->data, JSON_COMPACT);
    if (!data)
        return fail(E_INTERNAL, "The data of task %s cannot be written as JSON.", uuid_to_text(&task->id).text);
    const struct sql_value values[] = {sql_text(data), sql_time(clock_wall_us()), sql_uuid(&task->id), sql_int(task->fence)};
    const enum err result = db_exec_count(task->db, sql, values, ARRAY_LEN(values), &affected);
    free(data);
    TRY(result);
    if (affected == 0)
        return fail(E_LOST, "The lease of task %s (%s) was taken over.", uuid_to_text(&task->id).text, task->kind);
    return OK;
}

enum err task_guard(struct task *task, struct db *db)
{
    bool cancelled = false;
    return held_guard(task, db, &cancelled);
}

enum err task_cancel(struct db *db, const char *kind, const struct uuid *subject)
{
    static const char sql[] = "UPDATE tasks SET cancelled = 1, not_before = LEAST(not_before, ?) WHERE kind = ? AND subject = ?";
    return db_exec(db, sql, (const struct sql_value[]){sql_time(clock_wall_us()), sql_text(kind), sql_uuid(subject)}, 3);
}

enum err task_live(struct db *db, const struct uuid *subject, int64_t *out)
{
    static const char sql[] = "SELECT COUNT(*) FROM tasks WHERE subject = ?";
    struct arena arena = {0};
    struct rows rows;
    const struct sql_value value = sql_uuid(subject);
    const enum err result = db_query(db, &arena, sql, &value, 1, &rows);
    if (result == OK)
        *out = rows_int(&rows, 0, 0);
    arena_clear(&arena);
    return result;
}
