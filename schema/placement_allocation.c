/* Statements on consumers and allocations; see placement_allocation.h. */
#include "schema/placement_allocation.h"

#include "gateway/base/text.h"
#include "schema/sql_list.h"

enum { BATCH = 100 }; /* rows of one INSERT */

enum err consumer_rows_get(struct db *db, struct arena *arena, const struct uuid *uuids, size_t count, bool lock,
                           struct consumer_rows *out)
{
    CLEANUP(text_clear) struct text sql = {0};
    const struct sql_list list = sql_list_uuids(arena, uuids, count);
    struct rows rows;
    text_add_str(&sql, "SELECT c.id, c.uuid, c.project_id, c.user_id,"
                       " (SELECT t.name FROM consumer_types t WHERE t.id = c.consumer_type_id), c.generation"
                       " FROM consumers c WHERE c.uuid IN (");
    sql_list_write(&sql, list.count);
    text_add_str(&sql, lock ? ") ORDER BY c.uuid FOR UPDATE" : ") ORDER BY c.uuid");
    TRY(db_query(db, arena, text_str(&sql), list.values, list.count, &rows));
    struct consumer_row *items = arena_alloc(arena, (rows.count + 1) * sizeof(*items));
    for (size_t i = 0; i < rows.count; i++)
        items[i] = (struct consumer_row){rows_int(&rows, i, 0),  rows_uuid(&rows, i, 1), rows_text(&rows, i, 2),
                                         rows_text(&rows, i, 3), rows_text(&rows, i, 4), rows_int(&rows, i, 5)};
    *out = (struct consumer_rows){items, rows.count};
    return OK;
}

static enum err type_ensure(struct db *db, const char *type)
{
    static const char find[] = "SELECT 1 FROM consumer_types WHERE name = ?";
    static const char make[] = "INSERT IGNORE INTO consumer_types (name) VALUES (?)";
    const struct sql_value values[] = {sql_text(type)};
    CLEANUP(arena_clear) struct arena arena = {0};
    struct rows rows;
    if (!type)
        return OK;
    TRY(db_query(db, &arena, find, values, ARRAY_LEN(values), &rows));
    return rows.count ? OK : db_exec(db, make, values, ARRAY_LEN(values));
}

/* A type that nobody had before is made after its consumer, so that types cost nothing while they are known. */
static enum err add_types(struct db *db, const struct rows *made, const struct consumer_new *items)
{
    static const char sql[] = "UPDATE consumers SET consumer_type_id = (SELECT id FROM consumer_types WHERE name = ?) WHERE id = ?";
    for (size_t i = 0; i < made->count; i++) {
        const struct sql_value values[] = {sql_text(items[i].type), sql_int(items[i].id)};
        if (!items[i].type || !rows_is_null(made, i, 1))
            continue;
        TRY(type_ensure(db, items[i].type));
        TRY(db_exec(db, sql, values, ARRAY_LEN(values)));
    }
    return OK;
}

static enum err insert_batch(struct db *db, struct arena *arena, struct consumer_new *items, size_t count)
{
    enum { COLUMNS = 4 };
    static const char row[] = "(?, ?, ?, (SELECT id FROM consumer_types WHERE name = ?), 1, UTC_TIMESTAMP(6))";
    CLEANUP(text_clear) struct text sql = {0};
    struct sql_value *values = arena_alloc(arena, count * COLUMNS * sizeof(*values));
    struct rows made;
    text_add_str(&sql, "INSERT INTO consumers (uuid, project_id, user_id, consumer_type_id, generation, updated_at) VALUES ");
    for (size_t i = 0; i < count; i++) {
        text_add_format(&sql, "%s%s", i ? ", " : "", row);
        values[COLUMNS * i] = sql_uuid(&items[i].uuid);
        values[COLUMNS * i + 1] = sql_text(items[i].project_id);
        values[COLUMNS * i + 2] = sql_text(items[i].user_id);
        values[COLUMNS * i + 3] = sql_text(items[i].type);
    }
    text_add_str(&sql, " RETURNING id, consumer_type_id");
    const enum err result = db_query(db, arena, text_str(&sql), values, count * COLUMNS, &made);
    if (result == E_CONFLICT)
        return fail(E_RETRY, "The consumer was made by somebody else just now.");
    TRY(result);
    for (size_t i = 0; i < made.count; i++) /* in the order they were made in */
        items[i].id = rows_int(&made, i, 0);
    return add_types(db, &made, items);
}

