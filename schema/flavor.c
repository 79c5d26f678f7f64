/* Statements on `flavors` and `flavor_access`; see flavor.h. */
#include "schema/flavor.h"

#include <stdlib.h>

#include "gateway/base/text.h"
#include "schema/db_cache.h"

#define FLAVOR_COLUMNS                                                                                                             \
    "f.id, f.flavorid, f.name, f.memory_mb, f.vcpus, f.root_gb, f.ephemeral_gb, f.swap, f.rxtx_factor, f.is_public, f.disabled, "  \
    "f.description, f.extra_specs, f.created_at, f.updated_at"

#define SEEN_BY_PROJECT "(f.is_public OR EXISTS (SELECT 1 FROM flavor_access a WHERE a.flavor = f.id AND a.project_id = ?))"

static void read_flavor(const struct rows *rows, size_t row, struct flavor *out)
{
    *out = (struct flavor){
        .id = rows_int(rows, row, 0),
        .flavorid = rows_text(rows, row, 1),
        .name = rows_text(rows, row, 2),
        .ram_mib = rows_int(rows, row, 3),
        .vcpus = rows_int(rows, row, 4),
        .disk_gib = rows_int(rows, row, 5),
        .ephemeral_gib = rows_int(rows, row, 6),
        .swap_mib = rows_int(rows, row, 7),
        .rxtx_factor = rows_double(rows, row, 8),
        .is_public = rows_int(rows, row, 9) != 0,
        .disabled = rows_int(rows, row, 10) != 0,
        .description = rows_text(rows, row, 11),
        .extra_specs = rows_text(rows, row, 12),
        .created_us = rows_time(rows, row, 13),
        .updated_us = rows_time(rows, row, 14),
    };
}

static enum err refuse_taken(struct db *db, const struct flavor *flavor)
{
    static const char sql[] = "SELECT COUNT(*) FROM flavors WHERE name = ?";
    const struct sql_value value = sql_text(flavor->name);
    CLEANUP(arena_clear) struct arena arena = {0};
    struct rows rows;
    TRY(db_query(db, &arena, sql, &value, 1, &rows));
    if (rows_int(&rows, 0, 0))
        return fail(E_CONFLICT, "Flavor with name %s already exists.", flavor->name);
    return fail(E_CONFLICT, "Flavor with ID %s already exists.", flavor->flavorid);
}

enum err flavor_add(struct db *db, const struct flavor *flavor)
{
    static const char sql[] =
        "INSERT INTO flavors (flavorid, name, memory_mb, vcpus, root_gb, ephemeral_gb, swap, rxtx_factor, is_public, disabled,"
        " description, extra_specs, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '{}', UTC_TIMESTAMP(6))";
    const struct sql_value values[] = {
        sql_text(flavor->flavorid),  sql_text(flavor->name),         sql_int(flavor->ram_mib),      sql_int(flavor->vcpus),
        sql_int(flavor->disk_gib),   sql_int(flavor->ephemeral_gib), sql_int(flavor->swap_mib),     sql_double(flavor->rxtx_factor),
        sql_bool(flavor->is_public), sql_bool(flavor->disabled),     sql_text(flavor->description),
    };
    const enum err result = db_exec(db, sql, values, ARRAY_LEN(values));
    return result == E_CONFLICT ? refuse_taken(db, flavor) : result;
}

static enum err refuse_missing(const char *flavorid)
{
    return fail(E_NOT_FOUND, "Flavor %s could not be found.", flavorid);
}

enum err flavor_get(struct db *db, struct arena *arena, const char *flavorid, const char *project_id, struct flavor *out)
{
    static const char sql[] = "SELECT " FLAVOR_COLUMNS " FROM flavors f WHERE f.flavorid = ? AND (? OR " SEEN_BY_PROJECT ")";
    const struct sql_value values[] = {sql_text(flavorid), sql_bool(project_id == NULL), sql_text(project_id)};
    struct rows rows;
    TRY(db_query_counted(db, arena, COUNTED_FLAVORS, sql, values, ARRAY_LEN(values), &rows));
    if (!rows.count)
        return refuse_missing(flavorid);
    read_flavor(&rows, 0, out);
    return OK;
}

enum err flavor_delete(struct db *db, const char *flavorid)
{
    static const char sql[] = "DELETE FROM flavors WHERE flavorid = ?";
    const struct sql_value value = sql_text(flavorid);
    uint64_t deleted = 0;
    TRY(db_exec_count(db, sql, &value, 1, &deleted));
    return deleted ? OK : refuse_missing(flavorid);
}

