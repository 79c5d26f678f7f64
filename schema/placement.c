/* Statements on Placement's tables; see placement.h. */
#include "schema/placement.h"

#include "gateway/base/text.h"

enum err provider_put(struct db *db, const struct uuid *uuid, const char *name)
{
    static const char sql[] = "INSERT INTO resource_providers (uuid, name, updated_at) VALUES (?, ?, UTC_TIMESTAMP(6))"
                              " ON DUPLICATE KEY UPDATE name = IF(uuid = VALUES(uuid), VALUES(name), name)";
    static const char root[] = "UPDATE resource_providers SET root_provider_id = id WHERE uuid = ? AND root_provider_id IS NULL";
    const struct sql_value values[] = {sql_uuid(uuid), sql_text(name)};
    TRY(db_exec(db, sql, values, ARRAY_LEN(values)));
    return db_exec(db, root, values, 1);
}

enum err provider_delete(struct db *db, const struct uuid *uuid)
{
    static const char inventories[] =
        "DELETE inventories FROM inventories JOIN resource_providers p ON p.id = resource_provider_id WHERE p.uuid = ?";
    static const char provider[] = "DELETE FROM resource_providers WHERE uuid = ?";
    const struct sql_value values[] = {sql_uuid(uuid)};
    TRY(db_exec(db, inventories, values, ARRAY_LEN(values)));
    return db_exec(db, provider, values, ARRAY_LEN(values));
}

static struct provider_rows read_providers(struct arena *arena, const struct rows *rows)
{
    struct provider_row *items = arena_alloc(arena, (rows->count + 1) * sizeof(*items));
    for (size_t i = 0; i < rows->count; i++)
        items[i] = (struct provider_row){rows_int(rows, i, 0), rows_uuid(rows, i, 1), rows_text(rows, i, 2), rows_int(rows, i, 3)};
    return (struct provider_rows){items, rows->count};
}

enum err provider_rows_all(struct db *db, struct arena *arena, struct provider_rows *out)
{
    static const char sql[] = "SELECT id, uuid, name, generation FROM resource_providers ORDER BY id";
    struct rows rows;
    TRY(db_query(db, arena, sql, NULL, 0, &rows));
    *out = read_providers(arena, &rows);
    return OK;
}

static enum err select_providers(struct db *db, struct arena *arena, const struct uuid *uuids, size_t count, const char *tail,
                                 struct provider_rows *out)
{
    CLEANUP(text_clear) struct text sql = {0};
    struct sql_value *values = arena_alloc(arena, (count + 1) * sizeof(*values));
    text_add_str(&sql, "SELECT id, uuid, name, generation FROM resource_providers WHERE uuid IN (NULL");
    for (size_t i = 0; i < count; i++) {
        text_add_str(&sql, ", ?");
        values[i] = sql_uuid(&uuids[i]);
    }
    text_add_format(&sql, ") ORDER BY id%s", tail);
    struct rows rows;
    TRY(db_query(db, arena, text_str(&sql), values, count, &rows));
    *out = read_providers(arena, &rows);
    return OK;
}

enum err provider_rows_get(struct db *db, struct arena *arena, const struct uuid *uuids, size_t count, struct provider_rows *out)
{
    return select_providers(db, arena, uuids, count, "", out);
}

enum err provider_rows_lock(struct db *db, struct arena *arena, const struct uuid *uuids, size_t count, struct provider_rows *out)
{
    return select_providers(db, arena, uuids, count, " FOR UPDATE", out);
}

enum err provider_bump(struct db *db, int64_t id, int64_t generation)
{
    static const char sql[] = "UPDATE resource_providers SET generation = generation + 1, updated_at = UTC_TIMESTAMP(6)"
                              " WHERE id = ? AND generation = ?";
    const struct sql_value values[] = {sql_int(id), sql_int(generation)};
    uint64_t affected = 0;
    TRY(db_exec_count(db, sql, values, ARRAY_LEN(values), &affected));
    return affected ? OK : fail(E_RETRY, "resource provider generation conflict");
}

enum err inventory_rows_get(struct db *db, struct arena *arena, int64_t provider_id, struct inventory_rows *out)
{
    static const char sql[] =
        "SELECT i.resource_provider_id, c.name, i.total, i.reserved, i.min_unit, i.max_unit, i.step_size, i.allocation_ratio,"
        " (SELECT COALESCE(SUM(a.used), 0) FROM allocations a WHERE a.resource_provider_id = i.resource_provider_id"
        " AND a.resource_class_id = i.resource_class_id) FROM inventories i JOIN resource_classes c ON c.id = i.resource_class_id"
        " WHERE ? = 0 OR i.resource_provider_id = ? ORDER BY i.resource_provider_id, c.id";
    const struct sql_value values[] = {sql_int(provider_id), sql_int(provider_id)};
    struct rows rows;
    TRY(db_query(db, arena, sql, values, ARRAY_LEN(values), &rows));
    struct inventory_row *items = arena_alloc(arena, (rows.count + 1) * sizeof(*items));
    for (size_t i = 0; i < rows.count; i++)
        items[i] = (struct inventory_row){rows_int(&rows, i, 0), rows_text(&rows, i, 1),   rows_int(&rows, i, 2),
                                          rows_int(&rows, i, 3), rows_int(&rows, i, 4),    rows_int(&rows, i, 5),
                                          rows_int(&rows, i, 6), rows_double(&rows, i, 7), rows_int(&rows, i, 8)};
    *out = (struct inventory_rows){items, rows.count};
    return OK;
}

