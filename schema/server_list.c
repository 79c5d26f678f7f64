/*
 * Lists of servers: conditions and order as data become one statement. Column names come from the table below, values are bound.
 * "After this tuple" is the lexicographic comparison spelled out; NULL is least, as in the merge of rows (spec link.md section 5).
 */
#include <string.h>

#include "gateway/base/text.h"
#include "schema/server.h"
#include "schema/server_row.h"

static const struct {
    const char *name;
    enum column_type type;
} columns[] = {
    [COLUMN_UUID] = {"uuid", COLUMN_TYPE_UUID},
    [COLUMN_PROJECT_ID] = {"project_id", COLUMN_TYPE_TEXT},
    [COLUMN_USER_ID] = {"user_id", COLUMN_TYPE_TEXT},
    [COLUMN_NAME] = {"display_name", COLUMN_TYPE_TEXT},
    [COLUMN_DESCRIPTION] = {"display_description", COLUMN_TYPE_TEXT},
    [COLUMN_HOSTNAME] = {"hostname", COLUMN_TYPE_TEXT},
    [COLUMN_HOST] = {"host", COLUMN_TYPE_TEXT},
    [COLUMN_NODE] = {"node", COLUMN_TYPE_TEXT},
    [COLUMN_AVAILABILITY_ZONE] = {"availability_zone", COLUMN_TYPE_TEXT},
    [COLUMN_VM_STATE] = {"vm_state", COLUMN_TYPE_TEXT},
    [COLUMN_TASK_STATE] = {"task_state", COLUMN_TYPE_TEXT},
    [COLUMN_POWER_STATE] = {"power_state", COLUMN_TYPE_INT},
    [COLUMN_PROGRESS] = {"progress", COLUMN_TYPE_INT},
    [COLUMN_LAUNCH_INDEX] = {"launch_index", COLUMN_TYPE_INT},
    [COLUMN_RESERVATION_ID] = {"reservation_id", COLUMN_TYPE_TEXT},
    [COLUMN_FLAVOR_ID] = {"flavor_id", COLUMN_TYPE_TEXT},
    [COLUMN_IMAGE_REF] = {"image_ref", COLUMN_TYPE_TEXT},
    [COLUMN_KERNEL_ID] = {"kernel_id", COLUMN_TYPE_TEXT},
    [COLUMN_RAMDISK_ID] = {"ramdisk_id", COLUMN_TYPE_TEXT},
    [COLUMN_ROOT_DEVICE_NAME] = {"root_device_name", COLUMN_TYPE_TEXT},
    [COLUMN_KEY_NAME] = {"key_name", COLUMN_TYPE_TEXT},
    [COLUMN_CONFIG_DRIVE] = {"config_drive", COLUMN_TYPE_INT},
    [COLUMN_ACCESS_IP_V4] = {"access_ip_v4", COLUMN_TYPE_TEXT},
    [COLUMN_ACCESS_IP_V6] = {"access_ip_v6", COLUMN_TYPE_TEXT},
    [COLUMN_DISK_CONFIG] = {"disk_config", COLUMN_TYPE_TEXT},
    [COLUMN_LOCKED] = {"locked", COLUMN_TYPE_INT},
    [COLUMN_LOCKED_BY] = {"locked_by", COLUMN_TYPE_TEXT},
    [COLUMN_CREATED_AT] = {"created_at", COLUMN_TYPE_TIME},
    [COLUMN_UPDATED_AT] = {"updated_at", COLUMN_TYPE_TIME},
    [COLUMN_LAUNCHED_AT] = {"launched_at", COLUMN_TYPE_TIME},
    [COLUMN_TERMINATED_AT] = {"terminated_at", COLUMN_TYPE_TIME},
    [COLUMN_DELETED] = {"deleted", COLUMN_TYPE_INT},
};

_Static_assert(ARRAY_LEN(columns) == SERVER_COLUMN_COUNT, "one row per column");