enum err flavor_set_description(struct db *db, const char *flavorid, const char *description)
{
    static const char sql[] = "UPDATE flavors SET description = ?, updated_at = UTC_TIMESTAMP(6) WHERE flavorid = ?";
    const struct sql_value values[] = {sql_text(description), sql_text(flavorid)};
    uint64_t matched = 0;
    TRY(db_exec_count(db, sql, values, ARRAY_LEN(values), &matched));
    return matched ? OK : refuse_missing(flavorid);
}

/* Nova's sort keys, and what they order by here: never NULL, so that the marker's tuple can be compared. */
static const struct {
    const char *key;
    const char *expression;
} sort_keys[] = {
    {"created_at", "f.created_at"},
    {"description", "COALESCE(f.description, '')"},
    {"disabled", "f.disabled"},
    {"ephemeral_gb", "f.ephemeral_gb"},
    {"flavorid", "f.flavorid"},
    {"id", "f.id"},
    {"is_public", "f.is_public"},
    {"memory_mb", "f.memory_mb"},
    {"name", "f.name"},
    {"root_gb", "f.root_gb"},
    {"rxtx_factor", "f.rxtx_factor"},
    {"swap", "f.swap"},
    {"updated_at", "COALESCE(f.updated_at, TIMESTAMP'1000-01-01 00:00:00')"},
    {"vcpu_weight", "f.id"}, /* a column that nothing fills */
    {"vcpus", "f.vcpus"},
};

static const char *sort_expression(const char *key)
{
    for (size_t i = 0; i < ARRAY_LEN(sort_keys); i++) {
        if (str_equal(sort_keys[i].key, key ? key : "flavorid"))
            return sort_keys[i].expression;
    }
    return NULL;
}

bool flavor_sort_key_is_known(const char *key)
{
    return sort_expression(key) != NULL;
}

/* Only texts of the table above become part of the statement. */
static enum err write_list_statement(const struct flavor_query *query, struct text *out)
{
    static const char head[] = "SELECT " FLAVOR_COLUMNS " FROM flavors f"
                               " WHERE f.memory_mb >= ? AND f.root_gb >= ? AND (? OR NOT f.disabled)"
                               " AND CASE ? WHEN 0 THEN " SEEN_BY_PROJECT " WHEN 1 THEN NOT f.is_public ELSE TRUE END";
    const char *expression = sort_expression(query->sort_key);
    const char *direction = query->descending ? "DESC" : "ASC";
    if (!expression)
        return fail(E_INVALID, "Sort key %s is not valid.", query->sort_key);
    text_add_str(out, head);
    if (query->marker)
        text_add_format(out, " AND (%s, f.id) %s (SELECT %s, f.id FROM flavors f WHERE f.flavorid = ?)", expression,
                        query->descending ? "<" : ">", expression);
    text_add_format(out, " ORDER BY %s %s, f.id %s LIMIT ?", expression, direction, direction);
    return OK;
}

static enum err check_marker(struct db *db, struct arena *arena, const char *marker)
{
    static const char sql[] = "SELECT 1 FROM flavors WHERE flavorid = ?";
    const struct sql_value value = sql_text(marker);
    struct rows rows;
    if (!marker)
        return OK;
    TRY(db_query(db, arena, sql, &value, 1, &rows));
    return rows.count ? OK : fail(E_INVALID, "marker [%s] not found", marker);
}

enum err flavor_list(struct db *db, struct arena *arena, const struct flavor_query *query, struct flavors *out)
{
    TRY(check_marker(db, arena, query->marker));
    CLEANUP(text_clear) struct text sql = {0};
    TRY(write_list_statement(query, &sql));
    struct sql_value values[7] = {
        sql_int(query->least_ram_mib), sql_int(query->least_disk_gib), sql_bool(query->disabled_too),
        sql_int(query->publicity),     sql_text(query->project_id),
    };
    size_t count = 5;
    if (query->marker)
        values[count++] = sql_text(query->marker);
    values[count++] = sql_int((int64_t)query->limit);
    struct rows rows;
    TRY(db_query(db, arena, text_str(&sql), values, count, &rows));
    struct flavor *items = arena_alloc(arena, (rows.count + 1) * sizeof(*items));
    for (size_t i = 0; i < rows.count; i++)
        read_flavor(&rows, i, &items[i]);
    *out = (struct flavors){items, rows.count};
    return OK;
}

struct spec_change {
    struct arena *arena;
    const char *flavorid;
    const json_t *specs;
    const char *removed;
};

