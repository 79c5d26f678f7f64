/* Statements on providers, their traits and aggregates; see placement_provider.h. */
#include "schema/placement_provider.h"

#include <string.h>

#include "gateway/base/text.h"
#include "schema/db_cache.h"
#include "schema/sql_list.h"

#define PROVIDER_SELECT                                                                                                            \
    "SELECT p.id, p.uuid, p.name, p.generation, p.parent_provider_id, p.root_provider_id, q.uuid, r.uuid, p.updated_at"            \
    " FROM resource_providers p LEFT JOIN resource_providers q ON q.id = p.parent_provider_id"                                     \
    " LEFT JOIN resource_providers r ON r.id = p.root_provider_id"

static enum err read_providers(struct db *db, struct arena *arena, const char *sql, const struct sql_value *values, size_t count,
                               struct provider_rows *out)
{
    struct rows rows;
    TRY(db_query(db, arena, sql, values, count, &rows));
    struct provider_row *items = arena_alloc(arena, (rows.count + 1) * sizeof(*items));
    for (size_t i = 0; i < rows.count; i++)
        items[i] = (struct provider_row){rows_int(&rows, i, 0),  rows_uuid(&rows, i, 1), rows_text(&rows, i, 2),
                                         rows_int(&rows, i, 3),  rows_int(&rows, i, 4),  rows_int(&rows, i, 5),
                                         rows_uuid(&rows, i, 6), rows_uuid(&rows, i, 7), rows_time(&rows, i, 8)};
    *out = (struct provider_rows){items, rows.count};
    return OK;
}

enum err provider_rows_get(struct db *db, struct arena *arena, const struct uuid *uuids, size_t count, struct provider_rows *out)
{
    CLEANUP(text_clear) struct text sql = {0};
    const struct sql_list list = sql_list_uuids(arena, uuids, count);
    text_add_str(&sql, PROVIDER_SELECT " WHERE p.uuid IN (");
    sql_list_write(&sql, list.count);
    text_add_str(&sql, ") ORDER BY p.id");
    return read_providers(db, arena, text_str(&sql), list.values, list.count, out);
}

enum err provider_rows_by_id(struct db *db, struct arena *arena, const int64_t *ids, size_t count, struct provider_rows *out)
{
    CLEANUP(text_clear) struct text sql = {0};
    const struct sql_list list = sql_list_ids(arena, ids, count);
    text_add_str(&sql, PROVIDER_SELECT " WHERE p.id IN (");
    sql_list_write(&sql, list.count);
    text_add_str(&sql, ") ORDER BY p.id");
    return read_providers(db, arena, text_str(&sql), list.values, list.count, out);
}

enum err provider_rows_all(struct db *db, struct arena *arena, struct provider_rows *out)
{
    static const char sql[] = PROVIDER_SELECT " ORDER BY p.id";
    return read_providers(db, arena, sql, NULL, 0, out);
}

enum err provider_rows_lock(struct db *db, struct arena *arena, struct provider_rows *rows)
{
    CLEANUP(text_clear) struct text sql = {0};
    int64_t *ids = arena_alloc(arena, (rows->count + 1) * sizeof(*ids));
    struct rows locked;
    for (size_t i = 0; i < rows->count; i++)
        ids[i] = rows->items[i].id;
    const struct sql_list list = sql_list_ids(arena, ids, rows->count);
    text_add_str(&sql, "SELECT id FROM resource_providers WHERE id IN (");
    sql_list_write(&sql, list.count);
    text_add_str(&sql, ") ORDER BY id FOR UPDATE");
    TRY(db_query(db, arena, text_str(&sql), list.values, list.count, &locked));
    if (locked.count != rows->count)
        return fail(E_RETRY, "A resource provider was deleted meanwhile.");
    return provider_rows_by_id(db, arena, ids, rows->count, rows);
}

enum err provider_insert(struct db *db, const struct uuid *uuid, const char *name, int64_t parent_id, int64_t root_id,
                         int64_t *out_id)
{
    static const char sql[] = "INSERT INTO resource_providers (uuid, name, parent_provider_id, root_provider_id, updated_at)"
                              " VALUES (?, ?, NULLIF(?, 0), NULLIF(?, 0), UTC_TIMESTAMP(6))";
    static const char own_root[] = "UPDATE resource_providers SET root_provider_id = id WHERE id = ?";
    const struct sql_value values[] = {sql_uuid(uuid), sql_text(name), sql_int(parent_id), sql_int(root_id)};
    uint64_t id = 0;
    TRY(db_insert(db, sql, values, ARRAY_LEN(values), &id));
    *out_id = (int64_t)id;
    const struct sql_value mine[] = {sql_int(*out_id)};
    return root_id ? OK : db_exec(db, own_root, mine, ARRAY_LEN(mine));
}

