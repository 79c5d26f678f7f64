/* Statements on inventories, resource classes and traits; see placement_inventory.h. */
#include "schema/placement_inventory.h"

#include <string.h>

#include "gateway/base/text.h"
#include "schema/db_cache.h"
#include "schema/embedded.h"
#include "schema/sql_list.h"

#define INVENTORY_SELECT                                                                                                           \
    "SELECT i.resource_provider_id, c.id, c.name, i.total, i.reserved, i.min_unit, i.max_unit, i.step_size, i.allocation_ratio,"   \
    " i.used, i.updated_at"                                                                                                        \
    " FROM inventories i JOIN resource_classes c ON c.id = i.resource_class_id"

static struct inventory_row read_row(const struct rows *rows, size_t i)
{
    return (struct inventory_row){rows_int(rows, i, 0),    rows_int(rows, i, 1), rows_text(rows, i, 2), rows_int(rows, i, 3),
                                  rows_int(rows, i, 4),    rows_int(rows, i, 5), rows_int(rows, i, 6),  rows_int(rows, i, 7),
                                  rows_double(rows, i, 8), rows_int(rows, i, 9), rows_time(rows, i, 10)};
}

static enum err read_inventories(struct db *db, struct arena *arena, const char *sql, const struct sql_value *values, size_t count,
                                 struct inventory_rows *out)
{
    struct rows rows;
    TRY(db_query(db, arena, sql, values, count, &rows));
    struct inventory_row *items = arena_alloc(arena, (rows.count + 1) * sizeof(*items));
    for (size_t i = 0; i < rows.count; i++)
        items[i] = read_row(&rows, i);
    *out = (struct inventory_rows){items, rows.count};
    return OK;
}

enum err inventory_rows_get(struct db *db, struct arena *arena, const int64_t *provider_ids, size_t count,
                            struct inventory_rows *out)
{
    CLEANUP(text_clear) struct text sql = {0};
    const struct sql_list list = sql_list_ids(arena, provider_ids, count);
    text_add_str(&sql, INVENTORY_SELECT " WHERE i.resource_provider_id IN (");
    sql_list_write(&sql, list.count);
    text_add_str(&sql, ") ORDER BY i.resource_provider_id, c.id");
    return read_inventories(db, arena, text_str(&sql), list.values, list.count, out);
}

enum err inventory_rows_all(struct db *db, struct arena *arena, struct inventory_rows *out)
{
    static const char sql[] = INVENTORY_SELECT " ORDER BY i.resource_provider_id, c.id";
    return read_inventories(db, arena, sql, NULL, 0, out);
}

#define STOCK_COLUMNS                                                                                                              \
    " i.total, i.reserved, i.min_unit, i.max_unit, i.step_size, i.allocation_ratio, i.used, NULL, p.id, p.uuid, p.generation"

static enum err read_stock(struct db *db, struct arena *arena, const char *sql, const struct sql_value *values, size_t count,
                           struct provider_rows *out_providers, struct inventory_rows *out)
{
    struct rows rows;
    TRY(db_query(db, arena, sql, values, count, &rows));
    struct provider_row *providers = arena_alloc(arena, (rows.count + 1) * sizeof(*providers));
    struct inventory_row *items = arena_alloc(arena, (rows.count + 1) * sizeof(*items));
    size_t provider_count = 0;
    size_t item_count = 0;
    for (size_t i = 0; i < rows.count; i++) {
        const int64_t id = rows_int(&rows, i, 11);
        if (provider_count == 0 || providers[provider_count - 1].id != id)
            providers[provider_count++] =
                (struct provider_row){.id = id, .uuid = rows_uuid(&rows, i, 12), .generation = rows_int(&rows, i, 13)};
        if (!rows_is_null(&rows, i, 0))
            items[item_count++] = read_row(&rows, i);
    }
    *out_providers = (struct provider_rows){providers, provider_count};
    *out = (struct inventory_rows){items, item_count};
    return OK;
}

