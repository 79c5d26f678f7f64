/* Statements on `reservation_zones`; see reservation.h. */
#include "schema/reservation.h"

#include "gateway/base/clock.h"
#include "gateway/base/text.h"

#define US_PER_S INT64_C(1000000)
#define LATE_US  (US_PER_S * 24 * 3600) /* a set does not count as whole so long before it is forgotten */
#define COLUMNS  3

static const struct uuid no_zone;

enum err reservation_add(struct db *db, struct arena *arena, const char *reservation, int64_t minted_us, const struct uuid *zones,
                         size_t count)
{
    CLEANUP(text_clear) struct text sql = {0};
    struct sql_value *values = arena_alloc(arena, COLUMNS * (count + 1) * sizeof(*values));
    const int64_t now_us = clock_wall_us();
    const size_t rows = count + (minted_us != 0);
    if (rows == 0)
        return OK;
    text_add_str(&sql, "INSERT IGNORE INTO reservation_zones (reservation, zone, created_at) VALUES (?, ?, ?)");
    for (size_t i = 0; i < rows; i++) {
        const bool is_zone = i < count;
        values[COLUMNS * i] = sql_text(reservation);
        values[COLUMNS * i + 1] = sql_uuid(is_zone ? &zones[i] : &no_zone);
        values[COLUMNS * i + 2] = sql_time(is_zone ? now_us : minted_us);
        if (i)
            text_add_str(&sql, ", (?, ?, ?)");
    }
    return db_exec(db, text_str(&sql), values, COLUMNS * rows);
}

enum err reservation_minted(struct db *db, const char *reservation, int64_t *out_us)
{
    static const char sql[] = "SELECT created_at FROM reservation_zones WHERE reservation = ? AND zone = ?";
    const struct sql_value values[] = {sql_text(reservation), sql_uuid(&no_zone)};
    CLEANUP(arena_clear) struct arena arena = {0};
    struct rows rows;
    TRY(db_query(db, &arena, sql, values, ARRAY_LEN(values), &rows));
    *out_us = rows.count ? rows_time(&rows, 0, 0) : 0;
    return OK;
}

enum err reservation_zones(struct db *db, struct arena *arena, const char *reservation, struct reservation_zones *out)
{
    static const char sql[] = "SELECT zone, created_at, reservation = '' FROM reservation_zones WHERE reservation IN (?, '')";
    const struct sql_value value = sql_text(reservation);
    int64_t minted_us = 0;
    int64_t least_us = clock_wall_us() - RESERVATION_KEPT_S * US_PER_S + LATE_US;
    struct rows rows;
    TRY(db_query(db, arena, sql, &value, 1, &rows));
    struct uuid *items = arena_alloc(arena, (rows.count + 1) * sizeof(*items));
    size_t count = 0;
    for (size_t i = 0; i < rows.count; i++) {
        const struct uuid zone = rows_uuid(&rows, i, 0);
        const int64_t at_us = rows_time(&rows, i, 1);
        if (rows_int(&rows, i, 2) != 0)
            least_us = at_us > least_us ? at_us : least_us;
        else if (uuid_is_zero(&zone))
            minted_us = at_us;
        else
            items[count++] = zone;
    }
    *out = (struct reservation_zones){minted_us > least_us, items, count};
    return OK;
}

enum err reservation_zones_void(struct db *db)
{
    static const char sql[] = "INSERT INTO reservation_zones (reservation, zone, created_at) VALUES ('', ?, ?)"
                              " ON DUPLICATE KEY UPDATE created_at = GREATEST(created_at, VALUES(created_at))";
    const struct sql_value values[] = {sql_uuid(&no_zone), sql_time(clock_wall_us())};
    return db_exec(db, sql, values, ARRAY_LEN(values));
}

enum err reservation_zones_purge(struct db *db)
{
    static const char sql[] = "DELETE FROM reservation_zones WHERE created_at < ? AND reservation <> ''"
                              " ORDER BY created_at LIMIT 5000";
    const struct sql_value oldest = sql_time(clock_wall_us() - RESERVATION_KEPT_S * US_PER_S);
    return db_exec(db, sql, &oldest, 1);
}
