/* Statements on `hosts` and `host_images`; see host.h. */
#include "schema/host.h"

#include <string.h>

#include "schema/db_cache.h"
#include "schema/host_zone.h"
#include "schema/network.h"
#include "schema/placement_provider.h"

#define HOST_COLUMNS                                                                                                               \
    "uuid, service_uuid, name, uri, " HOST_ZONE ", vcpus, ram_mib, disk_gib, disabled, disabled_reason, up, last_seen, "           \
    "last_error, inventory, created_at, updated_at, forced_down"

static void read_host(const struct rows *rows, size_t row, struct host *out)
{
    *out = (struct host){
        .uuid = rows_uuid(rows, row, 0),
        .service = rows_uuid(rows, row, 1),
        .name = rows_text(rows, row, 2),
        .uri = rows_text(rows, row, 3),
        .availability_zone = rows_text(rows, row, 4),
        .vcpus = rows_int(rows, row, 5),
        .ram_mib = rows_int(rows, row, 6),
        .disk_gib = rows_int(rows, row, 7),
        .disabled = rows_int(rows, row, 8) != 0,
        .disabled_reason = rows_text(rows, row, 9),
        .up = rows_int(rows, row, 10) != 0 && !rows_int(rows, row, 16),
        .last_seen_us = rows_time(rows, row, 11),
        .last_error = rows_text(rows, row, 12),
        .inventory = rows_text(rows, row, 13),
        .created_us = rows_time(rows, row, 14),
        .updated_us = rows_time(rows, row, 15),
        .forced_down = rows_int(rows, row, 16) != 0,
    };
}

static struct sql_value int_or_null(int64_t number)
{
    return number ? sql_int(number) : sql_null();
}

enum err host_add(struct db *db, const struct host *host)
{
    static const char sql[] =
        "INSERT INTO hosts (uuid, service_uuid, name, uri, availability_zone, vcpus, ram_mib, disk_gib, created_at, updated_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6))";
    const struct sql_value values[] = {sql_uuid(&host->uuid),      sql_uuid(&host->service),          sql_text(host->name),
                                       sql_text(host->uri),        sql_text(host->availability_zone), int_or_null(host->vcpus),
                                       int_or_null(host->ram_mib), int_or_null(host->disk_gib)};
    const enum err result = db_exec(db, sql, values, ARRAY_LEN(values));
    return result == E_CONFLICT ? fail(E_CONFLICT, "Host '%s' exists already.", host->name) : result;
}

enum err host_get(struct db *db, struct arena *arena, const char *name, struct host *out)
{
    static const char sql[] = "SELECT " HOST_COLUMNS " FROM hosts WHERE name = ?";
    const struct sql_value values[] = {sql_text(name)};
    struct rows rows;
    TRY(db_query(db, arena, sql, values, ARRAY_LEN(values), &rows));
    if (rows.count == 0)
        return fail(E_NOT_FOUND, "Compute host %s could not be found.", name);
    read_host(&rows, 0, out);
    return OK;
}

enum err host_get_by_uuid(struct db *db, struct arena *arena, const struct uuid *uuid, struct host *out)
{
    static const char sql[] = "SELECT " HOST_COLUMNS " FROM hosts WHERE uuid = ?";
    const struct sql_value values[] = {sql_uuid(uuid)};
    struct rows rows;
    TRY(db_query_counted(db, arena, COUNTED_HOSTS, sql, values, ARRAY_LEN(values), &rows));
    if (rows.count == 0)
        return fail(E_NOT_FOUND, "Compute host %s could not be found.", uuid_to_text(uuid).text);
    read_host(&rows, 0, out);
    return OK;
}

enum err host_list(struct db *db, struct arena *arena, struct hosts *out)
{
    static const char sql[] = "SELECT " HOST_COLUMNS " FROM hosts ORDER BY name";
    struct rows rows;
    TRY(db_query(db, arena, sql, NULL, 0, &rows));
    struct host *items = arena_alloc(arena, (rows.count + 1) * sizeof(*items));
    for (size_t i = 0; i < rows.count; i++)
        read_host(&rows, i, &items[i]);
    *out = (struct hosts){items, rows.count};
    return OK;
}

enum err host_count_servers(struct db *db, const char *name, int64_t *out)
{
    static const char sql[] = "SELECT COUNT(*) FROM servers WHERE host = ? AND deleted = FALSE";
    const struct sql_value values[] = {sql_text(name)};
    CLEANUP(arena_clear) struct arena arena = {0};
    struct rows rows;
    TRY(db_query(db, &arena, sql, values, ARRAY_LEN(values), &rows));
    *out = rows_int(&rows, 0, 0);
    return OK;
}

enum err host_seen(struct db *db, const struct uuid *uuid, bool up, const char *inventory, const char *error)
{
    static const char sql[] = "UPDATE hosts SET up = ?, inventory = COALESCE(?, inventory), last_error = ?,"
                              " last_seen = IF(?, UTC_TIMESTAMP(6), last_seen), updated_at = UTC_TIMESTAMP(6) WHERE uuid = ?";
    const struct sql_value values[] = {sql_bool(up), sql_text(inventory), sql_text(error), sql_bool(up), sql_uuid(uuid)};
    return db_exec(db, sql, values, ARRAY_LEN(values));
}

enum err host_set_disabled(struct db *db, const struct uuid *uuid, bool disabled, const char *reason)
{
    static const char sql[] = "UPDATE hosts SET disabled = ?, disabled_reason = ?, updated_at = UTC_TIMESTAMP(6) WHERE uuid = ?";
    const struct sql_value values[] = {sql_bool(disabled), sql_text(reason), sql_uuid(uuid)};
    return db_exec(db, sql, values, ARRAY_LEN(values));
}