static enum err store_specs(struct db *db, const char *flavorid, const json_t *specs)
{
    static const char sql[] = "UPDATE flavors SET extra_specs = ?, updated_at = UTC_TIMESTAMP(6) WHERE flavorid = ?";
    char *text = json_dumps(specs, JSON_COMPACT);
    if (!text)
        return fail(E_INTERNAL, "Extra specs of flavor %s cannot be written.", flavorid);
    const struct sql_value values[] = {sql_text(text), sql_text(flavorid)};
    const enum err result = db_exec(db, sql, values, ARRAY_LEN(values));
    free(text);
    return result;
}

static enum err change_specs(struct db *db, void *context)
{
    static const char sql[] = "SELECT extra_specs FROM flavors WHERE flavorid = ? FOR UPDATE";
    const struct spec_change *change = context;
    const struct sql_value value = sql_text(change->flavorid);
    struct rows rows;
    TRY(db_query(db, change->arena, sql, &value, 1, &rows));
    if (!rows.count)
        return refuse_missing(change->flavorid);
    json_auto_t *specs = json_loads(rows_text(&rows, 0, 0), 0, NULL);
    if (!specs)
        return fail(E_INTERNAL, "Extra specs of flavor %s are damaged.", change->flavorid);
    if (change->specs && json_object_update(specs, (json_t *)change->specs))
        return fail(E_INTERNAL, "Extra specs of flavor %s cannot be merged.", change->flavorid);
    if (change->removed && json_object_del(specs, change->removed))
        return fail(E_NOT_FOUND, "Flavor %s has no extra specs with key %s.", change->flavorid, change->removed);
    return store_specs(db, change->flavorid, specs);
}

enum err flavor_change_extra_specs(struct db *db, struct arena *arena, const char *flavorid, const json_t *specs,
                                   const char *removed)
{
    struct spec_change change = {.arena = arena, .flavorid = flavorid, .specs = specs, .removed = removed};
    return db_transaction(db, change_specs, &change);
}

enum err flavor_access_list(struct db *db, struct arena *arena, const struct flavor *flavor, struct flavor_projects *out)
{
    static const char sql[] = "SELECT project_id FROM flavor_access WHERE flavor = ? ORDER BY project_id";
    const struct sql_value value = sql_int(flavor->id);
    struct rows rows;
    TRY(db_query(db, arena, sql, &value, 1, &rows));
    const char **ids = arena_alloc(arena, (rows.count + 1) * sizeof(*ids));
    for (size_t i = 0; i < rows.count; i++)
        ids[i] = rows_text(&rows, i, 0);
    *out = (struct flavor_projects){ids, rows.count};
    return OK;
}

/* From `flavors`, so that a flavor that was deleted meanwhile is not found, rather than a broken reference. */
enum err flavor_access_add(struct db *db, const struct flavor *flavor, const char *project_id)
{
    static const char sql[] = "INSERT INTO flavor_access (flavor, project_id) SELECT id, ? FROM flavors WHERE id = ?";
    const struct sql_value values[] = {sql_text(project_id), sql_int(flavor->id)};
    uint64_t added = 0;
    const enum err result = db_exec_count(db, sql, values, ARRAY_LEN(values), &added);
    if (result == E_CONFLICT)
        return fail(E_CONFLICT, "Flavor access already exists for flavor %s and project %s combination.", flavor->flavorid,
                    project_id);
    TRY(result);
    return added ? OK : refuse_missing(flavor->flavorid);
}

enum err flavor_access_remove(struct db *db, const struct flavor *flavor, const char *project_id)
{
    static const char sql[] = "DELETE FROM flavor_access WHERE flavor = ? AND project_id = ?";
    const struct sql_value values[] = {sql_int(flavor->id), sql_text(project_id)};
    uint64_t removed = 0;
    TRY(db_exec_count(db, sql, values, ARRAY_LEN(values), &removed));
    if (!removed)
        return fail(E_NOT_FOUND, "Flavor access not found for %s / %s combination.", flavor->flavorid, project_id);
    return OK;
}

json_t *flavor_embed(const struct flavor *flavor)
{
    json_t *specs = json_loads(flavor->extra_specs, 0, NULL);
    return json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:o}", "id", flavor->flavorid, "name", flavor->name, "vcpus",
                     (json_int_t)flavor->vcpus, "ram", (json_int_t)flavor->ram_mib, "disk", (json_int_t)flavor->disk_gib,
                     "ephemeral", (json_int_t)flavor->ephemeral_gib, "swap", (json_int_t)flavor->swap_mib, "extra_specs",
                     specs ? specs : json_object());
}
