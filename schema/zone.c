/* Statements on `zones`; see zone.h. */
#include "schema/zone.h"

#include "gateway/base/text.h"

#define ZONE_COLUMNS                                                                                                               \
    "id, side, uuid, name, name_given, api_url, kind, username, credential, weight_offset, weight_scale, state, max_in_flight, "   \
    "timeout_ms, tls_ca, tls_pin, insecure, untagged, joined, incarnation, protocol, signing_key, policy, last_seen, last_error, " \
    "latency_ms, info, created_at, updated_at, delete_when_empty"

static const char *const side_names[] = {[ZONE_CHILD] = "child", [ZONE_PARENT] = "parent"};
static const char *const state_names[] = {
    [ZONE_ENABLED] = "enabled", [ZONE_DRAINING] = "draining", [ZONE_ADMIN_DISABLED] = "disabled"};
_Static_assert(ARRAY_LEN(state_names) == ZONE_ADMIN_COUNT, "one name per state");

const char *zone_admin_state_name(enum zone_admin_state state)
{
    return state_names[state];
}

enum err zone_admin_state_from_name(const char *name, enum zone_admin_state *out)
{
    for (size_t i = 0; i < ARRAY_LEN(state_names); i++) {
        if (str_equal(name, state_names[i])) {
            *out = (enum zone_admin_state)i;
            return OK;
        }
    }
    return fail(E_INVALID, "'%.64s' is no state of a zone: enabled, draining or disabled.", name ? name : "");
}

bool zone_row_is_rehomed(const struct zone_row *row)
{
    return row->state == ZONE_ADMIN_DISABLED && row->last_error && str_starts(row->last_error, ZONE_REHOMED);
}

static enum zone_admin_state read_state(const char *name)
{
    enum zone_admin_state state = ZONE_ADMIN_DISABLED; /* a word that this version does not know takes the zone out */
    return zone_admin_state_from_name(name, &state) == OK ? state : ZONE_ADMIN_DISABLED;
}

static void read_row(const struct rows *rows, size_t row, struct zone_row *out)
{
    const struct sql_cell credential = rows_bytes(rows, row, 8);
    *out = (struct zone_row){
        .id = rows_int(rows, row, 0),
        .side = str_equal(rows_text(rows, row, 1), side_names[ZONE_CHILD]) ? ZONE_CHILD : ZONE_PARENT,
        .uuid = rows_uuid(rows, row, 2),
        .name = rows_text(rows, row, 3),
        .name_given = rows_int(rows, row, 4) != 0,
        .api_url = rows_text(rows, row, 5),
        .kind = rows_text(rows, row, 6),
        .username = rows_text(rows, row, 7),
        .credential = (const uint8_t *)credential.bytes,
        .credential_length = credential.length,
        .weight_offset = rows_double(rows, row, 9),
        .weight_scale = rows_double(rows, row, 10),
        .state = read_state(rows_text(rows, row, 11)),
        .max_in_flight = rows_int(rows, row, 12),
        .timeout_ms = rows_int(rows, row, 13),
        .tls_ca = rows_text(rows, row, 14),
        .tls_pin = rows_text(rows, row, 15),
        .insecure = rows_int(rows, row, 16) != 0,
        .untagged = rows_int(rows, row, 17) != 0,
        .joined = rows_int(rows, row, 18) != 0,
        .incarnation = rows_int(rows, row, 19),
        .protocol = rows_int(rows, row, 20),
        .signing_key = (const uint8_t *)rows_bytes(rows, row, 21).bytes,
        .policy = rows_text(rows, row, 22),
        .last_seen_us = rows_time(rows, row, 23),
        .last_error = rows_text(rows, row, 24),
        .latency_ms = rows_int(rows, row, 25),
        .info = rows_text(rows, row, 26),
        .created_us = rows_time(rows, row, 27),
        .updated_us = rows_time(rows, row, 28),
        .delete_when_empty = rows_int(rows, row, 29) != 0,
    };
}