enum err consumers_insert(struct db *db, struct arena *arena, struct consumer_new *items, size_t count)
{
    for (size_t at = 0; at < count; at += BATCH)
        TRY(insert_batch(db, arena, items + at, count - at < BATCH ? count - at : BATCH));
    return OK;
}

enum err consumer_update(struct db *db, int64_t id, const char *project_id, const char *user_id, const char *type)
{
    static const char sql[] = "UPDATE consumers SET project_id = COALESCE(?, project_id), user_id = COALESCE(?, user_id),"
                              " consumer_type_id = COALESCE((SELECT id FROM consumer_types WHERE name = ?), consumer_type_id),"
                              " generation = generation + 1, updated_at = UTC_TIMESTAMP(6) WHERE id = ?";
    const struct sql_value values[] = {sql_text(project_id), sql_text(user_id), sql_text(type), sql_int(id)};
    TRY(type_ensure(db, type));
    return db_exec(db, sql, values, ARRAY_LEN(values));
}

enum err consumer_delete(struct db *db, int64_t id)
{
    static const char sql[] = "DELETE FROM consumers WHERE id = ?";
    const struct sql_value values[] = {sql_int(id)};
    return db_exec(db, sql, values, ARRAY_LEN(values));
}

enum err holding_rows_get(struct db *db, struct arena *arena, const struct uuid *consumers, size_t count, struct holding_rows *out)
{
    CLEANUP(text_clear) struct text sql = {0};
    const struct sql_list list = sql_list_uuids(arena, consumers, count);
    struct rows rows;
    text_add_str(&sql, "SELECT c.id, c.uuid, c.generation, a.resource_provider_id, a.resource_class_id, a.used FROM consumers c"
                       " LEFT JOIN allocations a ON a.consumer_id = c.id WHERE c.uuid IN (");
    sql_list_write(&sql, list.count);
    text_add_str(&sql, ")");
    TRY(db_query(db, arena, text_str(&sql), list.values, list.count, &rows));
    struct holding_row *items = arena_alloc(arena, (rows.count + 1) * sizeof(*items));
    for (size_t i = 0; i < rows.count; i++)
        items[i] = (struct holding_row){rows_int(&rows, i, 0), rows_uuid(&rows, i, 1), rows_int(&rows, i, 2),
                                        rows_int(&rows, i, 3), rows_int(&rows, i, 4),  rows_int(&rows, i, 5)};
    *out = (struct holding_rows){items, rows.count};
    return OK;
}

#define ALLOCATION_SELECT                                                                                                          \
    "SELECT p.id, p.uuid, p.generation, c.id, c.uuid, c.generation, k.id, k.name, a.used, a.updated_at FROM allocations a"         \
    " JOIN consumers c ON c.id = a.consumer_id JOIN resource_providers p ON p.id = a.resource_provider_id"                         \
    " JOIN resource_classes k ON k.id = a.resource_class_id"

static enum err read_allocations(struct db *db, struct arena *arena, const char *sql, const struct sql_value *values, size_t count,
                                 struct allocation_rows *out)
{
    struct rows rows;
    TRY(db_query(db, arena, sql, values, count, &rows));
    struct allocation_row *items = arena_alloc(arena, (rows.count + 1) * sizeof(*items));
    for (size_t i = 0; i < rows.count; i++)
        items[i] = (struct allocation_row){
            rows_int(&rows, i, 0), rows_uuid(&rows, i, 1), rows_int(&rows, i, 2),  rows_int(&rows, i, 3), rows_uuid(&rows, i, 4),
            rows_int(&rows, i, 5), rows_int(&rows, i, 6),  rows_text(&rows, i, 7), rows_int(&rows, i, 8), rows_time(&rows, i, 9)};
    *out = (struct allocation_rows){items, rows.count};
    return OK;
}

enum err allocations_of_consumers(struct db *db, struct arena *arena, const struct uuid *uuids, size_t count,
                                  struct allocation_rows *out)
{
    CLEANUP(text_clear) struct text sql = {0};
    const struct sql_list list = sql_list_uuids(arena, uuids, count);
    text_add_str(&sql, ALLOCATION_SELECT " WHERE c.uuid IN (");
    sql_list_write(&sql, list.count);
    text_add_str(&sql, ") ORDER BY p.id, c.id, k.id");
    return read_allocations(db, arena, text_str(&sql), list.values, list.count, out);
}

enum err allocations_of_provider(struct db *db, struct arena *arena, int64_t provider_id, struct allocation_rows *out)
{
    static const char sql[] = ALLOCATION_SELECT " WHERE a.resource_provider_id = ? ORDER BY p.id, c.id, k.id";
    const struct sql_value values[] = {sql_int(provider_id)};
    return read_allocations(db, arena, sql, values, ARRAY_LEN(values), out);
}

