/* Statements on `zone_nova` and `zone_nova_projects`; see zone_nova.h. */
#include "schema/zone_nova.h"

static void take_projects(const struct rows *rows, struct arena *arena, struct zone_nova_row *row)
{
    struct zone_nova_project *projects = arena_alloc(arena, (rows->count + 1) * sizeof(*projects));
    for (size_t i = 0; i < rows->count; i++) {
        if (rows_int(rows, i, 0) == row->zone_id)
            projects[row->project_count++] = (struct zone_nova_project){rows_text(rows, i, 1), rows_text(rows, i, 2)};
    }
    row->projects = projects;
}

static enum err list_projects(struct db *db, struct arena *arena, struct rows *out)
{
    static const char sql[] = "SELECT zone_id, project, remote FROM zone_nova_projects ORDER BY zone_id, project";
    return db_query(db, arena, sql, NULL, 0, out);
}

enum err zone_nova_list(struct db *db, struct arena *arena, struct zone_nova_rows *out)
{
    static const char sql[] = "SELECT zone_id, identity_url, username, user_domain, password, project_domain, region, read_only"
                              " FROM zone_nova ORDER BY zone_id";
    struct rows rows;
    struct rows projects;
    TRY(db_query(db, arena, sql, NULL, 0, &rows));
    TRY(list_projects(db, arena, &projects));
    struct zone_nova_row *items = arena_alloc(arena, (rows.count + 1) * sizeof(*items));
    for (size_t i = 0; i < rows.count; i++) {
        const struct sql_cell password = rows_bytes(&rows, i, 4);
        items[i] = (struct zone_nova_row){
            .zone_id = rows_int(&rows, i, 0),
            .identity_url = rows_text(&rows, i, 1),
            .username = rows_text(&rows, i, 2),
            .user_domain = rows_text(&rows, i, 3),
            .password = (const uint8_t *)password.bytes,
            .password_length = password.length,
            .project_domain = rows_text(&rows, i, 5),
            .region = rows_text(&rows, i, 6),
            .read_only = rows_int(&rows, i, 7) != 0,
        };
        take_projects(&projects, arena, &items[i]);
    }
    *out = (struct zone_nova_rows){items, rows.count};
    return OK;
}

static enum err put_row(struct db *db, const struct zone_nova_row *row)
{
    static const char sql[] =
        "INSERT INTO zone_nova (zone_id, identity_url, username, user_domain, password, project_domain, region, read_only)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON DUPLICATE KEY UPDATE identity_url = VALUES(identity_url), username = VALUES(username),"
        " user_domain = VALUES(user_domain), password = VALUES(password), project_domain = VALUES(project_domain),"
        " region = VALUES(region), read_only = VALUES(read_only)";
    const struct sql_value values[] = {
        sql_int(row->zone_id),
        sql_text(row->identity_url),
        sql_text(row->username),
        sql_text(row->user_domain),
        sql_bytes(row->password, row->password_length),
        sql_text(row->project_domain),
        sql_text(row->region),
        sql_bool(row->read_only),
    };
    return db_exec(db, sql, values, ARRAY_LEN(values));
}

static enum err drop_projects(struct db *db, int64_t zone_id)
{
    static const char sql[] = "DELETE FROM zone_nova_projects WHERE zone_id = ?";
    const struct sql_value value = sql_int(zone_id);
    return db_exec(db, sql, &value, 1);
}

static enum err add_project(struct db *db, int64_t zone_id, const struct zone_nova_project *project)
{
    static const char sql[] = "INSERT INTO zone_nova_projects (zone_id, project, remote) VALUES (?, ?, ?)";
    const struct sql_value values[] = {sql_int(zone_id), sql_text(project->local), sql_text(project->remote)};
    const enum err result = db_exec(db, sql, values, ARRAY_LEN(values));
    return result == E_CONFLICT ? fail(E_CONFLICT, "Project '%s' there stands for two projects here.", project->remote) : result;
}

static enum err put_all(struct db *db, void *context)
{
    const struct zone_nova_row *row = context;
    TRY(put_row(db, row));
    TRY(drop_projects(db, row->zone_id));
    for (size_t i = 0; i < row->project_count; i++)
        TRY(add_project(db, row->zone_id, &row->projects[i]));
    return OK;
}

enum err zone_nova_put(struct db *db, const struct zone_nova_row *row)
{
    struct zone_nova_row copy = *row;
    return db_transaction(db, put_all, &copy);
}

enum err zone_nova_joined(struct db *db, int64_t zone_id, const struct uuid *uuid, const char *endpoint)
{
    static const char sql[] =
        "UPDATE zones SET uuid = ?, api_url = ?, joined = 1, last_error = NULL WHERE id = ? AND kind = 'nova'";
    const struct sql_value values[] = {sql_uuid(uuid), sql_text(endpoint), sql_int(zone_id)};
    uint64_t affected = 0;
    TRY(db_exec_count(db, sql, values, ARRAY_LEN(values), &affected));
    return affected ? OK : fail(E_NOT_FOUND, "Zone could not be found.");
}
