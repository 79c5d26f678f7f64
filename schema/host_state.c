/* Set-based statements for the scheduler; see host_state.h. */
#include "schema/host_state.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/clock.h"
#include "gateway/base/text.h"
#include "schema/db_cache.h"
#include "schema/host_zone.h"
#include "schema/sql_list.h"

#define BUILD_EVENT    "compute__do_build_and_run_instance"
#define MINUTE         (INT64_C(60) * 1000000)
#define FAILURE_WINDOW (60 * MINUTE)
#define LATEST_EVENTS  "SELECT id, event, host, result, finish_time FROM server_action_events ORDER BY id DESC LIMIT 500"

static void write_hosts(struct text *sql, bool with_inventory)
{
    text_add_format(sql, "SELECT uuid, name, uri, %s, disabled, disabled_reason, up, forced_down, %s FROM hosts", HOST_ZONE,
                    with_inventory ? "inventory" : "NULL");
}

enum err host_states_get(struct db *db, struct arena *arena, const struct uuid *uuids, size_t count, bool with_inventory,
                         struct hosts *out)
{
    struct sql_list list = {0};
    struct rows rows;
    CLEANUP(text_clear) struct text sql = {0};
    write_hosts(&sql, with_inventory);
    if (uuids) {
        list = sql_list_uuids(arena, uuids, count);
        text_add_str(&sql, " WHERE uuid IN (");
        sql_list_write(&sql, list.count);
        text_add_char(&sql, ')');
    }
    text_add_str(&sql, " ORDER BY uuid");
    TRY(db_query_counted(db, arena, COUNTED_HOSTS, text_str(&sql), list.values, list.count, &rows));
    struct host *items = arena_alloc(arena, (rows.count + 1) * sizeof(*items));
    for (size_t i = 0; i < rows.count; i++) {
        items[i] = (struct host){.uuid = rows_uuid(&rows, i, 0),
                                 .name = rows_text(&rows, i, 1),
                                 .uri = rows_text(&rows, i, 2),
                                 .availability_zone = rows_text(&rows, i, 3),
                                 .disabled = rows_int(&rows, i, 4) != 0,
                                 .disabled_reason = rows_text(&rows, i, 5),
                                 .up = rows_int(&rows, i, 6) != 0 && rows_int(&rows, i, 7) == 0,
                                 .forced_down = rows_int(&rows, i, 7) != 0,
                                 .inventory = rows_text(&rows, i, 8)};
    }
    *out = (struct hosts){items, rows.count};
    return OK;
}

static int compare_hosts(const void *a, const void *b)
{
    return strcmp(((const struct host_number *)a)->host, ((const struct host_number *)b)->host);
}

static void take_numbers(struct arena *arena, const struct rows *rows, struct host_numbers *out)
{
    struct host_number *items = arena_alloc(arena, (rows->count + 1) * sizeof(*items));
    for (size_t i = 0; i < rows->count; i++)
        items[i] = (struct host_number){rows_text(rows, i, 0), rows_int(rows, i, 1)};
    qsort(items, rows->count, sizeof(*items), compare_hosts);
    *out = (struct host_numbers){items, rows->count};
}

enum err host_states_io_ops(struct db *db, struct arena *arena, struct host_numbers *out)
{
    static const char sql[] = "SELECT s.host, COUNT(*) FROM tasks t JOIN servers s ON s.uuid = t.subject WHERE s.host IS NOT NULL"
                              " AND t.kind IN ('build', 'rebuild', 'resize', 'migrate', 'snapshot', 'unshelve') GROUP BY s.host";
    struct rows rows;
    TRY(db_query(db, arena, sql, NULL, 0, &rows));
    take_numbers(arena, &rows, out);
    return OK;
}

enum err host_states_servers(struct db *db, struct arena *arena, struct host_numbers *out)
{
    static const char sql[] = "SELECT host, COUNT(*) FROM servers WHERE host IS NOT NULL AND deleted = 0 GROUP BY host";
    struct rows rows;
    TRY(db_query(db, arena, sql, NULL, 0, &rows));
    take_numbers(arena, &rows, out);
    return OK;
}

/* Newest first. A host's count stops growing at its first success: that is noted by a negative number. */
static size_t count_failures(const struct rows *rows, struct host_number *items)
{
    size_t count = 0;
    for (size_t i = 0; i < rows->count; i++) {
        const char *host = rows_text(rows, i, 0);
        const bool failed = rows_int(rows, i, 1) != 0;
        size_t at = 0;
        while (at < count && strcmp(items[at].host, host) != 0)
            at++;
        if (at == count)
            items[count++] = (struct host_number){host, failed ? 1 : INT64_MIN};
        else if (items[at].number > 0)
            items[at].number = failed ? items[at].number + 1 : -items[at].number;
    }
    return count;
}