enum err allocations_insert(struct db *db, struct arena *arena, const struct allocation_row *rows, size_t count)
{
    enum { COLUMNS = 4 };
    for (size_t at = 0; at < count; at += BATCH) {
        CLEANUP(text_clear) struct text sql = {0};
        const size_t size = count - at < BATCH ? count - at : BATCH;
        struct sql_value *values = arena_alloc(arena, size * COLUMNS * sizeof(*values));
        text_add_str(&sql,
                     "INSERT INTO allocations (consumer_id, resource_provider_id, resource_class_id, used, updated_at) VALUES ");
        for (size_t i = 0; i < size; i++) {
            const struct allocation_row *row = &rows[at + i];
            text_add_str(&sql, i ? ", (?, ?, ?, ?, UTC_TIMESTAMP(6))" : "(?, ?, ?, ?, UTC_TIMESTAMP(6))");
            values[COLUMNS * i] = sql_int(row->consumer_id);
            values[COLUMNS * i + 1] = sql_int(row->provider_id);
            values[COLUMNS * i + 2] = sql_int(row->class_id);
            values[COLUMNS * i + 3] = sql_int(row->used);
        }
        TRY(db_exec(db, text_str(&sql), values, size * COLUMNS));
    }
    return OK;
}

enum err allocations_delete(struct db *db, struct arena *arena, const int64_t *consumer_ids, size_t count)
{
    CLEANUP(text_clear) struct text sql = {0};
    const struct sql_list list = sql_list_ids(arena, consumer_ids, count);
    text_add_str(&sql, "DELETE FROM allocations WHERE consumer_id IN (");
    sql_list_write(&sql, list.count);
    text_add_str(&sql, ")");
    return count ? db_exec(db, text_str(&sql), list.values, list.count) : OK;
}

#define USAGE_WHERE                                                                                                                \
    " FROM consumers c LEFT JOIN consumer_types t ON t.id = c.consumer_type_id WHERE c.project_id = ?"                             \
    " AND (? IS NULL OR c.user_id = ?) AND (? IS NULL OR COALESCE(t.name, '') = ?)"

enum err usage_rows_get(struct db *db, struct arena *arena, const char *project_id, const char *user_id, const char *type,
                        bool together, struct usage_rows *out)
{
    static const char by_type[] =
        "SELECT w.type, k.name, SUM(a.used), (SELECT COUNT(*) FROM consumers d WHERE d.project_id = ? AND (? IS NULL OR d.user_id "
        "= ?)"
        " AND d.consumer_type_id <=> w.type_id AND EXISTS (SELECT 1 FROM allocations b WHERE b.consumer_id = d.id))"
        " FROM (SELECT c.id, t.name AS type, c.consumer_type_id AS type_id" USAGE_WHERE ") w"
        " JOIN allocations a ON a.consumer_id = w.id JOIN resource_classes k ON k.id = a.resource_class_id"
        " GROUP BY w.type, w.type_id, k.id, k.name ORDER BY w.type, k.id";
    static const char all[] = "SELECT NULL, k.name, SUM(a.used), (SELECT COUNT(*) FROM consumers d WHERE d.project_id = ? AND (? "
                              "IS NULL OR d.user_id = ?)"
                              " AND EXISTS (SELECT 1 FROM allocations b WHERE b.consumer_id = d.id))"
                              " FROM (SELECT c.id" USAGE_WHERE ") w"
                              " JOIN allocations a ON a.consumer_id = w.id JOIN resource_classes k ON k.id = a.resource_class_id"
                              " GROUP BY k.id, k.name ORDER BY k.id";
    const struct sql_value values[] = {sql_text(project_id), sql_text(user_id), sql_text(user_id), sql_text(project_id),
                                       sql_text(user_id),    sql_text(user_id), sql_text(type),    sql_text(type)};
    struct rows rows;
    TRY(db_query(db, arena, together ? all : by_type, values, ARRAY_LEN(values), &rows));
    struct usage_row *items = arena_alloc(arena, (rows.count + 1) * sizeof(*items));
    for (size_t i = 0; i < rows.count; i++)
        items[i] = (struct usage_row){rows_text(&rows, i, 0), rows_text(&rows, i, 1), rows_int(&rows, i, 2), rows_int(&rows, i, 3)};
    *out = (struct usage_rows){items, rows.count};
    return OK;
}
