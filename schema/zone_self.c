/* See zone_self.h. */
#include "schema/zone_self.h"

#include "gateway/base/clock.h"
#include "gateway/base/text.h"

enum err zone_self_get(struct db *db, struct arena *arena, struct zone_self *out)
{
    static const char sql[] = "SELECT uuid, name, incarnation, created_at FROM zone_self WHERE id = 1";
    struct rows rows;
    TRY(db_query_one(db, arena, sql, NULL, 0, "The database does not know its zone yet; start the zone once.", &rows));
    *out = (struct zone_self){
        .uuid = rows_uuid(&rows, 0, 0),
        .name = rows_text(&rows, 0, 1),
        .incarnation = rows_int(&rows, 0, 2),
        .created_us = rows_time(&rows, 0, 3),
    };
    return OK;
}

/* Two gateways may start at once: the second keeps the first one's row. */
static enum err create_row(struct db *db, const struct uuid *uuid, const char *name)
{
    static const char sql[] = "INSERT INTO zone_self (id, uuid, name, incarnation, created_at) VALUES (1, ?, ?, 1, ?)"
                              " ON DUPLICATE KEY UPDATE id = id";
    return db_exec(db, sql, (const struct sql_value[]){sql_uuid(uuid), sql_text(name), sql_time(clock_wall_us())}, 3);
}

static enum err rename_row(struct db *db, const char *name)
{
    static const char sql[] = "UPDATE zone_self SET name = ? WHERE id = 1";
    const struct sql_value value = sql_text(name);
    return db_exec(db, sql, &value, 1);
}

enum err zone_self_open(struct db *db, struct arena *arena, const struct uuid *uuid, const char *name, struct zone_self *out)
{
    struct zone_self self;
    enum err found = zone_self_get(db, arena, &self);
    if (found == E_NOT_FOUND) {
        TRY(create_row(db, uuid, name));
        found = zone_self_get(db, arena, &self);
    }
    TRY(found);
    if (!uuid_equal(&self.uuid, uuid))
        return fail(
            E_INVALID,
            "This database belongs to zone %s (\"%s\"), but the key file in the state directory is of zone %s. Use the state "
            "directory that belongs to this database, or another database.",
            uuid_to_text(&self.uuid).text, self.name, uuid_to_text(uuid).text);
    if (!str_equal(self.name, name)) {
        TRY(rename_row(db, name));
        self.name = arena_strdup(arena, name);
    }
    *out = self;
    return OK;
}

static enum err raise_incarnation(struct db *db, void *context)
{
    static const char update[] = "UPDATE zone_self SET incarnation = incarnation + 1 WHERE id = 1";
    static const char select[] = "SELECT incarnation FROM zone_self WHERE id = 1";
    struct arena arena = {0};
    struct rows rows;
    enum err result = db_exec(db, update, NULL, 0);
    if (result == OK)
        result = db_query_one(db, &arena, select, NULL, 0, "The database does not know its zone yet; start the zone once.", &rows);
    if (result == OK)
        *(int64_t *)context = rows_int(&rows, 0, 0);
    arena_clear(&arena);
    return result;
}

enum err zone_self_renew(struct db *db, int64_t *out_incarnation)
{
    int64_t incarnation = 0;
    TRY(db_transaction(db, raise_incarnation, &incarnation));
    *out_incarnation = incarnation;
    return OK;
}

enum err zone_self_is_reconciled(struct db *db, bool *out)
{
    static const char sql[] = "SELECT reconciled >= incarnation FROM zone_self WHERE id = 1";
    CLEANUP(arena_clear) struct arena arena = {0};
    struct rows rows;
    TRY(db_query_one(db, &arena, sql, NULL, 0, "The database does not know its zone yet; start the zone once.", &rows));
    *out = rows_int(&rows, 0, 0) != 0;
    return OK;
}

enum err zone_self_reconciled(struct db *db, int64_t incarnation)
{
    static const char sql[] = "UPDATE zone_self SET reconciled = ? WHERE id = 1 AND reconciled < ?";
    const struct sql_value values[] = {sql_int(incarnation), sql_int(incarnation)};
    return db_exec(db, sql, values, ARRAY_LEN(values));
}