/* A statement being put together, and what is bound to it, in order. */
struct statement {
    struct text sql;
    struct sql_value *values;
    size_t count;
    struct arena *arena;
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

enum column_type server_column_type(enum server_column column)
{
    return columns[column].type;
}

static void add_values(struct statement *statement, const struct condition *condition, const char *each, const char *between)
{
    for (size_t i = 0; i < condition->count; i++) {
        text_add_format(&statement->sql, "%s%s", i ? between : "", each);
        bind_value(statement, condition->values[i]);
    }
}

/* A tag as the JSON text that it is in the column: MariaDB's own JSON_QUOTE leaves control characters as they are. */
static struct sql_value json_word(struct arena *arena, const struct sql_value *value)
{
    CLEANUP(text_clear) struct text text = {0};
    text_add_json_n(&text, value->bytes, value->length);
    return sql_text(arena_strdup(arena, text_str(&text)));
}

static void add_tags(struct statement *statement, const struct condition *condition, const char *before, const char *between)
{
    text_add_format(&statement->sql, "%s(", before);
    for (size_t i = 0; i < condition->count; i++) {
        text_add_format(&statement->sql, "%sJSON_CONTAINS(tags, ?)", i ? between : "");
        bind_value(statement, json_word(statement->arena, &condition->values[i]));
    }
    text_add_str(&statement->sql, ")");
}

static void add_states(struct statement *statement, const struct condition *condition)
{
    text_add_str(&statement->sql, condition->count ? "(" : "(FALSE");
    for (size_t i = 0; i + 1 < condition->count; i += 2) {
        const char *task = condition->values[i + 1].bytes;
        text_add_str(&statement->sql, i ? " OR (vm_state = ?" : "(vm_state = ?");
        bind_value(statement, condition->values[i]);
        if (*task == '\0') {
            text_add_str(&statement->sql, " AND task_state IS NULL");
        } else if (*task != '*') {
            text_add_str(&statement->sql, " AND task_state = ?");
            bind_value(statement, condition->values[i + 1]);
        }
        text_add_str(&statement->sql, ")");
    }
    text_add_str(&statement->sql, ")");
}

static void add_simple(struct statement *statement, const struct condition *condition, const char *format)
{
    text_add_format(&statement->sql, "%s%s", columns[condition->column].name, format);
    if (condition->count)
        bind_value(statement, condition->values[0]);
}

static void add_condition(struct statement *statement, const struct condition *condition)
{
    switch (condition->kind) {
    case CONDITION_EQUAL:
        add_simple(statement, condition, " = ?");
        return;
    case CONDITION_IN:
        text_add_format(&statement->sql, "%s IN (%s", columns[condition->column].name, condition->count ? "" : "NULL");
        add_values(statement, condition, "?", ", ");
        text_add_str(&statement->sql, ")");
        return;
    case CONDITION_NULL:
        add_simple(statement, condition, " IS NULL");
        return;
    case CONDITION_NOT_NULL:
        add_simple(statement, condition, " IS NOT NULL");
        return;
    case CONDITION_REGEXP:
        add_simple(statement, condition, " COLLATE utf8mb4_general_ci REGEXP ?");
        return;
    case CONDITION_AT_LEAST:
        add_simple(statement, condition, " >= ?");
        return;
    case CONDITION_AT_MOST:
        add_simple(statement, condition, " <= ?");
        return;
    case CONDITION_TAGS_ALL:
        add_tags(statement, condition, "", " AND ");
        return;
    case CONDITION_TAGS_ANY:
        add_tags(statement, condition, "", " OR ");
        return;
    case CONDITION_TAGS_NOT_ALL:
        add_tags(statement, condition, "NOT ", " AND ");
        return;
    case CONDITION_TAGS_NOT_ANY:
        add_tags(statement, condition, "NOT ", " OR ");
        return;
    case CONDITION_ADDRESS:
        text_add_str(&statement->sql,
                     "EXISTS (SELECT 1 FROM ports p WHERE p.server = servers.uuid AND INET_NTOA(p.address) REGEXP ?)");
        bind_value(statement, condition->values[0]);
        return;
    case CONDITION_STATES:
        add_states(statement, condition);
        return;
    case CONDITION_CHANGED_SINCE:
        text_add_str(&statement->sql, "COALESCE(updated_at, created_at) >= ?");
        bind_value(statement, condition->values[0]);
        return;
    }
}

/* Rows beyond `value` in one column; false when there can be none. */
static void add_beyond(struct statement *statement, const struct sort_column *sort, const struct sql_value *value)
{
    const char *name = columns[sort->column].name;
    if (value->type == SQL_NULL) {
        text_add_format(&statement->sql, sort->descending ? "FALSE" : "%s IS NOT NULL", name);
        return;
    }
    text_add_format(&statement->sql, sort->descending ? "(%s < ? OR %s IS NULL)" : "%s > ?", name, name);
    bind_value(statement, *value);
}

static void add_after(struct statement *statement, const struct server_query *query)
{
    text_add_str(&statement->sql, " AND (");
    for (size_t i = 0; i < query->sort_count; i++) {
        text_add_str(&statement->sql, i ? " OR (" : "(");
        for (size_t j = 0; j < i; j++) {
            text_add_format(&statement->sql, "%s <=> ? AND ", columns[query->sort[j].column].name);
            bind_value(statement, query->after[j]);
        }
        add_beyond(statement, &query->sort[i], &query->after[i]);
        text_add_str(&statement->sql, ")");
    }
    text_add_str(&statement->sql, ")");
}

/* The index that has the rows of a list as it is when nothing else was asked for: of one project or all, newest first. NULL: it has
 * other conditions or another order. Left alone, the optimizer reads an index from its beginning for each page. */
static const char *find_index(const struct server_query *query)
{
    const char *index = "servers_by_time";
    bool deleted = false; /* or not: it is said */
    if (query->sort_count == 0 || query->sort[0].column != COLUMN_CREATED_AT || !query->sort[0].descending)
        return NULL;
    for (size_t i = 0; i < query->condition_count; i++) {
        const struct condition *condition = &query->conditions[i];
        const bool project = condition->column == COLUMN_PROJECT_ID;
        if (condition->kind != CONDITION_EQUAL || (!project && condition->column != COLUMN_DELETED))
            return NULL;
        if (project)
            index = "servers_by_project";
        deleted = deleted || !project;
    }
    return deleted ? index : NULL;
}

static void add_where(struct statement *statement, const struct server_query *query)
{
    const char *index = find_index(query);
    text_add_str(&statement->sql, " FROM servers");
    if (index)
        text_add_format(&statement->sql, " FORCE INDEX (%s)", index);
    text_add_str(&statement->sql, " WHERE TRUE");
    for (size_t i = 0; i < query->condition_count; i++) {
        text_add_str(&statement->sql, " AND ");
        add_condition(statement, &query->conditions[i]);
    }
    if (query->after && index && query->after[0].type != SQL_NULL) { /* says it so that the index serves */
        text_add_str(&statement->sql, " AND created_at <= ?");
        bind_value(statement, query->after[0]);
    }
    if (query->after)
        add_after(statement, query);
}

static enum err run_statement(struct db *db, struct arena *arena, const struct statement *statement, struct rows *out)
{
    const enum err result = db_query(db, arena, text_str(&statement->sql), statement->values, statement->count, out);
    if (result == E_INTERNAL && strstr(err_message(), "Regex"))
        return fail(E_INVALID, "Invalid filter: a value is not a regular expression.");
    return result;
}

/* How old the page's last row is. The order, one column down and one up, is none that an index has: without this bound all rows
 * behind the marker would be sorted for each page. NULL: there are not so many. */
static enum err find_oldest(struct db *db, struct arena *arena, const struct server_query *query, struct sql_value *out)
{
    CLEANUP(statement_clear) struct statement statement = {.arena = arena};
    struct rows rows;
    *out = sql_null();
    if (!find_index(query) || query->limit == 0)
        return OK;
    text_add_str(&statement.sql, "SELECT created_at");
    add_where(&statement, query);
    text_add_str(&statement.sql, " ORDER BY created_at DESC LIMIT 1 OFFSET ?");
    bind_value(&statement, sql_int((int64_t)query->limit - 1));
    TRY(run_statement(db, arena, &statement, &rows));
    if (rows.count)
        *out = sql_time(rows_time(&rows, 0, 0));
    return OK;
}

static enum err read_page(struct db *db, struct arena *arena, const struct server_query *query, struct sql_value oldest,
                          struct rows *out)
{
    CLEANUP(statement_clear) struct statement statement = {.arena = arena};
    text_add_str(&statement.sql, "SELECT " SERVER_SELECT);
    add_where(&statement, query);
    if (oldest.type != SQL_NULL) {
        text_add_str(&statement.sql, " AND created_at >= ?");
        bind_value(&statement, oldest);
    }
    for (size_t i = 0; i < query->sort_count; i++)
        text_add_format(&statement.sql, "%s%s%s", i ? ", " : " ORDER BY ", columns[query->sort[i].column].name,
                        query->sort[i].descending ? " DESC" : "");
    text_add_str(&statement.sql, " LIMIT ?");
    bind_value(&statement, sql_int((int64_t)query->limit));
    return run_statement(db, arena, &statement, out);
}

enum err server_list(struct db *db, struct arena *arena, const struct server_query *query, struct servers *out)
{
    struct sql_value oldest;
    struct rows rows;
    TRY(find_oldest(db, arena, query, &oldest));
    TRY(read_page(db, arena, query, oldest, &rows));
    if (oldest.type != SQL_NULL && rows.count < query->limit) /* some went meanwhile: others may follow */
        TRY(read_page(db, arena, query, sql_null(), &rows));
    struct server *items = arena_alloc(arena, (rows.count + 1) * sizeof(*items));
    for (size_t i = 0; i < rows.count; i++)
        server_row_read(&rows, i, &items[i]);
    *out = (struct servers){items, rows.count};
    return OK;
}

static const char *text_member(const struct server *s, enum server_column column)
{
    const char *const members[SERVER_COLUMN_COUNT] = {
        [COLUMN_PROJECT_ID] = s->project_id,
        [COLUMN_USER_ID] = s->user_id,
        [COLUMN_NAME] = s->name,
        [COLUMN_DESCRIPTION] = s->description,
        [COLUMN_HOSTNAME] = s->hostname,
        [COLUMN_HOST] = s->host,
        [COLUMN_NODE] = s->node,
        [COLUMN_AVAILABILITY_ZONE] = s->availability_zone,
        [COLUMN_VM_STATE] = s->vm_state,
        [COLUMN_TASK_STATE] = s->task_state,
        [COLUMN_RESERVATION_ID] = s->reservation_id,
        [COLUMN_FLAVOR_ID] = s->flavor_id,
        [COLUMN_IMAGE_REF] = s->image_ref,
        [COLUMN_KERNEL_ID] = s->kernel_id,
        [COLUMN_RAMDISK_ID] = s->ramdisk_id,
        [COLUMN_ROOT_DEVICE_NAME] = s->root_device_name,
        [COLUMN_KEY_NAME] = s->key_name,
        [COLUMN_ACCESS_IP_V4] = s->access_ip_v4,
        [COLUMN_ACCESS_IP_V6] = s->access_ip_v6,
        [COLUMN_DISK_CONFIG] = s->disk_config,
        [COLUMN_LOCKED_BY] = s->locked_by,
    };
    return members[column];
}

static int64_t number_member(const struct server *s, enum server_column column)
{
    const int64_t members[SERVER_COLUMN_COUNT] = {
        [COLUMN_POWER_STATE] = s->power_state,   [COLUMN_PROGRESS] = s->progress,       [COLUMN_LAUNCH_INDEX] = s->launch_index,
        [COLUMN_CONFIG_DRIVE] = s->config_drive, [COLUMN_LOCKED] = s->locked,           [COLUMN_CREATED_AT] = s->created_us,
        [COLUMN_UPDATED_AT] = s->updated_us,     [COLUMN_LAUNCHED_AT] = s->launched_us, [COLUMN_TERMINATED_AT] = s->terminated_us,
        [COLUMN_DELETED] = s->deleted,
    };
    return members[column];
}

int64_t server_column_time(const struct server *server, enum server_column column)
{
    return number_member(server, column);
}

struct sql_value server_column_value(const struct server *server, enum server_column column)
{
    switch (columns[column].type) {
    case COLUMN_TYPE_UUID:
        return sql_uuid(&server->uuid);
    case COLUMN_TYPE_INT:
        return sql_int(number_member(server, column));
    case COLUMN_TYPE_TIME:
        return sql_time(number_member(server, column));
    case COLUMN_TYPE_TEXT:
        break;
    }
    return sql_text(text_member(server, column));
}
