/* Statements on one server's row; lists are in server_list.c. See server.h. */
#include "schema/server.h"

#include <string.h>

#include "schema/server_row.h"
#include "schema/sql_list.h"
#include "schema/sql_rows.h"

void server_row_read(const struct rows *rows, size_t row, struct server *out)
{
    size_t c = 0;
    out->uuid = rows_uuid(rows, row, c++);
    out->project_id = rows_text(rows, row, c++);
    out->user_id = rows_text(rows, row, c++);
    out->name = rows_text(rows, row, c++);
    out->description = rows_text(rows, row, c++);
    out->hostname = rows_text(rows, row, c++);
    out->host = rows_text(rows, row, c++);
    out->node = rows_text(rows, row, c++);
    out->availability_zone = rows_text(rows, row, c++);
    out->vm_state = rows_text(rows, row, c++);
    out->task_state = rows_text(rows, row, c++);
    out->power_state = (int)rows_int(rows, row, c++);
    out->progress = (int)rows_int(rows, row, c++);
    out->launch_index = (int)rows_int(rows, row, c++);
    out->reservation_id = rows_text(rows, row, c++);
    out->flavor_id = rows_text(rows, row, c++);
    out->flavor = rows_text(rows, row, c++);
    out->vcpus = rows_int(rows, row, c++);
    out->ram_mib = rows_int(rows, row, c++);
    out->disk_gib = rows_int(rows, row, c++);
    out->image_ref = rows_text(rows, row, c++);
    out->image = rows_text(rows, row, c++);
    out->kernel_id = rows_text(rows, row, c++);
    out->ramdisk_id = rows_text(rows, row, c++);
    out->root_device_name = rows_text(rows, row, c++);
    out->key_name = rows_text(rows, row, c++);
    out->key_data = rows_text(rows, row, c++);
    out->user_data = rows_text(rows, row, c++);
    out->config_drive = rows_int(rows, row, c++) != 0;
    out->metadata = rows_text(rows, row, c++);
    out->tags = rows_text(rows, row, c++);
    out->security_groups = rows_text(rows, row, c++);
    out->trusted_certs = rows_text(rows, row, c++);
    out->access_ip_v4 = rows_text(rows, row, c++);
    out->access_ip_v6 = rows_text(rows, row, c++);
    out->disk_config = rows_text(rows, row, c++);
    out->locked = rows_int(rows, row, c++) != 0;
    out->locked_by = rows_text(rows, row, c++);
    out->locked_reason = rows_text(rows, row, c++);
    out->fault = rows_text(rows, row, c++);
    out->request_spec = rows_text(rows, row, c++);
    out->created_us = rows_time(rows, row, c++);
    out->updated_us = rows_time(rows, row, c++);
    out->launched_us = rows_time(rows, row, c++);
    out->terminated_us = rows_time(rows, row, c++);
    out->deleted_us = rows_time(rows, row, c++);
    out->deleted = rows_int(rows, row, c++) != 0;
    out->block_devices = rows_text(rows, row, c++);
    out->nics = rows_text(rows, row, c++);
    out->host_id = rows_text(rows, row, c);
    out->networks = NULL;
    out->groups = NULL;
    out->first_boot = NULL;
}

#define SERVER_PARAMETERS                                                                                                          \
    "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"  \
    " ?, ?, ?, ?, ?, ?, ?, ?)"

static void write_values(const struct server *s, struct sql_value out[SERVER_STORED])
{
    const struct sql_value values[] = {sql_uuid(&s->uuid),
                                       sql_text(s->project_id),
                                       sql_text(s->user_id),
                                       sql_text(s->name),
                                       sql_text(s->description),
                                       sql_text(s->hostname),
                                       sql_text(s->host),
                                       sql_text(s->node),
                                       sql_text(s->availability_zone),
                                       sql_text(s->vm_state),
                                       sql_text(s->task_state),
                                       sql_int(s->power_state),
                                       sql_int(s->progress),
                                       sql_int(s->launch_index),
                                       sql_text(s->reservation_id),
                                       sql_text(s->flavor_id),
                                       sql_text(s->flavor),
                                       sql_int(s->vcpus),
                                       sql_int(s->ram_mib),
                                       sql_int(s->disk_gib),
                                       sql_text(s->image_ref),
                                       sql_text(s->image),
                                       sql_text(s->kernel_id),
                                       sql_text(s->ramdisk_id),
                                       sql_text(s->root_device_name),
                                       sql_text(s->key_name),
                                       sql_text(s->key_data),
                                       sql_text(s->user_data),
                                       sql_bool(s->config_drive),
                                       sql_text(s->metadata),
                                       sql_text(s->tags),
                                       sql_text(s->security_groups),
                                       sql_text(s->trusted_certs),
                                       sql_text(s->access_ip_v4),
                                       sql_text(s->access_ip_v6),
                                       sql_text(s->disk_config),
                                       sql_bool(s->locked),
                                       sql_text(s->locked_by),
                                       sql_text(s->locked_reason),
                                       sql_text(s->fault),
                                       sql_text(s->request_spec),
                                       sql_time(s->created_us),
                                       sql_time(s->updated_us),
                                       sql_time(s->launched_us),
                                       sql_time(s->terminated_us),
                                       sql_time(s->deleted_us),
                                       sql_bool(s->deleted),
                                       sql_text(s->block_devices),
                                       sql_text(s->nics)};
    _Static_assert(ARRAY_LEN(values) == SERVER_STORED, "one value a column");
    memcpy(out, values, sizeof(values));
}