enum err zone_row_list(struct db *db, struct arena *arena, struct zone_rows *out)
{
    static const char sql[] = "SELECT " ZONE_COLUMNS " FROM zones ORDER BY side, " ZONE_IS_REHOMED ", name";
    struct rows rows;
    TRY(db_query(db, arena, sql, NULL, 0, &rows));
    struct zone_row *items = arena_alloc(arena, (rows.count + 1) * sizeof(*items));
    for (size_t i = 0; i < rows.count; i++)
        read_row(&rows, i, &items[i]);
    *out = (struct zone_rows){items, rows.count};
    return OK;
}

enum err zone_row_get(struct db *db, struct arena *arena, enum zone_side side, int64_t id, struct zone_row *out)
{
    static const char sql[] = "SELECT " ZONE_COLUMNS " FROM zones WHERE side = ? AND id = ?";
    const struct sql_value values[] = {sql_text(side_names[side]), sql_int(id)};
    struct rows rows;
    TRY(db_query_one(db, arena, sql, values, ARRAY_LEN(values), "Zone could not be found.", &rows));
    read_row(&rows, 0, out);
    return OK;
}

static struct sql_value int_or_null(int64_t number)
{
    return number ? sql_int(number) : sql_null();
}

static enum err name_is_taken(const struct zone_row *row)
{
    return fail(E_CONFLICT, "A %s zone with the name '%s' is registered already.", side_names[row->side], row->name);
}

enum err zone_row_add(struct db *db, const struct zone_row *row, int64_t *out_id)
{
    static const char sql[] =
        "INSERT INTO zones (side, name, name_given, api_url, kind, username, credential, weight_offset, weight_scale, state,"
        " max_in_flight, timeout_ms, tls_ca, tls_pin, insecure, untagged, policy, created_at, updated_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6))";
    const struct sql_value values[] = {
        sql_text(side_names[row->side]),
        sql_text(row->name),
        sql_bool(row->name_given),
        sql_text(row->api_url),
        sql_text(row->kind),
        sql_text(row->username),
        sql_bytes(row->credential, row->credential_length),
        sql_double(row->weight_offset),
        sql_double(row->weight_scale),
        sql_text(state_names[row->state]),
        sql_int(row->max_in_flight),
        int_or_null(row->timeout_ms),
        sql_text(row->tls_ca),
        sql_text(row->tls_pin),
        sql_bool(row->insecure),
        sql_bool(row->untagged),
        sql_text(row->policy),
    };
    uint64_t id = 0;
    const enum err result = db_insert(db, sql, values, ARRAY_LEN(values), &id);
    if (result == E_CONFLICT)
        return name_is_taken(row);
    TRY(result);
    *out_id = (int64_t)id;
    return OK;
}

enum err zone_row_update(struct db *db, const struct zone_row *row)
{
    static const char sql[] =
        "UPDATE zones SET name = ?, name_given = ?, api_url = ?, username = IF(? IS NULL, username, ?),"
        " credential = COALESCE(?, credential), weight_offset = ?, weight_scale = ?, state = ?, max_in_flight = ?, timeout_ms = ?,"
        " tls_ca = ?, tls_pin = ?, insecure = ?, untagged = ?, joined = ?, policy = ?, delete_when_empty = ?, updated_at = "
        "UTC_TIMESTAMP(6) WHERE side = ? AND id = ?";
    const struct sql_value credential = sql_bytes(row->credential, row->credential_length);
    const struct sql_value values[] = {
        sql_text(row->name),
        sql_bool(row->name_given),
        sql_text(row->api_url),
        credential,
        sql_text(row->username),
        credential,
        sql_double(row->weight_offset),
        sql_double(row->weight_scale),
        sql_text(state_names[row->state]),
        sql_int(row->max_in_flight),
        int_or_null(row->timeout_ms),
        sql_text(row->tls_ca),
        sql_text(row->tls_pin),
        sql_bool(row->insecure),
        sql_bool(row->untagged),
        sql_bool(row->joined),
        sql_text(row->policy),
        sql_bool(row->delete_when_empty),
        sql_text(side_names[row->side]),
        sql_int(row->id),
    };
    uint64_t affected = 0;
    const enum err result = db_exec_count(db, sql, values, ARRAY_LEN(values), &affected);
    if (result == E_CONFLICT)
        return name_is_taken(row);
    TRY(result);
    return affected ? OK : fail(E_NOT_FOUND, "Zone could not be found.");
}