/* The name of a class is asked for apart: FOR UPDATE would lock what is joined, and classes are everybody's. */
enum err stock_lock(struct db *db, struct arena *arena, const int64_t *provider_ids, size_t count,
                    struct provider_rows *out_providers, struct inventory_rows *out)
{
    static const char select[] = "SELECT i.resource_provider_id, i.resource_class_id, (SELECT c.name FROM resource_classes c WHERE "
                                 "c.id = i.resource_class_id)," STOCK_COLUMNS " FROM resource_providers p FORCE INDEX (PRIMARY)"
                                 " LEFT JOIN inventories i ON i.resource_provider_id = p.id WHERE p.id IN (";
    CLEANUP(text_clear) struct text sql = {0};
    const struct sql_list list = sql_list_ids(arena, provider_ids, count);
    text_add_str(&sql, select);
    sql_list_write(&sql, list.count);
    text_add_str(&sql, ") ORDER BY p.id FOR UPDATE");
    return read_stock(db, arena, text_str(&sql), list.values, list.count, out_providers, out);
}

enum err stock_take(struct db *db, struct arena *arena, const struct uuid *provider, struct provider_rows *out_providers,
                    struct inventory_rows *out)
{
    static const char raise[] =
        "UPDATE resource_providers SET generation = generation + 1, updated_at = UTC_TIMESTAMP(6) WHERE uuid = ?";
    static const char select[] = "SELECT STRAIGHT_JOIN i.resource_provider_id, i.resource_class_id, c.name," STOCK_COLUMNS
                                 " FROM resource_providers p LEFT JOIN inventories i ON i.resource_provider_id = p.id"
                                 " LEFT JOIN resource_classes c ON c.id = i.resource_class_id WHERE p.uuid = ?";
    const struct sql_value values[] = {sql_uuid(provider)};
    TRY(db_exec(db, raise, values, ARRAY_LEN(values)));
    return read_stock(db, arena, select, values, ARRAY_LEN(values), out_providers, out);
}

enum err inventory_put(struct db *db, const struct inventory_row *row)
{
    static const char sql[] =
        "INSERT INTO inventories (resource_provider_id, resource_class_id, total, reserved, min_unit, max_unit, step_size,"
        " allocation_ratio, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, UTC_TIMESTAMP(6))"
        " ON DUPLICATE KEY UPDATE total = VALUES(total), reserved = VALUES(reserved), min_unit = VALUES(min_unit),"
        " max_unit = VALUES(max_unit), step_size = VALUES(step_size), allocation_ratio = VALUES(allocation_ratio),"
        " updated_at = VALUES(updated_at)";
    const struct sql_value values[] = {sql_int(row->provider_id), sql_int(row->class_id),           sql_int(row->total),
                                       sql_int(row->reserved),    sql_int(row->min_unit),           sql_int(row->max_unit),
                                       sql_int(row->step_size),   sql_double(row->allocation_ratio)};
    return db_exec(db, sql, values, ARRAY_LEN(values));
}

enum err inventory_remove(struct db *db, int64_t provider_id, int64_t class_id)
{
    static const char sql[] = "DELETE FROM inventories WHERE resource_provider_id = ? AND resource_class_id = ?";
    const struct sql_value values[] = {sql_int(provider_id), sql_int(class_id)};
    return db_exec(db, sql, values, ARRAY_LEN(values));
}

/* The statements on a table of names. */
static const struct names {
    const char *all;
    const char *find;
    const char *insert;
    const char *rename;
    const char *remove;
    const char *used;
    const char *sync;
    const char *file;
} tables[] = {
    [NAMES_CLASS] = {"SELECT id, name, updated_at FROM resource_classes ORDER BY id",
                     "SELECT id, name, updated_at FROM resource_classes WHERE name IN (",
                     "INSERT INTO resource_classes (name, updated_at) VALUES (?, UTC_TIMESTAMP(6))",
                     "UPDATE resource_classes SET name = ?, updated_at = UTC_TIMESTAMP(6) WHERE id = ?",
                     "DELETE FROM resource_classes WHERE id = ?", "SELECT 1 FROM inventories WHERE resource_class_id = ? LIMIT 1",
                     "INSERT IGNORE INTO resource_classes (name, updated_at) VALUES ", "resource_classes.txt"},
    [NAMES_TRAIT] = {"SELECT id, name, updated_at FROM traits ORDER BY id",
                     "SELECT id, name, updated_at FROM traits WHERE name IN (",
                     "INSERT INTO traits (name, updated_at) VALUES (?, UTC_TIMESTAMP(6))",
                     "UPDATE traits SET name = ?, updated_at = UTC_TIMESTAMP(6) WHERE id = ?", "DELETE FROM traits WHERE id = ?",
                     "SELECT 1 FROM resource_provider_traits WHERE trait_id = ? LIMIT 1",
                     "INSERT IGNORE INTO traits (name, updated_at) VALUES ", "traits.txt"},
};

