/* Reading aggregates, and those changes that touch no availability zone; the others are in aggregate_zone.c. See aggregate.h. */
#include "schema/aggregate.h"

#include <string.h>

#include "gateway/base/text.h"
#include "schema/aggregate_inside.h"
#include "schema/db_cache.h"
#include "schema/host_zone.h"

#define IDS_TRIED 8

static void read_aggregate(const struct rows *rows, size_t row, struct aggregate *out)
{
    *out = (struct aggregate){
        .id = rows_int(rows, row, 0),
        .uuid = rows_uuid(rows, row, 1),
        .name = rows_text(rows, row, 2),
        .created_us = rows_time(rows, row, 3),
        .updated_us = rows_time(rows, row, 4),
    };
}

static enum err read_hosts(struct db *db, struct arena *arena, struct aggregate *out)
{
    static const char sql[] = "SELECT host FROM aggregate_hosts WHERE aggregate = ? ORDER BY added_at, host";
    const struct sql_value value = sql_int(out->id);
    struct rows rows;
    TRY(db_query_counted(db, arena, COUNTED_HOSTS, sql, &value, 1, &rows));
    const char **hosts = arena_alloc(arena, (rows.count + 1) * sizeof(*hosts));
    for (size_t i = 0; i < rows.count; i++)
        hosts[i] = rows_text(&rows, i, 0);
    out->hosts = hosts;
    out->host_count = rows.count;
    return OK;
}

static enum err read_metadata(struct db *db, struct arena *arena, struct aggregate *out)
{
    static const char sql[] = "SELECT name, value FROM aggregate_metadata WHERE aggregate = ? ORDER BY name";
    const struct sql_value value = sql_int(out->id);
    struct rows rows;
    TRY(db_query_counted(db, arena, COUNTED_HOSTS, sql, &value, 1, &rows));
    struct aggregate_item *items = arena_alloc(arena, (rows.count + 1) * sizeof(*items));
    for (size_t i = 0; i < rows.count; i++) {
        items[i] = (struct aggregate_item){rows_text(&rows, i, 0), rows_text(&rows, i, 1)};
        if (strcmp(items[i].name, HOST_ZONE_KEY) == 0)
            out->availability_zone = items[i].value;
    }
    out->metadata = items;
    out->metadata_count = rows.count;
    return OK;
}

static enum err complete(struct db *db, struct arena *arena, const struct rows *rows, struct aggregates *out)
{
    struct aggregate *items = arena_alloc(arena, (rows->count + 1) * sizeof(*items));
    for (size_t i = 0; i < rows->count; i++) {
        read_aggregate(rows, i, &items[i]);
        TRY(read_hosts(db, arena, &items[i]));
        TRY(read_metadata(db, arena, &items[i]));
    }
    *out = (struct aggregates){items, rows->count};
    return OK;
}

enum err aggregate_list(struct db *db, struct arena *arena, struct aggregates *out)
{
    static const char sql[] = "SELECT id, uuid, name, created_at, updated_at FROM aggregates ORDER BY created_at, id";
    struct rows rows;
    TRY(db_query_counted(db, arena, COUNTED_HOSTS, sql, NULL, 0, &rows));
    return complete(db, arena, &rows, out);
}

static enum err missing(int64_t id)
{
    return fail(E_NOT_FOUND, "Aggregate %lld could not be found.", (long long)id);
}

enum err aggregate_get(struct db *db, struct arena *arena, int64_t id, struct aggregate *out)
{
    static const char sql[] = "SELECT id, uuid, name, created_at, updated_at FROM aggregates WHERE id = ?";
    const struct sql_value value = sql_int(id);
    struct aggregates found;
    struct rows rows;
    TRY(db_query(db, arena, sql, &value, 1, &rows));
    if (rows.count == 0)
        return missing(id);
    TRY(complete(db, arena, &rows, &found));
    *out = found.items[0];
    return OK;
}

enum err aggregate_lock(struct db *db, struct arena *arena, int64_t id, struct aggregate *out)
{
    static const char sql[] = "SELECT id FROM aggregates WHERE id = ? FOR UPDATE";
    const struct sql_value value = sql_int(id);
    struct rows rows;
    TRY(db_query(db, arena, sql, &value, 1, &rows));
    return aggregate_get(db, arena, id, out);
}

static enum err name_is_taken(struct db *db, const char *name, bool *out)
{
    static const char sql[] = "SELECT 1 FROM aggregates WHERE name = ?";
    const struct sql_value value = sql_text(name);
    CLEANUP(arena_clear) struct arena arena = {0};
    struct rows rows;
    TRY(db_query(db, &arena, sql, &value, 1, &rows));
    *out = rows.count > 0;
    return OK;
}

enum err aggregate_set_item(struct db *db, int64_t id, const char *name, const char *value)
{
    static const char sql[] = "REPLACE INTO aggregate_metadata (aggregate, name, value) VALUES (?, ?, ?)";
    const struct sql_value values[] = {sql_int(id), sql_text(name), sql_text(value)};
    return db_exec(db, sql, values, ARRAY_LEN(values));
}

struct addition {
    const char *name;
    const char *zone;
    struct uuid uuid;
};

static enum err add_in_transaction(struct db *db, void *context)
{
    static const char sql[] = "INSERT INTO aggregates (id, uuid, name, created_at) VALUES (?, ?, ?, UTC_TIMESTAMP(6))";
    const struct addition *addition = context;
    const int64_t id = uuid_to_int31(&addition->uuid);
    const struct sql_value values[] = {sql_int(id), sql_uuid(&addition->uuid), sql_text(addition->name)};
    TRY(db_exec(db, sql, values, ARRAY_LEN(values)));
    return addition->zone ? aggregate_set_item(db, id, HOST_ZONE_KEY, addition->zone) : OK;
}

enum err aggregate_add(struct db *db, const char *name, const char *zone, int64_t *out_id)
{
    struct addition addition = {.name = name, .zone = zone};
    for (int tried = 0; tried < IDS_TRIED; tried++) {
        bool taken = false;
        uuid_new(&addition.uuid);
        *out_id = uuid_to_int31(&addition.uuid);
        const enum err result = db_transaction(db, add_in_transaction, &addition);
        if (result != E_CONFLICT)
            return result;
        TRY(name_is_taken(db, name, &taken));
        if (taken)
            return fail(E_CONFLICT, "Aggregate %s already exists.", name);
    }
    return fail(E_INTERNAL, "No free id for the aggregate was found.");
}

static enum err delete_in_transaction(struct db *db, void *context)
{
    static const char sql[] = "DELETE FROM aggregates WHERE id = ?";
    const int64_t *id = context;
    const struct sql_value value = sql_int(*id);
    CLEANUP(arena_clear) struct arena arena = {0};
    struct aggregate aggregate;
    TRY(aggregate_lock(db, &arena, *id, &aggregate));
    if (aggregate.host_count)
        return fail(E_INVALID, "Cannot remove host from aggregate %lld. Reason: Host aggregate is not empty.", (long long)*id);
    return db_exec(db, sql, &value, 1);
}

enum err aggregate_delete(struct db *db, int64_t id)
{
    return db_transaction(db, delete_in_transaction, &id);
}
