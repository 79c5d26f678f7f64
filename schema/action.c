/* Statements on `server_actions` and `server_action_events`; see action.h. */
#include "schema/action.h"

#include "schema/sql_rows.h"

#define ACTION_COLUMNS "id, server, action, request_id, user_id, project_id, message, start_time, updated_at"

static const struct sql_insert action_insert = {
    "INSERT INTO server_actions (server, action, request_id, user_id, project_id, start_time, updated_at) VALUES ",
    "(?, ?, ?, ?, ?, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6))", 5};
static const struct sql_insert event_insert = {"INSERT INTO server_action_events (action_id, event, host, start_time) VALUES ",
                                               "(?, ?, ?, UTC_TIMESTAMP(6))", 3};

static enum err insert_actions(struct db *db, struct arena *arena, const struct action_new *items, size_t count,
                               const int64_t **out_ids)
{
    struct sql_value *values = arena_alloc(arena, (count + 1) * action_insert.columns * sizeof(*values));
    struct sql_value *next = values;
    for (size_t i = 0; i < count; i++) {
        const char *project = items[i].caller->project_id;
        *next++ = sql_uuid(items[i].server);
        *next++ = sql_text(items[i].action);
        *next++ = sql_text(items[i].request_id);
        *next++ = sql_text(items[i].caller->user_id);
        *next++ = sql_text(project ? project : "");
    }
    return sql_insert_rows_ids(db, arena, &action_insert, values, count, out_ids);
}

enum err action_start(struct db *db, const struct uuid *server, const char *action, const struct caller *caller,
                      const char *request_id)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    const struct action_new item = {.server = server, .action = action, .caller = caller, .request_id = request_id};
    const int64_t *ids = NULL;
    return insert_actions(db, &arena, &item, 1, &ids);
}

enum err action_start_all(struct db *db, const struct action_new *items, size_t count)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    struct sql_value *values = arena_alloc(&arena, (count + 1) * event_insert.columns * sizeof(*values));
    const int64_t *ids = NULL;
    TRY(insert_actions(db, &arena, items, count, &ids));
    for (size_t i = 0; i < count; i++) {
        values[event_insert.columns * i] = sql_int(ids[i]);
        values[event_insert.columns * i + 1] = sql_text(items[i].event);
        values[event_insert.columns * i + 2] = sql_text(items[i].host);
    }
    return sql_insert_rows(db, &event_insert, values, count);
}

/* Id of the newest action of the request; 0 when there is none. */
static enum err find_action(struct db *db, const struct uuid *server, const char *request_id, int64_t *out)
{
    static const char sql[] = "SELECT MAX(id) FROM server_actions WHERE server = ? AND request_id = ?";
    const struct sql_value values[] = {sql_uuid(server), sql_text(request_id)};
    CLEANUP(arena_clear) struct arena arena = {0};
    struct rows rows;
    TRY(db_query(db, &arena, sql, values, ARRAY_LEN(values), &rows));
    *out = rows_int(&rows, 0, 0);
    return OK;
}

enum err action_event_start(struct db *db, const struct uuid *server, const char *request_id, const char *event, const char *host)
{
    static const char sql[] = "INSERT INTO server_action_events (action_id, event, host, start_time)"
                              " SELECT ?, ?, ?, UTC_TIMESTAMP(6) FROM DUAL WHERE NOT EXISTS"
                              " (SELECT 1 FROM server_action_events WHERE action_id = ? AND event = ? AND host <=> ?)";
    int64_t action = 0;
    TRY(find_action(db, server, request_id, &action));
    if (!action)
        return OK;
    const struct sql_value values[] = {sql_int(action), sql_text(event), sql_text(host),
                                       sql_int(action), sql_text(event), sql_text(host)};
    return db_exec(db, sql, values, ARRAY_LEN(values));
}

/* Of the actions of this request the newest that has the event; id 0: none has. A request may have several actions of a server:
 * what takes a create back deletes in its name. */
struct event_place {
    int64_t action;
    bool open; /* the event has not ended */
};

static enum err find_event(struct db *db, const struct uuid *server, const char *request_id, const char *event,
                           struct event_place *out)
{
    static const char sql[] = "SELECT a.id, SUM(e.finish_time IS NULL) FROM server_actions a"
                              " JOIN server_action_events e ON e.action_id = a.id"
                              " WHERE a.server = ? AND a.request_id = ? AND e.event = ? GROUP BY a.id ORDER BY a.id DESC LIMIT 1";
    const struct sql_value values[] = {sql_uuid(server), sql_text(request_id), sql_text(event)};
    CLEANUP(arena_clear) struct arena arena = {0};
    struct rows rows;
    *out = (struct event_place){0};
    TRY(db_query(db, &arena, sql, values, ARRAY_LEN(values), &rows));
    if (rows.count)
        *out = (struct event_place){rows_int(&rows, 0, 0), rows_int(&rows, 0, 1) > 0};
    return OK;
}