enum err server_insert_all(struct db *db, const struct server *const *servers, size_t count)
{
    static const struct sql_insert insert = {"INSERT INTO servers (" SERVER_COLUMNS ") VALUES ", SERVER_PARAMETERS, SERVER_STORED};
    CLEANUP(arena_clear) struct arena arena = {0};
    struct sql_value *values = arena_alloc(&arena, count * SERVER_STORED * sizeof(*values));
    for (size_t i = 0; i < count; i++)
        write_values(servers[i], values + i * SERVER_STORED);
    return sql_insert_rows(db, &insert, values, count);
}

enum err server_insert(struct db *db, const struct server *server)
{
    return server_insert_all(db, &server, 1);
}

static enum err missing(const struct uuid *uuid)
{
    return fail(E_NOT_FOUND, "Instance %s could not be found.", uuid_to_text(uuid).text);
}

enum err server_find(struct db *db, struct arena *arena, const struct uuid *uuid, const struct server **out)
{
    static const char sql[] = "SELECT " SERVER_SELECT " FROM servers WHERE uuid = ?";
    const struct sql_value values[] = {sql_uuid(uuid)};
    struct rows rows;
    *out = NULL;
    TRY(db_query(db, arena, sql, values, ARRAY_LEN(values), &rows));
    if (rows.count == 0)
        return OK;
    struct server *server = arena_alloc(arena, sizeof(*server));
    server_row_read(&rows, 0, server);
    *out = server;
    return OK;
}

enum err server_get_any(struct db *db, struct arena *arena, const struct uuid *uuid, struct server *out)
{
    const struct server *found;
    TRY(server_find(db, arena, uuid, &found));
    if (!found)
        return missing(uuid);
    *out = *found;
    return OK;
}

enum err server_get(struct db *db, struct arena *arena, const struct uuid *uuid, const char *project_id, struct server *out)
{
    struct server server;
    TRY(server_get_any(db, arena, uuid, &server));
    if (server.deleted || (project_id && strcmp(project_id, server.project_id) != 0))
        return missing(uuid);
    *out = server;
    return OK;
}

enum err server_get_locked(struct db *db, struct arena *arena, const struct uuid *uuid, struct server *out)
{
    static const char sql[] = "SELECT " SERVER_SELECT " FROM servers WHERE uuid = ? AND deleted = FALSE FOR UPDATE";
    const struct sql_value values[] = {sql_uuid(uuid)};
    struct rows rows;
    TRY(db_query(db, arena, sql, values, ARRAY_LEN(values), &rows));
    if (rows.count == 0)
        return missing(uuid);
    server_row_read(&rows, 0, out);
    return OK;
}

enum err server_exists_any(struct db *db, const struct uuid *uuids, size_t count, bool *out)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    CLEANUP(text_clear) struct text sql = {0};
    const struct sql_list list = sql_list_uuids(&arena, uuids, count);
    struct rows rows;
    text_add_str(&sql, "SELECT 1 FROM servers WHERE uuid IN (");
    sql_list_write(&sql, list.count);
    text_add_str(&sql, ") LIMIT 1");
    TRY(db_query(db, &arena, text_str(&sql), list.values, list.count, &rows));
    *out = rows.count > 0;
    return OK;
}

enum err server_exists(struct db *db, const struct uuid *uuid, bool *out)
{
    return server_exists_any(db, uuid, 1, out);
}

