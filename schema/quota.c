/* Statements on `quotas` and `quota_classes`, and the counts that they limit; see quota.h. */
#include "schema/quota.h"

#include "gateway/base/text.h"
#include "schema/db_cache.h"

static const char *const names[] = {
#define QUOTA_NAME(constant, name, last, in_old_classes) name,
    QUOTA_LIST(QUOTA_NAME)
#undef QUOTA_NAME
};
_Static_assert(ARRAY_LEN(names) == QUOTA_COUNT, "a quota lacks its name");

const char *quota_name(enum quota quota)
{
    return names[quota];
}

enum quota quota_of_name(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (str_equal(names[i], name))
            return (enum quota)i;
    }
    return QUOTA_COUNT;
}

/* A resource that this program does not know is left out. */
static void take_row(const struct rows *rows, size_t row, size_t column, struct quota_rows *out)
{
    const enum quota quota = quota_of_name(rows_text(rows, row, column));
    if (quota == QUOTA_COUNT)
        return;
    out->limit[quota] = rows_int(rows, row, column + 1);
    out->known[quota] = true;
}

/* Rows of (resource, limit). */
static void take_rows(const struct rows *rows, struct quota_rows *out)
{
    *out = (struct quota_rows){0};
    for (size_t i = 0; i < rows->count; i++)
        take_row(rows, i, 0, out);
}

static enum err ask(struct db *db, const char *sql, const struct sql_value *values, size_t count, struct quota_rows *out)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    struct rows rows;
    TRY(db_query(db, &arena, sql, values, count, &rows));
    take_rows(&rows, out);
    return OK;
}

enum err quota_rows_get(struct db *db, const char *project_id, const char *user_id, struct quota_rows *out)
{
    static const char sql[] = "SELECT resource, hard_limit FROM quotas WHERE project_id = ? AND user_id = ?";
    const struct sql_value values[] = {sql_text(project_id), sql_text(user_id ? user_id : "")};
    return ask(db, sql, values, ARRAY_LEN(values), out);
}

enum err quota_layers_get(struct db *db, const char *class_name, const char *project_id, const char *user_id,
                          struct quota_layers *out)
{
    static const char sql[] = "SELECT 0, resource, hard_limit FROM quota_classes WHERE class_name = ? UNION ALL"
                              " SELECT IF(user_id = '', 1, 2), resource, hard_limit FROM quotas WHERE project_id = ?"
                              " AND user_id IN ('', ?)";
    const struct sql_value values[] = {sql_text(class_name), sql_text(project_id), sql_text(user_id)};
    struct quota_rows *const layers[] = {&out->of_class, &out->project, &out->user};
    CLEANUP(arena_clear) struct arena arena = {0};
    struct rows rows;
    *out = (struct quota_layers){.of_class = {{0}}};
    TRY(db_query_counted(db, &arena, COUNTED_QUOTAS, sql, values, ARRAY_LEN(values), &rows));
    for (size_t i = 0; i < rows.count; i++)
        take_row(&rows, i, 1, layers[rows_int(&rows, i, 0)]);
    return OK;
}

enum err quota_class_get(struct db *db, const char *class_name, struct quota_rows *out)
{
    static const char sql[] = "SELECT resource, hard_limit FROM quota_classes WHERE class_name = ?";
    const struct sql_value value = sql_text(class_name);
    return ask(db, sql, &value, 1, out);
}

enum err quota_users_sum(struct db *db, const char *project_id, struct quota_rows *out)
{
    static const char sql[] =
        "SELECT resource, SUM(hard_limit) FROM quotas WHERE project_id = ? AND user_id <> '' GROUP BY resource";
    const struct sql_value value = sql_text(project_id);
    return ask(db, sql, &value, 1, out);
}

struct storing {
    const char *project_id; /* NULL: of a class */
    const char *key;        /* user or class */
    const struct quota_rows *rows;
};

static enum err store_row(struct db *db, const struct storing *storing, enum quota quota)
{
    static const char sql[] = "REPLACE INTO quotas (project_id, user_id, resource, hard_limit) VALUES (?, ?, ?, ?)";
    const struct sql_value values[] = {sql_text(storing->project_id), sql_text(storing->key), sql_text(quota_name(quota)),
                                       sql_int(storing->rows->limit[quota])};
    return db_exec(db, sql, values, ARRAY_LEN(values));
}