static enum err finish_event(struct db *db, int64_t action, const char *event, const char *error)
{
    static const char sql[] = "UPDATE server_action_events SET finish_time = UTC_TIMESTAMP(6), result = ?, traceback = ?"
                              " WHERE action_id = ? AND event = ? AND finish_time IS NULL";
    const struct sql_value values[] = {sql_text(error ? "Error" : "Success"), sql_text(error), sql_int(action), sql_text(event)};
    return db_exec(db, sql, values, ARRAY_LEN(values));
}

static enum err note_end(struct db *db, int64_t action, const char *error)
{
    static const char sql[] =
        "UPDATE server_actions SET message = COALESCE(?, message), updated_at = UTC_TIMESTAMP(6) WHERE id = ?";
    const struct sql_value values[] = {sql_text(error ? "Error" : NULL), sql_int(action)};
    return db_exec(db, sql, values, ARRAY_LEN(values));
}

/* What is told after the event's end counts no more; a request may have an action without that event. Single tables on purpose: an
 * UPDATE of both at once goes through temporary tables and costs four times as much. */
enum err action_event_finish(struct db *db, const struct uuid *server, const char *request_id, const char *event, const char *error)
{
    struct event_place place;
    if (error)
        TRY(db_exec(db, "UPDATE change_counters SET version = version + 1 WHERE name = 'failures'", NULL, 0));
    TRY(find_event(db, server, request_id, event, &place));
    if (place.action && !place.open)
        return OK;
    if (place.action)
        TRY(finish_event(db, place.action, event, error));
    else
        TRY(find_action(db, server, request_id, &place.action));
    return place.action ? note_end(db, place.action, error) : OK;
}

static void read_action(const struct rows *rows, size_t row, struct server_action *out)
{
    *out = (struct server_action){rows_int(rows, row, 0),  rows_uuid(rows, row, 1), rows_text(rows, row, 2),
                                  rows_text(rows, row, 3), rows_text(rows, row, 4), rows_text(rows, row, 5),
                                  rows_text(rows, row, 6), rows_time(rows, row, 7), rows_time(rows, row, 8)};
}

enum err action_list(struct db *db, struct arena *arena, const struct uuid *server, const char *marker, int64_t changes_since_us,
                     int64_t changes_before_us, size_t limit, struct server_actions *out)
{
    static const char sql[] = "SELECT " ACTION_COLUMNS " FROM server_actions WHERE server = ? AND id < ?"
                              " AND (? IS NULL OR updated_at >= ?) AND (? IS NULL OR updated_at <= ?) ORDER BY id DESC LIMIT ?";
    int64_t before = INT64_MAX;
    if (marker) {
        TRY(find_action(db, server, marker, &before));
        if (!before)
            return fail(E_INVALID, "marker [%s] not found", marker);
    }
    const struct sql_value since = sql_time(changes_since_us);
    const struct sql_value until = sql_time(changes_before_us);
    const struct sql_value values[] = {sql_uuid(server), sql_int(before), since, since, until, until, sql_int((int64_t)limit)};
    struct rows rows;
    TRY(db_query(db, arena, sql, values, ARRAY_LEN(values), &rows));
    struct server_action *items = arena_alloc(arena, (rows.count + 1) * sizeof(*items));
    for (size_t i = 0; i < rows.count; i++)
        read_action(&rows, i, &items[i]);
    *out = (struct server_actions){items, rows.count};
    return OK;
}

enum err action_get(struct db *db, struct arena *arena, const struct uuid *server, const char *request_id,
                    struct server_action *out)
{
    static const char sql[] =
        "SELECT " ACTION_COLUMNS " FROM server_actions WHERE server = ? AND request_id = ? ORDER BY id DESC LIMIT 1";
    const struct sql_value values[] = {sql_uuid(server), sql_text(request_id)};
    struct rows rows;
    TRY(db_query(db, arena, sql, values, ARRAY_LEN(values), &rows));
    if (rows.count == 0)
        return fail(E_NOT_FOUND, "Action %s not found", request_id);
    read_action(&rows, 0, out);
    return OK;
}

enum err action_events(struct db *db, struct arena *arena, int64_t action_id, struct server_action_events *out)
{
    static const char sql[] =
        "SELECT event, host, start_time, finish_time, result, traceback FROM server_action_events WHERE action_id = ?"
        " ORDER BY id DESC";
    const struct sql_value values[] = {sql_int(action_id)};
    struct rows rows;
    TRY(db_query(db, arena, sql, values, ARRAY_LEN(values), &rows));
    struct server_action_event *items = arena_alloc(arena, (rows.count + 1) * sizeof(*items));
    for (size_t i = 0; i < rows.count; i++)
        items[i] = (struct server_action_event){rows_text(&rows, i, 0), rows_text(&rows, i, 1), rows_time(&rows, i, 2),
                                                rows_time(&rows, i, 3), rows_text(&rows, i, 4), rows_text(&rows, i, 5)};
    *out = (struct server_action_events){items, rows.count};
    return OK;
}
