/* Statements on one image at a time; see image.h. */
#include "schema/image.h"

#include "gateway/base/text.h"
#include "schema/db_cache.h"
#include "schema/image_row.h"

static int64_t size_or_none(const struct rows *rows, size_t row, size_t column)
{
    return rows_is_null(rows, row, column) ? -1 : rows_int(rows, row, column);
}

struct image image_row_read(const struct rows *rows, size_t row)
{
    return (struct image){
        .id = rows_uuid(rows, row, 0),
        .owner = rows_text(rows, row, 1),
        .name = rows_text(rows, row, 2),
        .status = rows_text(rows, row, 3),
        .visibility = rows_text(rows, row, 4),
        .disk_format = rows_text(rows, row, 5),
        .container_format = rows_text(rows, row, 6),
        .size = size_or_none(rows, row, 7),
        .virtual_size = size_or_none(rows, row, 8),
        .checksum = rows_text(rows, row, 9),
        .sha512 = rows_text(rows, row, 10),
        .min_disk = rows_int(rows, row, 11),
        .min_ram = rows_int(rows, row, 12),
        .is_protected = rows_int(rows, row, 13) != 0,
        .hidden = rows_int(rows, row, 14) != 0,
        .properties = rows_text(rows, row, 15),
        .tags = rows_text(rows, row, 16),
        .created_us = rows_time(rows, row, 17),
        .updated_us = rows_time(rows, row, 18),
    };
}

enum err image_row_missing(const struct uuid *id)
{
    return fail(E_NOT_FOUND, "No image found with ID %s", uuid_to_text(id).text);
}

enum err image_add(struct db *db, const struct image *image)
{
    static const char sql[] =
        "INSERT INTO images (id, owner, name, status, visibility, disk_format, container_format, min_disk, min_ram, protected,"
        " os_hidden, properties, tags, created_at, updated_at)"
        " VALUES (?, ?, ?, 'queued', ?, ?, ?, ?, ?, ?, ?, ?, ?, UTC_TIMESTAMP(), UTC_TIMESTAMP())";
    const struct sql_value values[] = {
        sql_uuid(&image->id),        sql_text(image->owner),       sql_text(image->name),
        sql_text(image->visibility), sql_text(image->disk_format), sql_text(image->container_format),
        sql_int(image->min_disk),    sql_int(image->min_ram),      sql_bool(image->is_protected),
        sql_bool(image->hidden),     sql_text(image->properties),  sql_text(image->tags),
    };
    const enum err result = db_exec(db, sql, values, ARRAY_LEN(values));
    if (result == E_CONFLICT)
        return fail(E_CONFLICT, "Image ID %s already exists!", uuid_to_text(&image->id).text);
    return result;
}

enum err image_get(struct db *db, struct arena *arena, const struct uuid *id, const char *project_id, struct image *out)
{
    static const char sql[] =
        "SELECT " IMAGE_COLUMNS " FROM images i WHERE i.id = ? AND i.status <> 'deleted' AND (? OR i.owner IS NULL OR i.owner = ?"
        " OR i.visibility IN ('public', 'community') OR i.visibility = 'shared'"
        " AND EXISTS (SELECT 1 FROM image_members m WHERE m.image = i.id AND m.project_id = ?))";
    const struct sql_value values[] = {sql_uuid(id), sql_bool(project_id == NULL), sql_text(project_id), sql_text(project_id)};
    struct rows rows;
    TRY(db_query_counted(db, arena, COUNTED_IMAGES, sql, values, ARRAY_LEN(values), &rows));
    if (!rows.count)
        return image_row_missing(id);
    *out = image_row_read(&rows, 0);
    return OK;
}

struct edit {
    struct arena *arena;
    const struct uuid *id;
    image_edit_f *edit;
    void *context;
    struct image image;
};

static enum err read_for_edit(struct db *db, struct edit *edit)
{
    static const char sql[] = "SELECT " IMAGE_COLUMNS " FROM images i WHERE i.id = ? AND i.status <> 'deleted' FOR UPDATE";
    const struct sql_value value = sql_uuid(edit->id);
    struct rows rows;
    TRY(db_query(db, edit->arena, sql, &value, 1, &rows));
    if (!rows.count)
        return image_row_missing(edit->id);
    edit->image = image_row_read(&rows, 0);
    return OK;
}