enum err provider_set_name(struct db *db, int64_t id, const char *name)
{
    static const char sql[] = "UPDATE resource_providers SET name = ?, updated_at = UTC_TIMESTAMP(6) WHERE id = ?";
    const struct sql_value values[] = {sql_text(name), sql_int(id)};
    return db_exec(db, sql, values, ARRAY_LEN(values));
}

enum err provider_set_parent(struct db *db, int64_t id, int64_t parent_id)
{
    static const char sql[] =
        "UPDATE resource_providers SET parent_provider_id = NULLIF(?, 0), updated_at = UTC_TIMESTAMP(6) WHERE id = ?";
    const struct sql_value values[] = {sql_int(parent_id), sql_int(id)};
    return db_exec(db, sql, values, ARRAY_LEN(values));
}

enum err provider_set_root(struct db *db, struct arena *arena, const int64_t *ids, size_t count, int64_t root_id)
{
    CLEANUP(text_clear) struct text sql = {0};
    struct sql_list list = sql_list_ids(arena, ids, count);
    text_add_str(&sql, "UPDATE resource_providers SET root_provider_id = ? WHERE id IN (");
    sql_list_write(&sql, list.count);
    text_add_str(&sql, ")");
    memmove(list.values + 1, list.values, list.count * sizeof(*list.values));
    list.values[0] = sql_int(root_id);
    TRY(db_exec(db, text_str(&sql), list.values, list.count + 1));
    return db_exec(db, "UPDATE change_counters SET version = version + 1 WHERE name = 'traits'", NULL, 0);
}

enum err provider_taken(struct db *db, const struct uuid *uuid, const char *name, bool *out_uuid, bool *out_name)
{
    static const char sql[] = "SELECT MAX(uuid = ?), MAX(name = ?) FROM resource_providers WHERE uuid = ? OR name = ?";
    const struct sql_value values[] = {sql_uuid(uuid), sql_text(name), sql_uuid(uuid), sql_text(name)};
    CLEANUP(arena_clear) struct arena arena = {0};
    struct rows rows;
    TRY(db_query(db, &arena, sql, values, ARRAY_LEN(values), &rows));
    *out_uuid = rows.count && rows_int(&rows, 0, 0);
    *out_name = rows.count && rows_int(&rows, 0, 1);
    return OK;
}

static enum err query_ids(struct db *db, struct arena *arena, const char *sql, const struct sql_value *values, size_t count,
                          const int64_t **out, size_t *out_count)
{
    struct rows rows;
    TRY(db_query(db, arena, sql, values, count, &rows));
    int64_t *ids = arena_alloc(arena, (rows.count + 1) * sizeof(*ids));
    for (size_t i = 0; i < rows.count; i++)
        ids[i] = rows_int(&rows, i, 0);
    *out = ids;
    *out_count = rows.count;
    return OK;
}

enum err provider_ids_find(struct db *db, struct arena *arena, const struct uuid *uuids, size_t count, const int64_t **out,
                           size_t *out_count)
{
    CLEANUP(text_clear) struct text sql = {0};
    const struct sql_list list = sql_list_uuids(arena, uuids, count);
    text_add_str(&sql, "SELECT id FROM resource_providers WHERE uuid IN (");
    sql_list_write(&sql, list.count);
    text_add_str(&sql, ")");
    return query_ids(db, arena, text_str(&sql), list.values, list.count, out, out_count);
}

enum err provider_subtree(struct db *db, struct arena *arena, int64_t id, const int64_t **out, size_t *out_count)
{
    static const char sql[] = "WITH RECURSIVE below (id) AS (SELECT id FROM resource_providers WHERE id = ? UNION"
                              " SELECT p.id FROM resource_providers p JOIN below b ON p.parent_provider_id = b.id)"
                              " SELECT id FROM below ORDER BY id";
    const struct sql_value values[] = {sql_int(id)};
    return query_ids(db, arena, sql, values, ARRAY_LEN(values), out, out_count);
}

static enum err exists(struct db *db, const char *sql, int64_t id, bool *out)
{
    const struct sql_value values[] = {sql_int(id)};
    CLEANUP(arena_clear) struct arena arena = {0};
    struct rows rows;
    TRY(db_query(db, &arena, sql, values, ARRAY_LEN(values), &rows));
    *out = rows.count > 0;
    return OK;
}

