/* Statements on `plan_uses`; see plan.h. */
#include "schema/plan.h"

#include <string.h>

#include "gateway/base/clock.h"
#include "schema/sql_list.h"
#include "schema/sql_rows.h"

static enum err drop_expired(struct db *db)
{
    static const char sql[] = "DELETE FROM plan_uses WHERE expires_at < ? ORDER BY expires_at LIMIT 32";
    const struct sql_value values[] = {sql_time(clock_wall_us())};
    return db_exec(db, sql, values, ARRAY_LEN(values));
}

static bool is_bound(const struct rows *rows, const struct plan_binding *binding)
{
    for (size_t i = 0; i < rows->count; i++) {
        const struct sql_cell entry = rows_bytes(rows, i, 0);
        const struct uuid owner = rows_uuid(rows, i, 1);
        if (entry.length == PLAN_ENTRY_SIZE && memcmp(entry.bytes, binding->entry, PLAN_ENTRY_SIZE) == 0)
            return uuid_equal(&owner, binding->server);
    }
    return false;
}

static enum err check_bound(struct db *db, const struct plan_binding *items, size_t count)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    CLEANUP(text_clear) struct text sql = {0};
    struct sql_list list = sql_list_new(&arena, count);
    struct rows rows;
    for (size_t i = 0; i < list.count; i++)
        list.values[i] = sql_bytes(items[i < count ? i : 0].entry, PLAN_ENTRY_SIZE);
    text_add_str(&sql, "SELECT entry, server FROM plan_uses WHERE entry IN (");
    sql_list_write(&sql, list.count);
    text_add_str(&sql, ")");
    TRY(db_query(db, &arena, text_str(&sql), list.values, list.count, &rows));
    for (size_t i = 0; i < count; i++) {
        if (!is_bound(&rows, &items[i]))
            return fail(E_CONFLICT, "The plan entry was used for another server.");
    }
    return OK;
}

enum err plan_bind_all(struct db *db, const struct plan_binding *items, size_t count)
{
    static const struct sql_insert insert = {"INSERT IGNORE INTO plan_uses (entry, server, expires_at) VALUES ", "(?, ?, ?)", 3};
    CLEANUP(arena_clear) struct arena arena = {0};
    struct sql_value *values = arena_alloc(&arena, (count + 1) * insert.columns * sizeof(*values));
    for (size_t i = 0; i < count; i++) {
        values[insert.columns * i] = sql_bytes(items[i].entry, PLAN_ENTRY_SIZE);
        values[insert.columns * i + 1] = sql_uuid(items[i].server);
        values[insert.columns * i + 2] = sql_time(items[i].expires_us);
    }
    if (count == 0)
        return OK;
    TRY(drop_expired(db));
    TRY(sql_insert_rows(db, &insert, values, count));
    return check_bound(db, items, count);
}

enum err plan_bind(struct db *db, const uint8_t entry[PLAN_ENTRY_SIZE], const struct uuid *server, int64_t expires_us)
{
    const struct plan_binding item = {entry, server, expires_us};
    return plan_bind_all(db, &item, 1);
}