static enum err store_edit(struct db *db, const struct image *image)
{
    static const char sql[] =
        "UPDATE images SET owner = ?, name = ?, visibility = ?, disk_format = ?, container_format = ?, min_disk = ?, min_ram = ?,"
        " protected = ?, os_hidden = ?, properties = ?, tags = ?, updated_at = UTC_TIMESTAMP() WHERE id = ?";
    const struct sql_value values[] = {
        sql_text(image->owner),
        sql_text(image->name),
        sql_text(image->visibility),
        sql_text(image->disk_format),
        sql_text(image->container_format),
        sql_int(image->min_disk),
        sql_int(image->min_ram),
        sql_bool(image->is_protected),
        sql_bool(image->hidden),
        sql_text(image->properties),
        sql_text(image->tags),
        sql_uuid(&image->id),
    };
    return db_exec(db, sql, values, ARRAY_LEN(values));
}

static enum err run_edit(struct db *db, void *context)
{
    struct edit *edit = context;
    TRY(read_for_edit(db, edit));
    TRY(edit->edit(edit->context, edit->arena, &edit->image));
    TRY(store_edit(db, &edit->image));
    return read_for_edit(db, edit);
}

enum err image_edit(struct db *db, struct arena *arena, const struct uuid *id, image_edit_f *edit, void *context, struct image *out)
{
    struct edit work = {.arena = arena, .id = id, .edit = edit, .context = context};
    TRY(db_transaction(db, run_edit, &work));
    if (out)
        *out = work.image;
    return OK;
}

static enum err refuse_move(struct db *db, const struct uuid *id, const char *to)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    struct image image;
    TRY(image_get(db, &arena, id, NULL, &image));
    return fail(E_CONFLICT, "Image status transition from %s to %s is not allowed", image.status, to);
}

enum err image_move(struct db *db, const struct uuid *id, const char *from, const char *to)
{
    static const char sql[] = "UPDATE images SET status = ?, updated_at = UTC_TIMESTAMP() WHERE id = ? AND status = ?";
    const struct sql_value values[] = {sql_text(to), sql_uuid(id), sql_text(from)};
    uint64_t moved = 0;
    TRY(db_exec_count(db, sql, values, ARRAY_LEN(values), &moved));
    return moved ? OK : refuse_move(db, id, to);
}

enum err image_activate(struct db *db, const struct uuid *id, const struct image_data *data)
{
    static const char sql[] = "UPDATE images SET status = 'active', size = ?, virtual_size = ?, checksum = ?, sha512 = ?,"
                              " updated_at = UTC_TIMESTAMP() WHERE id = ? AND status = 'saving'";
    const struct sql_value values[] = {
        sql_int(data->size), sql_int(data->virtual_size), sql_text(data->checksum), sql_text(data->sha512), sql_uuid(id),
    };
    uint64_t moved = 0;
    TRY(db_exec_count(db, sql, values, ARRAY_LEN(values), &moved));
    return moved ? OK : fail(E_GONE, "Image %s was deleted during its upload.", uuid_to_text(id).text);
}

enum err image_bury(struct db *db, const struct uuid *id)
{
    static const char sql[] = "UPDATE images SET status = 'deleted' WHERE id = ? AND status <> 'deleted' AND NOT protected";
    const struct sql_value value = sql_uuid(id);
    uint64_t buried = 0;
    TRY(db_exec_count(db, sql, &value, 1, &buried));
    if (buried)
        return OK;
    CLEANUP(arena_clear) struct arena arena = {0};
    struct image image;
    TRY(image_get(db, &arena, id, NULL, &image));
    return fail(E_FORBIDDEN, "Image %s is protected and cannot be deleted.", uuid_to_text(id).text);
}

enum err image_forget(struct db *db, const struct uuid *id)
{
    static const char sql[] = "DELETE FROM images WHERE id = ? AND status = 'deleted'";
    const struct sql_value value = sql_uuid(id);
    return db_exec(db, sql, &value, 1);
}

enum err image_unfinished(struct db *db, struct arena *arena, struct images *out)
{
    static const char sql[] = "SELECT id, status FROM images WHERE status IN ('saving', 'deleted') ORDER BY id";
    struct rows rows;
    TRY(db_query(db, arena, sql, NULL, 0, &rows));
    struct image *items = arena_alloc(arena, (rows.count + 1) * sizeof(*items));
    for (size_t i = 0; i < rows.count; i++)
        items[i] = (struct image){.id = rows_uuid(&rows, i, 0), .status = rows_text(&rows, i, 1)};
    *out = (struct images){items, rows.count};
    return OK;
}