enum err provider_children(struct db *db, int64_t id, bool *out)
{
    return exists(db, "SELECT 1 FROM resource_providers WHERE parent_provider_id = ? LIMIT 1", id, out);
}

enum err provider_allocated(struct db *db, int64_t id, bool *out)
{
    return exists(db, "SELECT 1 FROM allocations WHERE resource_provider_id = ? LIMIT 1", id, out);
}

enum err provider_remove(struct db *db, int64_t id)
{
    static const char *const statements[] = {
        "DELETE FROM inventories WHERE resource_provider_id = ?",
        "DELETE FROM resource_provider_traits WHERE resource_provider_id = ?",
        "DELETE FROM resource_provider_aggregates WHERE resource_provider_id = ?",
        "DELETE FROM resource_providers WHERE id = ?",
    };
    const struct sql_value values[] = {sql_int(id)};
    for (size_t i = 0; i < ARRAY_LEN(statements); i++)
        TRY(db_exec(db, statements[i], values, ARRAY_LEN(values)));
    return OK;
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

enum err providers_bump(struct db *db, struct arena *arena, const int64_t *ids, size_t count)
{
    CLEANUP(text_clear) struct text sql = {0};
    const struct sql_list list = sql_list_ids(arena, ids, count);
    text_add_str(&sql, "UPDATE resource_providers SET generation = generation + 1, updated_at = UTC_TIMESTAMP(6) WHERE id IN (");
    sql_list_write(&sql, list.count);
    text_add_str(&sql, ")");
    return count ? db_exec(db, text_str(&sql), list.values, list.count) : OK;
}

enum err provider_aggregates(struct db *db, struct arena *arena, int64_t id, struct uuid_rows *out)
{
    static const char sql[] =
        "SELECT a.uuid FROM resource_provider_aggregates m JOIN placement_aggregates a ON a.id = m.aggregate_id"
        " WHERE m.resource_provider_id = ? ORDER BY a.id";
    const struct sql_value values[] = {sql_int(id)};
    struct rows rows;
    TRY(db_query(db, arena, sql, values, ARRAY_LEN(values), &rows));
    struct uuid *items = arena_alloc(arena, (rows.count + 1) * sizeof(*items));
    for (size_t i = 0; i < rows.count; i++)
        items[i] = rows_uuid(&rows, i, 0);
    *out = (struct uuid_rows){items, rows.count};
    return OK;
}

enum err provider_aggregates_replace(struct db *db, struct arena *arena, int64_t id, const struct uuid *uuids, size_t count)
{
    static const char clear[] = "DELETE FROM resource_provider_aggregates WHERE resource_provider_id = ?";
    static const char make[] = "INSERT IGNORE INTO placement_aggregates (uuid) VALUES (?)";
    CLEANUP(text_clear) struct text sql = {0};
    const struct sql_value provider[] = {sql_int(id)};
    TRY(db_exec(db, clear, provider, ARRAY_LEN(provider)));
    for (size_t i = 0; i < count; i++) {
        const struct sql_value values[] = {sql_uuid(&uuids[i])};
        TRY(db_exec(db, make, values, ARRAY_LEN(values)));
    }
    struct sql_list list = sql_list_uuids(arena, uuids, count);
    text_add_str(&sql, "INSERT INTO resource_provider_aggregates (resource_provider_id, aggregate_id)"
                       " SELECT ?, id FROM placement_aggregates WHERE uuid IN (");
    sql_list_write(&sql, list.count);
    text_add_str(&sql, ")");
    memmove(list.values + 1, list.values, list.count * sizeof(*list.values));
    list.values[0] = sql_int(id);
    return count ? db_exec(db, text_str(&sql), list.values, list.count + 1) : OK;
}

enum err provider_traits(struct db *db, struct arena *arena, int64_t id, struct name_rows *out)
{
    static const char sql[] = "SELECT t.id, t.name, t.updated_at FROM resource_provider_traits m JOIN traits t ON t.id = m.trait_id"
                              " WHERE m.resource_provider_id = ? ORDER BY t.name";
    const struct sql_value values[] = {sql_int(id)};
    struct rows rows;
    TRY(db_query(db, arena, sql, values, ARRAY_LEN(values), &rows));
    struct name_row *items = arena_alloc(arena, (rows.count + 1) * sizeof(*items));
    for (size_t i = 0; i < rows.count; i++)
        items[i] = (struct name_row){rows_int(&rows, i, 0), rows_text(&rows, i, 1), rows_time(&rows, i, 2)};
    *out = (struct name_rows){items, rows.count};
    return OK;
}

enum err provider_traits_replace(struct db *db, struct arena *arena, int64_t id, const int64_t *trait_ids, size_t count)
{
    static const char clear[] = "DELETE FROM resource_provider_traits WHERE resource_provider_id = ?";
    CLEANUP(text_clear) struct text sql = {0};
    const struct sql_value provider[] = {sql_int(id)};
    TRY(db_exec(db, clear, provider, ARRAY_LEN(provider)));
    struct sql_list list = sql_list_ids(arena, trait_ids, count);
    text_add_str(&sql,
                 "INSERT INTO resource_provider_traits (resource_provider_id, trait_id) SELECT ?, id FROM traits WHERE id IN (");
    sql_list_write(&sql, list.count);
    text_add_str(&sql, ")");
    memmove(list.values + 1, list.values, list.count * sizeof(*list.values));
    list.values[0] = sql_int(id);
    return count ? db_exec(db, text_str(&sql), list.values, list.count + 1) : OK;
}

/* Rows of (provider, name or uuid), the second as its place in the list. */
static enum err read_pairs(struct arena *arena, const struct rows *rows, size_t count,
                           bool (*is_it)(const void *, size_t, const struct rows *, size_t), const void *wanted,
                           struct provider_pairs *out)
{
    struct provider_pair *items = arena_alloc(arena, (rows->count + 1) * sizeof(*items));
    for (size_t row = 0; row < rows->count; row++) {
        size_t at = 0;
        while (at + 1 < count && !is_it(wanted, at, rows, row))
            at++;
        items[row] = (struct provider_pair){rows_int(rows, row, 0), (int64_t)at};
    }
    *out = (struct provider_pairs){items, rows->count};
    return OK;
}

static bool is_name(const void *wanted, size_t at, const struct rows *rows, size_t row)
{
    const char *const *names = wanted;
    return strcmp(names[at], rows_text(rows, row, 1)) == 0;
}

static bool is_uuid(const void *wanted, size_t at, const struct rows *rows, size_t row)
{
    const struct uuid *uuids = wanted;
    const struct uuid uuid = rows_uuid(rows, row, 1);
    return uuid_equal(&uuids[at], &uuid);
}

enum err provider_traits_present(struct db *db, struct arena *arena, struct name_rows *out)
{
    static const char sql[] = "SELECT DISTINCT t.id, t.name FROM resource_provider_traits m JOIN traits t ON t.id = m.trait_id"
                              " ORDER BY t.name";
    struct rows rows;
    TRY(db_query_counted(db, arena, COUNTED_TRAITS, sql, NULL, 0, &rows));
    struct name_row *items = arena_alloc(arena, (rows.count + 1) * sizeof(*items));
    for (size_t i = 0; i < rows.count; i++)
        items[i] = (struct name_row){.id = rows_int(&rows, i, 0), .name = rows_text(&rows, i, 1)};
    *out = (struct name_rows){items, rows.count};
    return OK;
}

enum err providers_with_traits(struct db *db, struct arena *arena, const char *const *names, size_t count,
                               struct provider_pairs *out)
{
    CLEANUP(text_clear) struct text sql = {0};
    const struct sql_list list = sql_list_texts(arena, names, count);
    struct rows rows;
    text_add_str(&sql, "SELECT m.resource_provider_id, t.name FROM traits t JOIN resource_provider_traits m ON m.trait_id = t.id"
                       " WHERE t.name IN (");
    sql_list_write(&sql, list.count);
    text_add_str(&sql, ")");
    TRY(db_query(db, arena, text_str(&sql), list.values, list.count, &rows));
    return read_pairs(arena, &rows, count, is_name, names, out);
}

enum err providers_in_aggregates(struct db *db, struct arena *arena, const struct uuid *uuids, size_t count,
                                 struct provider_pairs *out)
{
    CLEANUP(text_clear) struct text sql = {0};
    const struct sql_list list = sql_list_uuids(arena, uuids, count);
    struct rows rows;
    text_add_str(&sql, "SELECT m.resource_provider_id, a.uuid FROM placement_aggregates a JOIN resource_provider_aggregates m"
                       " ON m.aggregate_id = a.id WHERE a.uuid IN (");
    sql_list_write(&sql, list.count);
    text_add_str(&sql, ")");
    TRY(db_query(db, arena, text_str(&sql), list.values, list.count, &rows));
    return read_pairs(arena, &rows, count, is_uuid, uuids, out);
}