enum err inventory_put(struct db *db, const struct inventory_row *row)
{
    static const char sql[] =
        "INSERT INTO inventories (resource_provider_id, resource_class_id, total, reserved, min_unit, max_unit, step_size, "
        "allocation_ratio, updated_at)"
        " SELECT ?, id, ?, ?, ?, ?, ?, ?, UTC_TIMESTAMP(6) FROM resource_classes WHERE name = ?"
        " ON DUPLICATE KEY UPDATE total = VALUES(total), reserved = VALUES(reserved), min_unit = VALUES(min_unit), max_unit = "
        "VALUES(max_unit),"
        " step_size = VALUES(step_size), allocation_ratio = VALUES(allocation_ratio), updated_at = VALUES(updated_at)";
    const struct sql_value values[] = {sql_int(row->provider_id),
                                       sql_int(row->total),
                                       sql_int(row->reserved),
                                       sql_int(row->min_unit),
                                       sql_int(row->max_unit),
                                       sql_int(row->step_size),
                                       sql_double(row->allocation_ratio),
                                       sql_text(row->resource_class)};
    uint64_t affected = 0;
    TRY(db_exec_count(db, sql, values, ARRAY_LEN(values), &affected));
    return affected ? OK : fail(E_INVALID, "Unknown resource class in inventory: %s", row->resource_class);
}

enum err consumer_find(struct db *db, const struct uuid *uuid, int64_t *out_id)
{
    static const char sql[] = "SELECT id FROM consumers WHERE uuid = ? FOR UPDATE";
    const struct sql_value values[] = {sql_uuid(uuid)};
    CLEANUP(arena_clear) struct arena arena = {0};
    struct rows rows;
    TRY(db_query(db, &arena, sql, values, ARRAY_LEN(values), &rows));
    *out_id = rows.count ? rows_int(&rows, 0, 0) : 0;
    return OK;
}

enum err consumer_ensure(struct db *db, const struct uuid *uuid, const char *project_id, const char *user_id, const char *type,
                         int64_t *out_id)
{
    static const char sql[] = "INSERT INTO consumers (uuid, project_id, user_id, consumer_type_id, updated_at)"
                              " VALUES (?, ?, ?, (SELECT id FROM consumer_types WHERE name = ?), UTC_TIMESTAMP(6))"
                              " ON DUPLICATE KEY UPDATE project_id = VALUES(project_id), user_id = VALUES(user_id)";
    const struct sql_value values[] = {sql_uuid(uuid), sql_text(project_id), sql_text(user_id), sql_text(type)};
    TRY(db_exec(db, sql, values, ARRAY_LEN(values)));
    return consumer_find(db, uuid, out_id);
}

enum err consumer_bump(struct db *db, int64_t id)
{
    static const char sql[] = "UPDATE consumers SET generation = generation + 1, updated_at = UTC_TIMESTAMP(6) WHERE id = ?";
    const struct sql_value values[] = {sql_int(id)};
    return db_exec(db, sql, values, ARRAY_LEN(values));
}

enum err consumer_delete(struct db *db, int64_t id)
{
    static const char sql[] = "DELETE FROM consumers WHERE id = ?";
    const struct sql_value values[] = {sql_int(id)};
    return db_exec(db, sql, values, ARRAY_LEN(values));
}

enum err allocation_insert(struct db *db, int64_t consumer_id, int64_t provider_id, const char *resource_class, int64_t used)
{
    static const char sql[] = "INSERT INTO allocations (consumer_id, resource_provider_id, resource_class_id, used, updated_at)"
                              " SELECT ?, ?, id, ?, UTC_TIMESTAMP(6) FROM resource_classes WHERE name = ?";
    const struct sql_value values[] = {sql_int(consumer_id), sql_int(provider_id), sql_int(used), sql_text(resource_class)};
    uint64_t affected = 0;
    TRY(db_exec_count(db, sql, values, ARRAY_LEN(values), &affected));
    return affected ? OK : fail(E_INVALID, "No such resource class %s", resource_class);
}

enum err allocation_delete_all(struct db *db, int64_t consumer_id)
{
    static const char sql[] = "DELETE FROM allocations WHERE consumer_id = ?";
    const struct sql_value values[] = {sql_int(consumer_id)};
    return db_exec(db, sql, values, ARRAY_LEN(values));
}

enum err allocation_providers(struct db *db, struct arena *arena, const struct uuid *consumer, struct provider_rows *out)
{
    static const char sql[] =
        "SELECT p.id, p.uuid, p.name, p.generation FROM resource_providers p WHERE p.id IN"
        " (SELECT a.resource_provider_id FROM allocations a JOIN consumers c ON c.id = a.consumer_id WHERE c.uuid = ?)"
        " ORDER BY p.id FOR UPDATE";
    const struct sql_value values[] = {sql_uuid(consumer)};
    struct rows rows;
    TRY(db_query(db, arena, sql, values, ARRAY_LEN(values), &rows));
    *out = read_providers(arena, &rows);
    return OK;
}