static enum err read_names(struct db *db, struct arena *arena, const char *sql, const struct sql_value *values, size_t count,
                           struct name_rows *out)
{
    struct rows rows;
    TRY(db_query_counted(db, arena, COUNTED_NAMES, sql, values, count, &rows));
    struct name_row *items = arena_alloc(arena, (rows.count + 1) * sizeof(*items));
    for (size_t i = 0; i < rows.count; i++)
        items[i] = (struct name_row){rows_int(&rows, i, 0), rows_text(&rows, i, 1), rows_time(&rows, i, 2)};
    *out = (struct name_rows){items, rows.count};
    return OK;
}

enum err names_all(struct db *db, struct arena *arena, enum name_table table, struct name_rows *out)
{
    return read_names(db, arena, tables[table].all, NULL, 0, out);
}

enum err names_find(struct db *db, struct arena *arena, enum name_table table, const char *const *names, size_t count,
                    struct name_rows *out)
{
    CLEANUP(text_clear) struct text sql = {0};
    const struct sql_list list = sql_list_texts(arena, names, count);
    text_add_str(&sql, tables[table].find);
    sql_list_write(&sql, list.count);
    text_add_str(&sql, ") ORDER BY id");
    return read_names(db, arena, text_str(&sql), list.values, list.count, out);
}

enum err names_insert(struct db *db, enum name_table table, const char *name)
{
    const struct sql_value values[] = {sql_text(name)};
    return db_exec(db, tables[table].insert, values, ARRAY_LEN(values));
}

enum err names_rename(struct db *db, enum name_table table, int64_t id, const char *name)
{
    const struct sql_value values[] = {sql_text(name), sql_int(id)};
    return db_exec(db, tables[table].rename, values, ARRAY_LEN(values));
}

enum err names_remove(struct db *db, enum name_table table, int64_t id)
{
    const struct sql_value values[] = {sql_int(id)};
    return db_exec(db, tables[table].remove, values, ARRAY_LEN(values));
}

enum err names_used(struct db *db, enum name_table table, int64_t id, bool *out)
{
    const struct sql_value values[] = {sql_int(id)};
    CLEANUP(arena_clear) struct arena arena = {0};
    struct rows rows;
    TRY(db_query(db, &arena, tables[table].used, values, ARRAY_LEN(values), &rows));
    *out = rows.count > 0;
    return OK;
}

enum err names_associated(struct db *db, struct arena *arena, struct name_rows *out)
{
    static const char sql[] = "SELECT t.id, t.name, t.updated_at FROM traits t WHERE t.id IN"
                              " (SELECT trait_id FROM resource_provider_traits) ORDER BY t.id";
    return read_names(db, arena, sql, NULL, 0, out);
}

static const struct embedded_file *find_file(const char *name)
{
    const struct embedded_file *file = standard_names;
    while (file->name && strcmp(file->name, name) != 0)
        file++;
    return file;
}

static bool is_there(const struct name_rows *rows, const char *name, size_t length)
{
    for (size_t i = 0; i < rows->count; i++) {
        if (strlen(rows->items[i].name) == length && memcmp(rows->items[i].name, name, length) == 0)
            return true;
    }
    return false;
}

enum { SYNC_BATCH = 64 }; /* names of one INSERT */

static enum err add_names(struct db *db, enum name_table table, const struct sql_value *names, size_t count)
{
    CLEANUP(text_clear) struct text sql = {0};
    text_add_str(&sql, tables[table].sync);
    for (size_t i = 0; i < count; i++)
        text_add_str(&sql, i ? ", (?, UTC_TIMESTAMP(6))" : "(?, UTC_TIMESTAMP(6))");
    return count ? db_exec(db, text_str(&sql), names, count) : OK;
}

enum err names_sync(struct db *db, enum name_table table)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    const struct embedded_file *file = find_file(tables[table].file);
    struct sql_value missing[SYNC_BATCH];
    struct name_rows rows;
    size_t count = 0;
    TRY(names_all(db, &arena, table, &rows));
    for (const char *at = (const char *)file->bytes, *end = at + file->length; at < end;) {
        const size_t length = strcspn(at, "\n");
        if (length && *at != '#' && !is_there(&rows, at, length))
            missing[count++] = sql_text(arena_strndup(&arena, at, length));
        at += length + 1;
        if (count == SYNC_BATCH) {
            TRY(add_names(db, table, missing, count));
            count = 0;
        }
    }
    return add_names(db, table, missing, count);
}
