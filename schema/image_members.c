/* Statements on `image_members`: the projects that an image is shared with, and what they said to it; see image.h. */
#include "gateway/base/text.h"
#include "schema/image.h"

enum err image_member_list(struct db *db, struct arena *arena, const struct uuid *id, const char *project_id,
                           struct image_members *out)
{
    static const char sql[] = "SELECT project_id, status, created_at, updated_at FROM image_members"
                              " WHERE image = ? AND (? OR project_id = ?) ORDER BY project_id";
    const struct sql_value values[] = {sql_uuid(id), sql_bool(project_id == NULL), sql_text(project_id)};
    struct rows rows;
    TRY(db_query(db, arena, sql, values, ARRAY_LEN(values), &rows));
    struct image_member *items = arena_alloc(arena, (rows.count + 1) * sizeof(*items));
    for (size_t i = 0; i < rows.count; i++)
        items[i] =
            (struct image_member){rows_text(&rows, i, 0), rows_text(&rows, i, 1), rows_time(&rows, i, 2), rows_time(&rows, i, 3)};
    *out = (struct image_members){items, rows.count};
    return OK;
}

/* One statement, from `images`: the limit holds, and a deleted image gets no member. */
enum err image_member_add(struct db *db, const struct uuid *id, const char *project_id, int64_t limit)
{
    static const char sql[] =
        "INSERT INTO image_members (image, project_id, status, created_at, updated_at)"
        " SELECT id, ?, 'pending', UTC_TIMESTAMP(), UTC_TIMESTAMP() FROM images WHERE id = ? AND status <> 'deleted'"
        " AND (SELECT COUNT(*) FROM image_members m WHERE m.image = images.id) < ?";
    const struct sql_value values[] = {sql_text(project_id), sql_uuid(id), sql_int(limit)};
    uint64_t added = 0;
    const enum err result = db_exec_count(db, sql, values, ARRAY_LEN(values), &added);
    if (result == E_CONFLICT)
        return fail(E_CONFLICT, "Project %s is a member of image %s already.", project_id, uuid_to_text(id).text);
    TRY(result);
    if (!added)
        return fail(E_TOO_LARGE, "The limit of %lld members of an image is reached.", (long long)limit);
    return OK;
}

static enum err refuse_missing(const struct uuid *id, const char *project_id)
{
    return fail(E_NOT_FOUND, "%s not found in the member list of the image %s.", project_id, uuid_to_text(id).text);
}

enum err image_member_set(struct db *db, const struct uuid *id, const char *project_id, const char *status)
{
    static const char sql[] =
        "UPDATE image_members SET status = ?, updated_at = UTC_TIMESTAMP() WHERE image = ? AND project_id = ?";
    const struct sql_value values[] = {sql_text(status), sql_uuid(id), sql_text(project_id)};
    uint64_t matched = 0;
    TRY(db_exec_count(db, sql, values, ARRAY_LEN(values), &matched));
    return matched ? OK : refuse_missing(id, project_id);
}

enum err image_member_remove(struct db *db, const struct uuid *id, const char *project_id)
{
    static const char sql[] = "DELETE FROM image_members WHERE image = ? AND project_id = ?";
    const struct sql_value values[] = {sql_uuid(id), sql_text(project_id)};
    uint64_t removed = 0;
    TRY(db_exec_count(db, sql, values, ARRAY_LEN(values), &removed));
    return removed ? OK : refuse_missing(id, project_id);
}