static enum err insert_host_image(struct db *db, const char *host, const char *image, const struct uuid *task)
{
    static const char sql[] = "INSERT IGNORE INTO host_images (host, image, holder) VALUES (?, ?, ?)";
    const struct sql_value values[] = {sql_text(host), sql_text(image), sql_uuid(task)};
    return db_exec(db, sql, values, ARRAY_LEN(values));
}

/* A holder whose task is gone has died with its task: its unfinished copy is anybody's. */
static enum err inherit_host_image(struct db *db, const char *host, const char *image, const struct uuid *task)
{
    static const char sql[] = "UPDATE host_images SET holder = ? WHERE host = ? AND image = ? AND ready_at IS NULL"
                              " AND holder NOT IN (SELECT id FROM tasks)";
    const struct sql_value values[] = {sql_uuid(task), sql_text(host), sql_text(image)};
    return db_exec(db, sql, values, ARRAY_LEN(values));
}

/* `*out_found` false: nobody has begun to bring it there. */
static enum err read_host_image(struct db *db, const char *host, const char *image, const struct uuid *task, bool *out_found,
                                enum host_image_state *out)
{
    static const char sql[] = "SELECT holder, ready_at IS NOT NULL FROM host_images WHERE host = ? AND image = ?";
    const struct sql_value values[] = {sql_text(host), sql_text(image)};
    CLEANUP(arena_clear) struct arena arena = {0};
    struct rows rows;
    TRY(db_query(db, &arena, sql, values, ARRAY_LEN(values), &rows));
    *out_found = rows.count > 0;
    if (!*out_found)
        return OK;
    const struct uuid holder = rows_uuid(&rows, 0, 0);
    if (rows_int(&rows, 0, 1))
        *out = HOST_IMAGE_READY;
    else
        *out = uuid_equal(&holder, task) ? HOST_IMAGE_MINE : HOST_IMAGE_BUSY;
    return OK;
}

enum err host_image_take(struct db *db, const char *host, const char *image, const struct uuid *task, enum host_image_state *out)
{
    bool found = false;
    TRY(read_host_image(db, host, image, task, &found, out));
    if (found && *out == HOST_IMAGE_READY)
        return OK;
    TRY(insert_host_image(db, host, image, task));
    TRY(inherit_host_image(db, host, image, task));
    TRY(read_host_image(db, host, image, task, &found, out));
    return found ? OK : fail(E_UNAVAILABLE, "Host %s was taken away.", host);
}

enum err host_image_ready(struct db *db, const char *host, const char *image, const struct uuid *task)
{
    static const char sql[] = "UPDATE host_images SET ready_at = UTC_TIMESTAMP(6) WHERE host = ? AND image = ? AND holder = ?";
    const struct sql_value values[] = {sql_text(host), sql_text(image), sql_uuid(task)};
    uint64_t affected = 0;
    TRY(db_exec_count(db, sql, values, ARRAY_LEN(values), &affected));
    return affected ? OK : fail(E_LOST, "The copy of image %s to host %s was taken over.", image, host);
}

static enum err host_delete(struct db *db, const char *name)
{
    static const char images[] = "DELETE FROM host_images WHERE host = ?";
    static const char aggregates[] = "DELETE FROM aggregate_hosts WHERE host = ?";
    static const char sql[] = "DELETE FROM hosts WHERE name = ?";
    const struct sql_value values[] = {sql_text(name)};
    TRY(db_exec(db, images, values, ARRAY_LEN(values)));
    TRY(db_exec(db, aggregates, values, ARRAY_LEN(values)));
    return db_exec(db, sql, values, ARRAY_LEN(values));
}

/* The host's provider and all below it, unless something holds allocations on them. */
static enum err remove_providers(struct db *db, struct arena *arena, const char *name, int64_t root)
{
    const int64_t *ids = NULL;
    size_t count = 0;
    struct provider_rows rows;
    TRY(provider_subtree(db, arena, root, &ids, &count));
    TRY(provider_rows_by_id(db, arena, ids, count, &rows));
    TRY(provider_rows_lock(db, arena, &rows));
    for (size_t i = 0; i < rows.count; i++) {
        bool allocated = false;
        TRY(provider_allocated(db, rows.items[i].id, &allocated));
        if (allocated)
            return fail(E_CONFLICT,
                        "Host %s has no servers, but its resource provider %s has allocations: `zonegate placement"
                        " audit` shows them.",
                        name, rows.items[i].name);
    }
    for (size_t i = 0; i < rows.count; i++)
        TRY(provider_remove(db, rows.items[i].id));
    return OK;
}

static enum err forget_in_transaction(struct db *db, void *context)
{
    const char *name = context;
    CLEANUP(arena_clear) struct arena arena = {0};
    struct host host;
    struct provider_rows providers;
    int64_t servers = 0;
    TRY(host_get(db, &arena, name, &host));
    TRY(host_count_servers(db, name, &servers));
    if (servers)
        return fail(E_CONFLICT, "Host %s has %lld servers.", name, (long long)servers);
    TRY(provider_rows_get(db, &arena, &host.uuid, 1, &providers));
    if (providers.count)
        TRY(remove_providers(db, &arena, name, providers.items[0].id));
    TRY(network_report(db, &host.uuid, NULL, 0));
    return host_delete(db, name);
}

enum err host_forget(struct db *db, const char *name)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    return db_transaction(db, forget_in_transaction, arena_strdup(&arena, name));
}