/* Where nothing failed, which is mostly so, one kept number says it. */
static enum err is_without_failures(struct db *db, struct arena *arena, int64_t since_us, bool *out)
{
    static const char sql[] =
        "SELECT COUNT(*) FROM (" LATEST_EVENTS ") latest WHERE event = '" BUILD_EVENT "' AND result = 'Error' AND finish_time >= ?";
    const struct sql_value values[] = {sql_time(since_us - since_us % MINUTE)};
    struct rows rows;
    TRY(db_query_counted(db, arena, COUNTED_FAILURES, sql, values, ARRAY_LEN(values), &rows));
    *out = rows_int(&rows, 0, 0) == 0;
    return OK;
}

enum err host_states_failures(struct db *db, struct arena *arena, struct host_numbers *out)
{
    static const char sql[] = "SELECT host, result = 'Error' FROM (" LATEST_EVENTS ") latest WHERE event = '" BUILD_EVENT
                              "' AND host IS NOT NULL AND finish_time >= ? ORDER BY finish_time DESC, id DESC";
    const int64_t since_us = clock_wall_us() - FAILURE_WINDOW;
    const struct sql_value values[] = {sql_time(since_us)};
    struct rows rows;
    bool without = false;
    *out = (struct host_numbers){0};
    TRY(is_without_failures(db, arena, since_us, &without));
    if (without)
        return OK;
    TRY(db_query(db, arena, sql, values, ARRAY_LEN(values), &rows));
    struct host_number *items = arena_alloc(arena, (rows.count + 1) * sizeof(*items));
    const size_t count = count_failures(&rows, items);
    for (size_t i = 0; i < count; i++) /* a success ended the row: what failed after it */
        items[i].number = items[i].number == INT64_MIN ? 0 : labs(items[i].number);
    qsort(items, count, sizeof(*items), compare_hosts);
    *out = (struct host_numbers){items, count};
    return OK;
}

static void take_places(struct arena *arena, const struct rows *rows, struct server_places *out)
{
    struct server_place *items = arena_alloc(arena, (rows->count + 1) * sizeof(*items));
    for (size_t i = 0; i < rows->count; i++)
        items[i] = (struct server_place){rows_uuid(rows, i, 0), rows_text(rows, i, 1)};
    *out = (struct server_places){items, rows->count};
}

enum err server_places_get(struct db *db, struct arena *arena, const struct uuid *servers, size_t count, struct server_places *out)
{
    const struct sql_list list = sql_list_uuids(arena, servers, count);
    CLEANUP(text_clear) struct text sql = {0};
    struct rows rows;
    text_add_str(&sql, "SELECT uuid, host FROM servers WHERE deleted = 0 AND host IS NOT NULL AND uuid IN (");
    sql_list_write(&sql, list.count);
    text_add_char(&sql, ')');
    TRY(db_query(db, arena, text_str(&sql), list.values, list.count, &rows));
    take_places(arena, &rows, out);
    return OK;
}

/* LOCATE first: it is cheap, and nearly all rows end there. */
#define SERVERS_OF                                                                                                                 \
    "SELECT uuid, host FROM servers WHERE deleted = 0 AND project_id = ? AND LOCATE(?, request_spec) > 0"                          \
    " AND JSON_VALUE(JSON_VALUE(request_spec, '$.sizing'), '$.group.uuid') = ? AND "
#define HOLDS_OF                                                                                                                   \
    " UNION ALL SELECT holds.server, hosts.name FROM holds JOIN hosts ON hosts.uuid = holds.host WHERE project_id = ?"             \
    " AND LOCATE(?, sizing) > 0 AND JSON_VALUE(sizing, '$.group.uuid') = ?"

enum err server_places_of_group(struct db *db, struct arena *arena, const struct uuid *group, const char *project_id,
                                const char *host, struct server_places *out)
{
    static const char anywhere[] = SERVERS_OF "host IS NOT NULL" HOLDS_OF;
    static const char there[] = SERVERS_OF "host = ?" HOLDS_OF " AND hosts.name = ?";
    const struct uuid_text text = uuid_to_text(group);
    const struct sql_value of_all[] = {sql_text(project_id), sql_text(text.text), sql_text(text.text),
                                       sql_text(project_id), sql_text(text.text), sql_text(text.text)};
    const struct sql_value of_one[] = {sql_text(project_id), sql_text(text.text), sql_text(text.text), sql_text(host),
                                       sql_text(project_id), sql_text(text.text), sql_text(text.text), sql_text(host)};
    struct rows rows;
    if (host)
        TRY(db_query(db, arena, there, of_one, ARRAY_LEN(of_one), &rows));
    else
        TRY(db_query(db, arena, anywhere, of_all, ARRAY_LEN(of_all), &rows));
    take_places(arena, &rows, out);
    return OK;
}

enum err server_places_lock(struct db *db, const struct uuid *group)
{
    static const char own[] = "SELECT id FROM server_groups WHERE uuid = ? FOR UPDATE";
    static const char foreign[] = "SELECT id FROM zone_self FOR UPDATE";
    const struct sql_value values[] = {sql_uuid(group)};
    CLEANUP(arena_clear) struct arena arena = {0};
    struct rows rows;
    TRY(db_query(db, &arena, own, values, ARRAY_LEN(values), &rows));
    return rows.count ? OK : db_query(db, &arena, foreign, NULL, 0, &rows);
}