enum err server_set_state(struct db *db, const struct uuid *uuid, const char *vm_state, const char *task_state, int power_state)
{
    static const char sql[] =
        "UPDATE servers SET vm_state = ?, task_state = ?, power_state = ?, updated_at = UTC_TIMESTAMP() WHERE uuid = ?";
    const struct sql_value values[] = {sql_text(vm_state), sql_text(task_state), sql_int(power_state), sql_uuid(uuid)};
    return db_exec(db, sql, values, ARRAY_LEN(values));
}

enum err server_set_task_state(struct db *db, const struct uuid *uuid, const char *task_state)
{
    static const char sql[] = "UPDATE servers SET task_state = ?, updated_at = UTC_TIMESTAMP() WHERE uuid = ?";
    const struct sql_value values[] = {sql_text(task_state), sql_uuid(uuid)};
    return db_exec(db, sql, values, ARRAY_LEN(values));
}

/* 1 is running, 4 shut down, 6 crashed (Nova's power states). */
enum err server_sync_power(struct db *db, const struct uuid *uuid, int power_state)
{
    static const char sql[] = "UPDATE servers SET power_state = ?,"
                              " vm_state = CASE WHEN vm_state = 'active' AND ? IN (4, 6) THEN 'stopped'"
                              " WHEN vm_state = 'stopped' AND ? = 1 THEN 'active' ELSE vm_state END, updated_at = UTC_TIMESTAMP()"
                              " WHERE uuid = ? AND deleted = FALSE AND task_state IS NULL AND power_state <> ?"
                              " AND vm_state IN ('active', 'stopped', 'paused', 'suspended')";
    const struct sql_value power = sql_int(power_state);
    const struct sql_value values[] = {power, power, power, sql_uuid(uuid), power};
    return db_exec(db, sql, values, ARRAY_LEN(values));
}

enum err server_set_built(struct db *db, const struct uuid *uuid, int power_state, const char *root_device)
{
    static const char sql[] =
        "UPDATE servers SET vm_state = 'active', task_state = IF(task_state LIKE 'd%', task_state, NULL), power_state = ?,"
        " root_device_name = ?, launched_at = COALESCE(launched_at, UTC_TIMESTAMP()), updated_at = UTC_TIMESTAMP()"
        " WHERE uuid = ? AND deleted = FALSE";
    const struct sql_value values[] = {sql_int(power_state), sql_text(root_device), sql_uuid(uuid)};
    uint64_t affected = 0;
    TRY(db_exec_count(db, sql, values, ARRAY_LEN(values), &affected));
    return affected ? OK : missing(uuid);
}

enum err server_set_fault(struct db *db, const struct uuid *uuid, const char *fault)
{
    static const char sql[] =
        "UPDATE servers SET vm_state = 'error', task_state = NULL, fault = ?, updated_at = UTC_TIMESTAMP() WHERE uuid = ?";
    const struct sql_value values[] = {sql_text(fault), sql_uuid(uuid)};
    return db_exec(db, sql, values, ARRAY_LEN(values));
}

enum err server_clear_host(struct db *db, const struct uuid *uuid)
{
    static const char sql[] = "UPDATE servers SET host = NULL, node = NULL, power_state = 0 WHERE uuid = ?";
    const struct sql_value values[] = {sql_uuid(uuid)};
    return db_exec(db, sql, values, ARRAY_LEN(values));
}

enum err server_set_scheduling(struct db *db, const struct uuid *uuid, const char *request_spec)
{
    static const char sql[] = "UPDATE servers SET vm_state = 'building', task_state = 'scheduling', host = NULL, node = NULL,"
                              " power_state = 0, request_spec = ?, updated_at = UTC_TIMESTAMP() WHERE uuid = ?";
    const struct sql_value values[] = {sql_text(request_spec), sql_uuid(uuid)};
    return db_exec(db, sql, values, ARRAY_LEN(values));
}

enum err server_set_host(struct db *db, const struct uuid *uuid, const char *host, const char *availability_zone)
{
    static const char sql[] = "UPDATE servers SET vm_state = 'building', task_state = 'spawning', host = ?, node = ?,"
                              " availability_zone = ?, updated_at = UTC_TIMESTAMP() WHERE uuid = ?";
    const struct sql_value values[] = {sql_text(host), sql_text(host), sql_text(availability_zone), sql_uuid(uuid)};
    return db_exec(db, sql, values, ARRAY_LEN(values));
}

