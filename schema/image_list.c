/*
 * Lists of images: conditions and order as data become one statement. Only texts of the table below become part of it; values are
 * bound. Every sort expression has a value, so "after the marker" is the lexicographic comparison of the whole tuple.
 */
#include <string.h>

#include "gateway/base/text.h"
#include "schema/image_row.h"

static const struct image_column columns[] = {
    {"id", "i.id", IMAGE_ID, true},
    {"name", "COALESCE(i.name, '')", IMAGE_TEXT, true},
    {"status", "i.status", IMAGE_TEXT, true},
    {"owner", "COALESCE(i.owner, '')", IMAGE_TEXT, false},
    {"disk_format", "COALESCE(i.disk_format, '')", IMAGE_TEXT, true},
    {"container_format", "COALESCE(i.container_format, '')", IMAGE_TEXT, true},
    {"checksum", "COALESCE(i.checksum, '')", IMAGE_TEXT, false},
    {"os_hash_value", "COALESCE(i.sha512, '')", IMAGE_TEXT, false},
    {"size", "COALESCE(i.size, -1)", IMAGE_INT, true},
    {"virtual_size", "COALESCE(i.virtual_size, -1)", IMAGE_INT, false},
    {"min_disk", "i.min_disk", IMAGE_INT, false},
    {"min_ram", "i.min_ram", IMAGE_INT, false},
    {"protected", "i.protected", IMAGE_BOOL, false},
    {"os_hidden", "i.os_hidden", IMAGE_BOOL, false},
    {"created_at", "i.created_at", IMAGE_TIME, true},
    {"updated_at", "i.updated_at", IMAGE_TIME, true},
};

static const char *const operators[] = {
    [IMAGE_IS_NOT] = "<>", [IMAGE_LESS] = "<", [IMAGE_AT_MOST] = "<=", [IMAGE_MORE] = ">", [IMAGE_AT_LEAST] = ">=",
};

const struct image_column *image_column_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(columns); i++)
        if (str_equal(columns[i].name, name))
            return &columns[i];
    return NULL;
}

/* A statement being put together, and what is bound to it, in order. */
struct statement {
    struct arena *arena;
    struct text sql;
    struct sql_value *values;
    size_t count;
    size_t capacity;
};

static void statement_clear(struct statement *statement)
{
    text_clear(&statement->sql);
}

static void bind_value(struct statement *statement, struct sql_value value)
{
    if (statement->count == statement->capacity) {
        const size_t capacity = statement->capacity ? 2 * statement->capacity : 32;
        struct sql_value *values = arena_alloc(statement->arena, capacity * sizeof(*values));
        if (statement->count)
            memcpy(values, statement->values, statement->count * sizeof(*values));
        statement->values = values;
        statement->capacity = capacity;
    }
    statement->values[statement->count++] = value;
}

static void add_one_of(struct statement *statement, const struct image_condition *condition)
{
    if (!condition->count) {
        text_add_str(&statement->sql, " AND FALSE");
        return;
    }
    text_add_format(&statement->sql, " AND %s IN (", condition->column->expression);
    for (size_t i = 0; i < condition->count; i++) {
        text_add_str(&statement->sql, i ? ", ?" : "?");
        bind_value(statement, condition->values[i]);
    }
    text_add_char(&statement->sql, ')');
}

static void add_condition(struct statement *statement, const struct image_condition *condition)
{
    if (condition->compare == IMAGE_IS) {
        add_one_of(statement, condition);
        return;
    }
    if (condition->compare == IMAGE_PROPERTY) {
        text_add_str(&statement->sql, " AND JSON_CONTAINS(i.properties, JSON_OBJECT(?, ?))");
        bind_value(statement, sql_text(condition->property));
    } else if (condition->compare == IMAGE_TAG) {
        text_add_str(&statement->sql, " AND JSON_CONTAINS(i.tags, JSON_QUOTE(?))");
    } else {
        text_add_format(&statement->sql, " AND %s %s ?", condition->column->expression, operators[condition->compare]);
    }
    bind_value(statement, condition->values[0]);
}

/* What is shared with the project, and what everyone may see. */
static void add_view(struct statement *statement, const struct image_query *query)
{
    static const char view[] =
        " AND (i.visibility IN ('public', 'community') OR i.owner = ? OR i.visibility = 'shared' AND EXISTS (SELECT 1 FROM"
        " image_members m WHERE m.image = i.id AND m.project_id = ? AND (? = 'all' OR m.status = ?)))";
    const char *status = query->member_status ? query->member_status : "accepted";
    if (query->everything)
        return;
    text_add_str(&statement->sql, view);
    bind_value(statement, sql_text(query->project_id));
    bind_value(statement, sql_text(query->project_id));
    bind_value(statement, sql_text(status));
    bind_value(statement, sql_text(status));
}

