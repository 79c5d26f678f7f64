/*
 * Images as rows: create, find, list, change, the states of their data, and the projects they are shared with (Image API v2).
 *
 * Who may change what is not decided here (compute/image/policy.h); who may *see* a row is, since lists filter by it. Texts of rows
 * live in the caller's arena. A row in state `deleted` is found by no function but image_unfinished.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schema/db.h"

#define IMAGE_QUEUED      "queued"
#define IMAGE_SAVING      "saving"
#define IMAGE_ACTIVE      "active"
#define IMAGE_DEACTIVATED "deactivated"
#define IMAGE_DELETED     "deleted"

struct image {
    struct uuid id;
    const char *owner; /* project id; NULL: nobody's */
    const char *name;  /* NULL: none */
    const char *status;
    const char *visibility;       /* public, private, shared, community */
    const char *disk_format;      /* NULL: not said yet */
    const char *container_format; /* as disk_format */
    int64_t size;                 /* bytes; -1 without data, as virtual_size */
    int64_t virtual_size;
    const char *checksum; /* MD5, hex; NULL without data */
    const char *sha512;   /* hex; NULL without data */
    int64_t min_disk;     /* GiB */
    int64_t min_ram;      /* MiB */
    bool is_protected;
    bool hidden;
    const char *properties; /* JSON object of strings */
    const char *tags;       /* JSON array of strings */
    int64_t created_us;
    int64_t updated_us;
};

struct images {
    const struct image *items;
    size_t count;
};

/* Inserts it as queued (status, size, checksums and times are not read). E_CONFLICT: the id is taken. */
MUST_CHECK enum err image_add(struct db *db, const struct image *image);
/* `project_id` NULL: whoever asks. Otherwise only what that project may see: its own, public, community, shared with it.
 * E_NOT_FOUND "No image found with ID x". */
MUST_CHECK enum err image_get(struct db *db, struct arena *arena, const struct uuid *id, const char *project_id, struct image *out);

/*
 * Reads the row for update, lets `edit` change the copy (owner, name, visibility, formats, minima, flags, properties, tags; the
 * texts in `arena`) and stores it, in one transaction. `edit` may run again and must begin anew; its error is returned and nothing
 * is stored. `out` (may be NULL) is the row as stored. E_NOT_FOUND.
 */
typedef enum err image_edit_f(void *context, struct arena *arena, struct image *image);
MUST_CHECK enum err image_edit(struct db *db, struct arena *arena, const struct uuid *id, image_edit_f *edit, void *context,
                               struct image *out);

/* What is known of the data once it is complete. */
struct image_data {
    int64_t size;
    int64_t virtual_size;
    const char *checksum;
    const char *sha512;
};

/* From one state to another. E_CONFLICT "Image status transition from x to y is not allowed": it is in another state now. */
MUST_CHECK enum err image_move(struct db *db, const struct uuid *id, const char *from, const char *to);
/* saving → active. E_GONE: the image was deleted (or taken back) during the upload. */
MUST_CHECK enum err image_activate(struct db *db, const struct uuid *id, const struct image_data *data);
/* Any state → deleted, in which only image_forget is left to do. E_FORBIDDEN: protected. E_NOT_FOUND. */
MUST_CHECK enum err image_bury(struct db *db, const struct uuid *id);
/* Takes the row of a deleted image away. */
MUST_CHECK enum err image_forget(struct db *db, const struct uuid *id);
/* Rows in state saving or deleted, of which only `id` and `status` are set: what a crash can leave behind. */
MUST_CHECK enum err image_unfinished(struct db *db, struct arena *arena, struct images *out);

/* Lists. A column as the API names it. */
enum image_kind { IMAGE_TEXT, IMAGE_INT, IMAGE_BOOL, IMAGE_TIME, IMAGE_ID };

struct image_column {
    const char *name;
    const char *expression; /* in SQL; never NULL in value */
    enum image_kind kind;
    bool sortable;
};

/* NULL: no such column. */
const struct image_column *image_column_find(const char *name);

enum image_operator { IMAGE_IS, IMAGE_IS_NOT, IMAGE_LESS, IMAGE_AT_MOST, IMAGE_MORE, IMAGE_AT_LEAST, IMAGE_PROPERTY, IMAGE_TAG };

/* IMAGE_IS holds when the column is one of the values; the others have one value. */
struct image_condition {
    enum image_operator compare;
    const struct image_column *column; /* NULL for properties and tags */
    const char *property;              /* name, for IMAGE_PROPERTY */
    const struct sql_value *values;
    size_t count;
};

struct image_sort {
    const struct image_column *column;
    bool descending;
};

#define IMAGE_SORT_MAX      8
#define IMAGE_CONDITION_MAX 64

struct image_query {
    const char *project_id;    /* whose view; NULL with `everything` false: what everyone may see */
    bool everything;           /* an admin's view */
    const char *visibility;    /* one of the four, "all", or NULL: all but other projects' community images */
    const char *member_status; /* of what is shared with the project: pending, accepted, rejected, all; NULL: accepted */
    struct image_condition conditions[IMAGE_CONDITION_MAX];
    size_t condition_count;
    struct image_sort sorts[IMAGE_SORT_MAX]; /* created_at and id, descending, always follow */
    size_t sort_count;
    const char *marker; /* id of the last image seen, or NULL */
    int64_t limit;
};

/* E_INVALID: the marker is unknown in this view. */
MUST_CHECK enum err image_list(struct db *db, struct arena *arena, const struct image_query *query, struct images *out);

/* Members. */
struct image_member {
    const char *project_id;
    const char *status;
    int64_t created_us;
    int64_t updated_us;
};

struct image_members {
    const struct image_member *items;
    size_t count;
};

/* By project id; `project_id` NULL: all of them, else only that one. */
MUST_CHECK enum err image_member_list(struct db *db, struct arena *arena, const struct uuid *id, const char *project_id,
                                      struct image_members *out);
/* E_CONFLICT: it is one already; E_TOO_LARGE: the image has `limit` of them. */
MUST_CHECK enum err image_member_add(struct db *db, const struct uuid *id, const char *project_id, int64_t limit);
/* E_NOT_FOUND. */
MUST_CHECK enum err image_member_set(struct db *db, const struct uuid *id, const char *project_id, const char *status);
MUST_CHECK enum err image_member_remove(struct db *db, const struct uuid *id, const char *project_id);