enum err server_set_request_spec(struct db *db, const struct uuid *uuid, const char *request_spec)
{
    static const char sql[] = "UPDATE servers SET request_spec = ? WHERE uuid = ?";
    const struct sql_value values[] = {sql_text(request_spec), sql_uuid(uuid)};
    return db_exec(db, sql, values, ARRAY_LEN(values));
}

enum err server_set_deleted(struct db *db, const struct uuid *uuid)
{
    static const char sql[] =
        "UPDATE servers SET deleted = TRUE, vm_state = 'deleted', task_state = NULL, power_state = 0,"
        " deleted_at = UTC_TIMESTAMP(), terminated_at = UTC_TIMESTAMP(), updated_at = UTC_TIMESTAMP() WHERE uuid = ?";
    const struct sql_value values[] = {sql_uuid(uuid)};
    return db_exec(db, sql, values, ARRAY_LEN(values));
}

enum err server_remove(struct db *db, const struct uuid *uuid)
{
    static const char sql[] = "DELETE FROM servers WHERE uuid = ?";
    const struct sql_value values[] = {sql_uuid(uuid)};
    return db_exec(db, sql, values, ARRAY_LEN(values));
}

enum err server_update(struct db *db, const struct server *server)
{
    static const char sql[] =
        "UPDATE servers SET display_name = ?, display_description = ?, access_ip_v4 = ?, access_ip_v6 = ?, disk_config = ?,"
        " hostname = ?, updated_at = UTC_TIMESTAMP() WHERE uuid = ?";
    const struct sql_value values[] = {sql_text(server->name),         sql_text(server->description),
                                       sql_text(server->access_ip_v4), sql_text(server->access_ip_v6),
                                       sql_text(server->disk_config),  sql_text(server->hostname),
                                       sql_uuid(&server->uuid)};
    return db_exec(db, sql, values, ARRAY_LEN(values));
}

enum err server_set_lock(struct db *db, const struct uuid *uuid, const char *locked_by, const char *reason)
{
    static const char sql[] =
        "UPDATE servers SET locked = ?, locked_by = ?, locked_reason = ?, updated_at = UTC_TIMESTAMP() WHERE uuid = ?";
    const struct sql_value values[] = {sql_bool(locked_by != NULL), sql_text(locked_by), sql_text(reason), sql_uuid(uuid)};
    return db_exec(db, sql, values, ARRAY_LEN(values));
}

enum err server_set_metadata(struct db *db, const struct uuid *uuid, const char *metadata)
{
    static const char sql[] = "UPDATE servers SET metadata = ?, updated_at = UTC_TIMESTAMP() WHERE uuid = ?";
    const struct sql_value values[] = {sql_text(metadata), sql_uuid(uuid)};
    return db_exec(db, sql, values, ARRAY_LEN(values));
}

enum err server_set_tags(struct db *db, const struct uuid *uuid, const char *tags)
{
    static const char sql[] = "UPDATE servers SET tags = ? WHERE uuid = ?";
    const struct sql_value values[] = {sql_text(tags), sql_uuid(uuid)};
    return db_exec(db, sql, values, ARRAY_LEN(values));
}

enum err server_set_security_groups(struct db *db, const struct uuid *uuid, const char *groups)
{
    static const char sql[] = "UPDATE servers SET security_groups = ?, updated_at = UTC_TIMESTAMP() WHERE uuid = ?";
    const struct sql_value values[] = {sql_text(groups), sql_uuid(uuid)};
    return db_exec(db, sql, values, ARRAY_LEN(values));
}

enum err server_set_nics(struct db *db, const struct uuid *uuid, const char *nics)
{
    static const char sql[] = "UPDATE servers SET nics = ?, updated_at = UTC_TIMESTAMP() WHERE uuid = ?";
    const struct sql_value values[] = {sql_text(nics), sql_uuid(uuid)};
    return db_exec(db, sql, values, ARRAY_LEN(values));
}

enum err server_usage(struct db *db, const char *project_id, struct server_usage *out)
{
    static const char sql[] = "SELECT COUNT(*), COALESCE(SUM(vcpus), 0), COALESCE(SUM(ram_mib), 0) FROM servers"
                              " WHERE project_id = ? AND deleted = FALSE";
    const struct sql_value values[] = {sql_text(project_id)};
    CLEANUP(arena_clear) struct arena arena = {0};
    struct rows rows;
    TRY(db_query(db, &arena, sql, values, ARRAY_LEN(values), &rows));
    *out = (struct server_usage){rows_int(&rows, 0, 0), rows_int(&rows, 0, 1), rows_int(&rows, 0, 2)};
    return OK;
}