enum err zone_row_delete(struct db *db, enum zone_side side, int64_t id)
{
    static const char sql[] = "DELETE FROM zones WHERE side = ? AND id = ?";
    const struct sql_value values[] = {sql_text(side_names[side]), sql_int(id)};
    uint64_t affected = 0;
    TRY(db_exec_count(db, sql, values, ARRAY_LEN(values), &affected));
    return affected ? OK : fail(E_NOT_FOUND, "Zone could not be found.");
}

enum err zone_row_joined(struct db *db, const struct zone_row *row)
{
    static const char sql[] = "UPDATE zones SET uuid = ?, name = ?, api_url = ?, incarnation = ?, protocol = ?, signing_key = ?,"
                              " joined = 1, username = NULL, credential = NULL, last_error = NULL, updated_at = UTC_TIMESTAMP(6)"
                              " WHERE id = ?";
    const struct sql_value values[] = {sql_uuid(&row->uuid),      sql_text(row->name),    sql_text(row->api_url),
                                       sql_int(row->incarnation), sql_int(row->protocol), sql_bytes(row->signing_key, 32),
                                       sql_int(row->id)};
    uint64_t affected = 0;
    const enum err result = db_exec_count(db, sql, values, ARRAY_LEN(values), &affected);
    if (result == E_CONFLICT)
        return fail(E_CONFLICT, "Zone %s, or another one with the name '%s', is registered as a %s already.",
                    uuid_to_text(&row->uuid).text, row->name, side_names[row->side]);
    TRY(result);
    return affected ? OK : fail(E_NOT_FOUND, "Zone could not be found.");
}

enum err zone_row_set_state(struct db *db, int64_t id, enum zone_admin_state state, const char *error)
{
    static const char sql[] = "UPDATE zones SET state = ?, last_error = ?, updated_at = UTC_TIMESTAMP(6) WHERE id = ?";
    const struct sql_value values[] = {sql_text(state_names[state]), sql_text(error), sql_int(id)};
    uint64_t affected = 0;
    TRY(db_exec_count(db, sql, values, ARRAY_LEN(values), &affected));
    return affected ? OK : fail(E_NOT_FOUND, "Zone could not be found.");
}

enum err zone_rehomed_delete(struct db *db, const struct uuid *uuid, const char *name)
{
    static const char sql[] = "DELETE FROM zones WHERE side = 'child' AND (uuid = ? OR name = ?) AND " ZONE_IS_REHOMED;
    const struct sql_value values[] = {sql_uuid(uuid), sql_text(name)};
    return db_exec(db, sql, values, ARRAY_LEN(values));
}

enum err zone_row_seen(struct db *db, const struct zone_sight *sight)
{
    static const char sql[] = "UPDATE zones SET last_seen = COALESCE(?, last_seen),"
                              " last_error = IF(state = 'disabled', last_error, ?), latency_ms = ?,"
                              " incarnation = IF(? = 0, incarnation, ?), info = COALESCE(?, info) WHERE id = ?";
    const struct sql_value values[] = {sql_time(sight->seen_us),    sql_text(sight->error),      sql_int(sight->latency_ms),
                                       sql_int(sight->incarnation), sql_int(sight->incarnation), sql_text(sight->info),
                                       sql_int(sight->id)};
    return db_exec(db, sql, values, ARRAY_LEN(values));
}