static void add_visibility(struct statement *statement, const struct image_query *query)
{
    if (!query->visibility) {
        text_add_str(&statement->sql, " AND (i.visibility <> 'community' OR i.owner = ?)");
        bind_value(statement, sql_text(query->project_id));
    } else if (strcmp(query->visibility, "all") != 0) {
        text_add_str(&statement->sql, " AND i.visibility = ?");
        bind_value(statement, sql_text(query->visibility));
    }
}

/* The asked keys, then created_at and id: a total order. */
struct order {
    struct image_sort keys[IMAGE_SORT_MAX + 2];
    size_t count;
};

static struct order total_order(const struct image_query *query)
{
    struct order order = {.count = query->sort_count};
    memcpy(order.keys, query->sorts, query->sort_count * sizeof(order.keys[0]));
    order.keys[order.count++] = (struct image_sort){image_column_find("created_at"), true};
    order.keys[order.count++] = (struct image_sort){image_column_find("id"), true};
    return order;
}

static struct sql_value marker_value(const struct rows *rows, size_t column, enum image_kind kind)
{
    const struct sql_cell cell = rows_bytes(rows, 0, column);
    return kind == IMAGE_ID ? sql_bytes(cell.bytes, cell.length) : sql_text(cell.bytes);
}

/* The marker's tuple. It need not fulfil the conditions (it may have changed since), but this view must have it. */
static enum err read_marker(struct db *db, struct arena *arena, const struct image_query *query, const struct order *order,
                            struct rows *out)
{
    struct uuid id;
    CLEANUP(statement_clear) struct statement statement = {.arena = arena};
    if (uuid_from_text(query->marker, &id) != OK)
        return fail(E_INVALID, "marker %s was not found", query->marker);
    for (size_t i = 0; i < order->count; i++)
        text_add_format(&statement.sql, "%s%s", i ? ", " : "SELECT ", order->keys[i].column->expression);
    text_add_str(&statement.sql, " FROM images i WHERE i.id = ?");
    bind_value(&statement, sql_uuid(&id));
    add_view(&statement, query);
    TRY(db_query(db, arena, text_str(&statement.sql), statement.values, statement.count, out));
    return out->count ? OK : fail(E_INVALID, "marker %s was not found", query->marker);
}

/* (a > ?) OR (a = ? AND b > ?) OR … with the direction of each key. */
static void add_after(struct statement *statement, const struct order *order, const struct rows *marker)
{
    text_add_str(&statement->sql, " AND (");
    for (size_t i = 0; i < order->count; i++) {
        text_add_str(&statement->sql, i ? " OR (" : "(");
        for (size_t j = 0; j <= i; j++) {
            const char *compare = j < i ? "=" : order->keys[j].descending ? "<" : ">";
            text_add_format(&statement->sql, "%s%s %s ?", j ? " AND " : "", order->keys[j].column->expression, compare);
            bind_value(statement, marker_value(marker, j, order->keys[j].column->kind));
        }
        text_add_char(&statement->sql, ')');
    }
    text_add_char(&statement->sql, ')');
}

static void add_order(struct statement *statement, const struct order *order, int64_t limit)
{
    for (size_t i = 0; i < order->count; i++)
        text_add_format(&statement->sql, "%s%s %s", i ? ", " : " ORDER BY ", order->keys[i].column->expression,
                        order->keys[i].descending ? "DESC" : "ASC");
    text_add_str(&statement->sql, " LIMIT ?");
    bind_value(statement, sql_int(limit));
}

enum err image_list(struct db *db, struct arena *arena, const struct image_query *query, struct images *out)
{
    const struct order order = total_order(query);
    CLEANUP(statement_clear) struct statement statement = {.arena = arena};
    struct rows marker;
    text_add_str(&statement.sql, "SELECT " IMAGE_COLUMNS " FROM images i WHERE i.status <> 'deleted'");
    add_view(&statement, query);
    add_visibility(&statement, query);
    for (size_t i = 0; i < query->condition_count; i++)
        add_condition(&statement, &query->conditions[i]);
    if (query->marker) {
        TRY(read_marker(db, arena, query, &order, &marker));
        add_after(&statement, &order, &marker);
    }
    add_order(&statement, &order, query->limit);
    struct rows rows;
    TRY(db_query(db, arena, text_str(&statement.sql), statement.values, statement.count, &rows));
    struct image *items = arena_alloc(arena, (rows.count + 1) * sizeof(*items));
    for (size_t i = 0; i < rows.count; i++)
        items[i] = image_row_read(&rows, i);
    *out = (struct images){items, rows.count};
    return OK;
}