static enum err store_class_row(struct db *db, const struct storing *storing, enum quota quota)
{
    static const char sql[] = "REPLACE INTO quota_classes (class_name, resource, hard_limit) VALUES (?, ?, ?)";
    const struct sql_value values[] = {sql_text(storing->key), sql_text(quota_name(quota)), sql_int(storing->rows->limit[quota])};
    return db_exec(db, sql, values, ARRAY_LEN(values));
}

static enum err store_all(struct db *db, void *context)
{
    const struct storing *storing = context;
    for (int i = 0; i < QUOTA_COUNT; i++) {
        if (storing->rows->known[i])
            TRY(storing->project_id ? store_row(db, storing, (enum quota)i) : store_class_row(db, storing, (enum quota)i));
    }
    return OK;
}

enum err quota_rows_set(struct db *db, const char *project_id, const char *user_id, const struct quota_rows *rows)
{
    struct storing storing = {project_id, user_id ? user_id : "", rows};
    return db_transaction(db, store_all, &storing);
}

enum err quota_class_set(struct db *db, const char *class_name, const struct quota_rows *rows)
{
    struct storing storing = {NULL, class_name, rows};
    return db_transaction(db, store_all, &storing);
}

enum err quota_rows_forget(struct db *db, const char *project_id, const char *user_id)
{
    static const char sql[] = "DELETE FROM quotas WHERE project_id = ? AND (? OR user_id = ?)";
    const struct sql_value values[] = {sql_text(project_id), sql_bool(user_id == NULL), sql_text(user_id)};
    return db_exec(db, sql, values, ARRAY_LEN(values));
}

enum err quota_servers_count(struct db *db, const char *project_id, const char *user_id, struct quota_servers *out)
{
    static const char sql[] = "SELECT COUNT(*), COALESCE(SUM(vcpus), 0), COALESCE(SUM(ram_mib), 0), COALESCE(SUM(user_id = ?), 0),"
                              " COALESCE(SUM(IF(user_id = ?, vcpus, 0)), 0), COALESCE(SUM(IF(user_id = ?, ram_mib, 0)), 0)"
                              " FROM servers WHERE project_id = ? AND deleted = FALSE";
    const struct sql_value user = sql_text(user_id ? user_id : "");
    const struct sql_value values[] = {user, user, user, sql_text(project_id)};
    CLEANUP(arena_clear) struct arena arena = {0};
    struct rows rows;
    TRY(db_query(db, &arena, sql, values, ARRAY_LEN(values), &rows));
    for (size_t i = 0; i <= Q_RAM; i++) {
        out->project[i] = rows_int(&rows, 0, i);
        out->user[i] = rows_int(&rows, 0, i + Q_RAM + 1);
    }
    return OK;
}

enum err quota_told_get(struct db *db, struct arena *arena, int64_t zone_id, const char *project_id, const char *user_id,
                        const char **out)
{
    static const char sql[] = "SELECT answer FROM usage_below WHERE zone_id = ? AND project_id = ? AND user_id = ?";
    const struct sql_value values[] = {sql_int(zone_id), sql_text(project_id), sql_text(user_id)};
    struct rows rows;
    TRY(db_query(db, arena, sql, values, ARRAY_LEN(values), &rows));
    *out = rows.count ? rows_text(&rows, 0, 0) : NULL;
    return OK;
}

/* A child that is gone meanwhile has nothing to say. */
enum err quota_told_put(struct db *db, int64_t zone_id, const char *project_id, const char *user_id, const char *answer)
{
    static const char sql[] = "INSERT INTO usage_below (zone_id, project_id, user_id, answer)"
                              " SELECT id, ?, ?, ? FROM zones WHERE id = ? ON DUPLICATE KEY UPDATE answer = VALUES(answer)";
    const struct sql_value values[] = {sql_text(project_id), sql_text(user_id), sql_text(answer), sql_int(zone_id)};
    return db_exec(db, sql, values, ARRAY_LEN(values));
}
