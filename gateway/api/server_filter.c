/* Reading the list query; see server_filter.h. Tables: which filters exist, for whom and from which microversion on; which columns
 * sort. */
#include "gateway/api/server_filter.h"

#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/api/page.h"
#include "gateway/api/server_view.h"

#define ADMIN_ONLY 0
#define NO_COLUMN  SERVER_COLUMN_COUNT

struct reading {
    struct request *request;
    struct server_filter *filter;
    bool wants_deleted;  /* deleted=true, status=deleted */
    bool changes;        /* changes-since or changes-before: deleted ones are shown too */
    const char *project; /* filter of an admin with all_tenants */
};

typedef enum err read_filter_f(struct reading *reading, const char *name, const char *value);

static struct sql_value *new_values(struct reading *reading, size_t count)
{
    return arena_alloc(reading->request->arena, (count + 1) * sizeof(struct sql_value));
}

static void add_condition(struct reading *reading, enum condition_kind kind, enum server_column column,
                          const struct sql_value *values, size_t count)
{
    reading->filter->conditions[reading->filter->condition_count++] = (struct condition){kind, column, values, count};
}

static void add_one(struct reading *reading, enum condition_kind kind, enum server_column column, struct sql_value value)
{
    struct sql_value *values = new_values(reading, 1);
    values[0] = value;
    reading->filter->patterns = reading->filter->patterns || kind == CONDITION_REGEXP || kind == CONDITION_ADDRESS;
    add_condition(reading, kind, column, values, 1);
}

/* Nova's strict booleans. */
static bool read_bool(const char *value, bool *out)
{
    static const char *const yes[] = {"1", "t", "true", "on", "y", "yes"};
    static const char *const no[] = {"0", "f", "false", "off", "n", "no"};
    for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
        if (str_equal_nocase(value, yes[i]) || str_equal_nocase(value, no[i])) {
            *out = str_equal_nocase(value, yes[i]);
            return true;
        }
    }
    return false;
}

static enum err not_a_bool(const char *value)
{
    return fail(E_INVALID,
                "Unrecognized value '%.200s', acceptable values are: '0', '1', 'f', 'false', 'n', 'no', 'off', 'on', 't', 'true',"
                " 'y', 'yes'",
                value);
}

static enum err read_status(struct reading *reading, const char *name, const char *value)
{
    (void)name;
    const char *pairs[2 * SERVER_STATUS_STATES];
    const size_t count = server_status_states(value, pairs);
    if (str_equal_nocase(value, "deleted")) {
        if (!reading->request->caller.is_admin)
            return fail(E_FORBIDDEN, "Only administrators may list deleted instances");
        reading->wants_deleted = true;
    }
    if (count == 0 && reading->request->version >= 38)
        return fail(E_INVALID, "Invalid status value");
    if (count == 0)
        return OK; /* below 2.38: matches nothing, unless another status does */
    struct sql_value *values = new_values(reading, 2 * count);
    for (size_t i = 0; i < 2 * count; i++)
        values[i] = sql_text(pairs[i]);
    add_condition(reading, CONDITION_STATES, NO_COLUMN, values, 2 * count);
    return OK;
}

/* Several `status` are joined by OR; each one alone was read by read_status. */
static enum err join_statuses(struct reading *reading)
{
    struct server_filter *filter = reading->filter;
    size_t pairs = 0;
    size_t kept = 0;
    bool asked = false;
    for (size_t i = 0; i < reading->request->query.count; i++)
        asked = asked || strcmp(reading->request->query.items[i].name, "status") == 0;
    for (size_t i = 0; i < filter->condition_count; i++)
        pairs += filter->conditions[i].kind == CONDITION_STATES ? filter->conditions[i].count : 0;
    struct sql_value *values = new_values(reading, pairs);
    pairs = 0;
    for (size_t i = 0; i < filter->condition_count; i++) {
        if (filter->conditions[i].kind != CONDITION_STATES) {
            filter->conditions[kept++] = filter->conditions[i];
            continue;
        }
        memcpy(&values[pairs], filter->conditions[i].values, filter->conditions[i].count * sizeof(*values));
        pairs += filter->conditions[i].count;
    }
    filter->condition_count = kept;
    if (asked)
        add_condition(reading, CONDITION_STATES, NO_COLUMN, values, pairs);
    return OK;
}

static enum err read_since(struct reading *reading, const char *name, const char *value)
{
    int64_t us = 0;
    if (time_parse_iso(value, &us) != OK)
        return fail(E_INVALID, "Invalid input for query parameters %s. Value: %.200s. '%.200s' is not a 'date-time'", name, value,
                    value);
    reading->changes = true;
    const bool since = strcmp(name, "changes-since") == 0;
    add_one(reading, since ? CONDITION_CHANGED_SINCE : CONDITION_AT_MOST, COLUMN_UPDATED_AT, sql_time(us));
    return OK;
}

static enum err read_tags(struct reading *reading, const char *name, const char *value)
{
    static const struct {
        const char *name;
        enum condition_kind kind;
    } kinds[] = {{"tags", CONDITION_TAGS_ALL},
                 {"tags-any", CONDITION_TAGS_ANY},
                 {"not-tags", CONDITION_TAGS_NOT_ALL},
                 {"not-tags-any", CONDITION_TAGS_NOT_ANY}};
    size_t count = 1;
    for (const char *p = value; *p; p++)
        count += *p == ',';
    struct sql_value *values = new_values(reading, count);
    const char *start = value;
    for (size_t i = 0; i < count; i++) {
        const size_t length = strcspn(start, ",");
        values[i] = sql_text(arena_strndup(reading->request->arena, start, length));
        start += length + 1;
    }
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (strcmp(kinds[i].name, name) == 0)
            add_condition(reading, kinds[i].kind, NO_COLUMN, values, count);
    }
    return OK;
}

/* As in Nova, what is no boolean is "no". */
static enum err read_deleted(struct reading *reading, const char *name, const char *value)
{
    bool wanted = false;
    (void)name;
    reading->wants_deleted = read_bool(value, &wanted) && wanted;
    return OK;
}

static enum err read_project(struct reading *reading, const char *name, const char *value)
{
    (void)name;
    reading->project = value;
    return OK;
}

/* Interfaces have IPv4 addresses only: for others the filter is checked and matches nothing. */
static enum err read_address(struct reading *reading, const char *name, const char *value)
{
    regex_t regex;
    if (regcomp(&regex, value, REG_EXTENDED | REG_NOSUB) != 0)
        return fail(E_INVALID, "Invalid input for query parameters %s. Value: %.200s. '%.200s' is not a 'regex'", name, value,
                    value);
    regfree(&regex);
    if (strcmp(name, "ip") == 0)
        add_one(reading, CONDITION_ADDRESS, COLUMN_UUID, sql_text(value));
    else
        reading->filter->nothing = true;
    return OK;
}

static enum err read_truth(struct reading *reading, const char *name, const char *value)
{
    bool wanted = false;
    if (!read_bool(value, &wanted))
        return not_a_bool(value);
    add_one(reading, CONDITION_EQUAL, strcmp(name, "locked") == 0 ? COLUMN_LOCKED : COLUMN_CONFIG_DRIVE, sql_bool(wanted));
    return OK;
}

/* Name, least microversion for users (ADMIN_ONLY: never), kind of the plain ones, column, or the function that reads it. */
static const struct filter_row {
    const char *name;
    int user_min;
    enum condition_kind kind;
    enum server_column column;
    read_filter_f *read;
    int since; /* least microversion for anybody */
} filters[] = {
    {"reservation_id", 1, CONDITION_EQUAL, COLUMN_RESERVATION_ID, NULL, 1},
    {"name", 1, CONDITION_REGEXP, COLUMN_NAME, NULL, 1},
    {"status", 1, CONDITION_STATES, NO_COLUMN, read_status, 1},
    {"image", 1, CONDITION_EQUAL, COLUMN_IMAGE_REF, NULL, 1},
    {"flavor", 1, CONDITION_EQUAL, COLUMN_FLAVOR_ID, NULL, 1},
    {"ip", 1, CONDITION_REGEXP, NO_COLUMN, read_address, 1},
    {"ip6", 5, CONDITION_REGEXP, NO_COLUMN, read_address, 1},
    {"changes-since", 1, CONDITION_CHANGED_SINCE, NO_COLUMN, read_since, 1},
    {"changes-before", 66, CONDITION_AT_MOST, NO_COLUMN, read_since, 66},
    {"tags", 26, CONDITION_TAGS_ALL, NO_COLUMN, read_tags, 26},
    {"tags-any", 26, CONDITION_TAGS_ANY, NO_COLUMN, read_tags, 26},
    {"not-tags", 26, CONDITION_TAGS_NOT_ALL, NO_COLUMN, read_tags, 26},
    {"not-tags-any", 26, CONDITION_TAGS_NOT_ANY, NO_COLUMN, read_tags, 26},
    {"locked", 73, CONDITION_EQUAL, COLUMN_LOCKED, read_truth, 73},
    {"host", ADMIN_ONLY, CONDITION_EQUAL, COLUMN_HOST, NULL, 1},
    {"node", ADMIN_ONLY, CONDITION_EQUAL, COLUMN_NODE, NULL, 1},
    {"project_id", ADMIN_ONLY, CONDITION_EQUAL, COLUMN_PROJECT_ID, read_project, 1},
    {"tenant_id", ADMIN_ONLY, CONDITION_EQUAL, COLUMN_PROJECT_ID, read_project, 1},
    {"user_id", 83, CONDITION_EQUAL, COLUMN_USER_ID, NULL, 1},
    {"deleted", ADMIN_ONLY, CONDITION_EQUAL, COLUMN_DELETED, read_deleted, 1},
    {"uuid", ADMIN_ONLY, CONDITION_EQUAL, COLUMN_UUID, NULL, 1},
    {"display_name", ADMIN_ONLY, CONDITION_REGEXP, COLUMN_NAME, NULL, 1},
    {"display_description", ADMIN_ONLY, CONDITION_REGEXP, COLUMN_DESCRIPTION, NULL, 1},
    {"description", ADMIN_ONLY, CONDITION_REGEXP, COLUMN_DESCRIPTION, NULL, 1},
    {"hostname", 90, CONDITION_REGEXP, COLUMN_HOSTNAME, NULL, 1},
    {"image_ref", ADMIN_ONLY, CONDITION_EQUAL, COLUMN_IMAGE_REF, NULL, 1},
    {"kernel_id", ADMIN_ONLY, CONDITION_EQUAL, COLUMN_KERNEL_ID, NULL, 1},
    {"ramdisk_id", ADMIN_ONLY, CONDITION_EQUAL, COLUMN_RAMDISK_ID, NULL, 1},
    {"root_device_name", ADMIN_ONLY, CONDITION_EQUAL, COLUMN_ROOT_DEVICE_NAME, NULL, 1},
    {"locked_by", ADMIN_ONLY, CONDITION_EQUAL, COLUMN_LOCKED_BY, NULL, 1},
    {"access_ip_v4", ADMIN_ONLY, CONDITION_REGEXP, COLUMN_ACCESS_IP_V4, NULL, 1},
    {"access_ip_v6", ADMIN_ONLY, CONDITION_REGEXP, COLUMN_ACCESS_IP_V6, NULL, 1},
    {"availability_zone", 83, CONDITION_EQUAL, COLUMN_AVAILABILITY_ZONE, NULL, 1},
    {"config_drive", 83, CONDITION_EQUAL, COLUMN_CONFIG_DRIVE, read_truth, 1},
    {"key_name", 83, CONDITION_EQUAL, COLUMN_KEY_NAME, NULL, 1},
    {"vm_state", 83, CONDITION_EQUAL, COLUMN_VM_STATE, NULL, 1},
    {"task_state", 83, CONDITION_EQUAL, COLUMN_TASK_STATE, NULL, 1},
    {"power_state", 83, CONDITION_EQUAL, COLUMN_POWER_STATE, NULL, 1},
    {"progress", 83, CONDITION_EQUAL, COLUMN_PROGRESS, NULL, 1},
    {"launch_index", ADMIN_ONLY, CONDITION_EQUAL, COLUMN_LAUNCH_INDEX, NULL, 1},
    {"created_at", 83, CONDITION_EQUAL, COLUMN_CREATED_AT, NULL, 1},
    {"launched_at", 83, CONDITION_EQUAL, COLUMN_LAUNCHED_AT, NULL, 1},
    {"terminated_at", 83, CONDITION_EQUAL, COLUMN_TERMINATED_AT, NULL, 1},
    {"auto_disk_config", ADMIN_ONLY, CONDITION_EQUAL, COLUMN_DISK_CONFIG, NULL, 1},
};

/* Parameters that are no filters, known filters that mean nothing here (Nova's 2.1 schema knows them), and the names of joined
 * tables. */
static const char *const other_parameters[] = {"limit",        "marker",        "sort_key",        "sort_dir", "all_tenants",
                                               "soft_deleted", "recurse_zones", "local_zone_only", "fresh"};
static const char *const joined_tables[] = {"block_device_mapping", "extra",           "flavor_ref", "info_cache",     "metadata",
                                            "pci_devices",          "security_groups", "services",   "system_metadata"};

static bool is_in(const char *const *list, size_t count, const char *text)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(list[i], text) == 0)
            return true;
    }
    return false;
}

static const struct filter_row *find_filter(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(filters); i++) {
        if (strcmp(filters[i].name, name) == 0)
            return &filters[i];
    }
    return NULL;
}

static enum err plain_value(struct reading *reading, const struct filter_row *row, const char *value, struct sql_value *out)
{
    int64_t number = 0;
    struct uuid *uuid = arena_alloc(reading->request->arena, sizeof(*uuid));
    switch (server_column_type(row->column)) {
    case COLUMN_TYPE_INT:
        if (!str_to_int(value, &number))
            reading->filter->nothing = true;
        *out = sql_int(number);
        return OK;
    case COLUMN_TYPE_TIME:
        TRY(time_parse_iso(value, &number));
        *out = sql_time(number);
        return OK;
    case COLUMN_TYPE_UUID:
        if (uuid_from_text(value, uuid) != OK)
            reading->filter->nothing = true;
        *out = sql_uuid(uuid);
        return OK;
    case COLUMN_TYPE_TEXT:
        break;
    }
    *out = sql_text(value);
    return OK;
}

static enum err read_filter(struct reading *reading, const struct filter_row *row, const char *value)
{
    if (row->read)
        return row->read(reading, row->name, value);
    struct sql_value bound;
    if (row->kind == CONDITION_REGEXP && *value == '\0')
        return fail(E_INVALID, "Invalid filter: the value of %s is empty.", row->name);
    TRY(plain_value(reading, row, value, &bound));
    add_one(reading, row->kind, row->column, bound);
    return OK;
}

/* What Nova's own tables are called, and what begins like its internals: refused to admins, unknown to everybody else. */
static bool is_internal(const char *name)
{
    return name[0] == '_' || is_in(joined_tables, ARRAY_LEN(joined_tables), name);
}

static bool may_filter(const struct request *request, const struct filter_row *row)
{
    if (!row || request->version < row->since)
        return false;
    return request->caller.is_admin || (row->user_min != ADMIN_ONLY && request->version >= row->user_min);
}

static enum err read_parameter(struct reading *reading, const char *name, const char *value)
{
    const struct request *request = reading->request;
    if (is_internal(name))
        return request->caller.is_admin ? fail(E_INVALID, "Invalid filter field: %s.", name) : OK;
    if (is_in(other_parameters, ARRAY_LEN(other_parameters), name) || str_starts(name, "zone."))
        return OK;
    const struct filter_row *row = find_filter(name);
    if (!row && request->version >= SERVER_STRICT_QUERY)
        return fail(E_INVALID, "Additional properties are not allowed ('%s' was unexpected)", name);
    return may_filter(request, row) ? read_filter(reading, row, value) : OK;
}

static enum err read_limit(struct reading *reading, size_t max_limit)
{
    struct server_filter *filter = reading->filter;
    filter->limit_given = request_query(reading->request, "limit") != NULL;
    return page_read_limit(reading->request, max_limit, &filter->limit);
}

static enum err read_tenants(struct reading *reading)
{
    const struct request *request = reading->request;
    const char *text = request_query(request, "all_tenants");
    bool all = false;
    if (text) {
        all = *text == '\0';
        if (*text && !read_bool(text, &all))
            return not_a_bool(text);
    }
    if (all && !request->caller.is_admin)
        return fail(E_FORBIDDEN, "Policy doesn't allow os_compute_api:servers:index:get_all_tenants to be performed.");
    reading->filter->all_tenants = all;
    if (!all)
        add_one(reading, CONDITION_EQUAL, COLUMN_PROJECT_ID, sql_text(request->caller.project_id));
    else if (reading->project)
        add_one(reading, CONDITION_EQUAL, COLUMN_PROJECT_ID, sql_text(reading->project));
    return OK;
}

static enum err check_changes(struct reading *reading)
{
    int64_t since = 0;
    int64_t before = INT64_MAX;
    const char *since_text = request_query(reading->request, "changes-since");
    const char *before_text = reading->request->version >= 66 ? request_query(reading->request, "changes-before") : NULL;
    if (since_text)
        TRY(time_parse_iso(since_text, &since));
    if (before_text)
        TRY(time_parse_iso(before_text, &before));
    return since > before ? fail(E_INVALID, "The value of changes-since must be less than or equal to changes-before.") : OK;
}

/* Of repeated parameters the last counts, all of `status`; the others are checked only. */
static enum err read_repeated(struct reading *reading, const struct http_pair *pair)
{
    const struct server_filter filter = *reading->filter;
    const struct reading former = *reading;
    TRY(read_parameter(reading, pair->name, pair->value));
    if (request_query(reading->request, pair->name) == pair->value || str_equal(pair->name, "status"))
        return OK;
    *reading = former;
    *reading->filter = filter;
    return OK;
}

enum err server_filter_read(struct request *request, size_t max_limit, struct server_filter *out)
{
    struct server_filter filter = {0};
    struct reading reading = {request, &filter, false, false, NULL};
    filter.conditions = arena_alloc(request->arena, (request->query.count + 8) * sizeof(*filter.conditions));
    filter.marker = request_query(request, "marker");
    TRY(read_limit(&reading, max_limit));
    TRY(server_filter_read_sort(request, &filter));
    for (size_t i = 0; i < request->query.count; i++)
        TRY(read_repeated(&reading, &request->query.items[i]));
    TRY(join_statuses(&reading));
    TRY(check_changes(&reading));
    filter.narrowed = filter.condition_count || filter.nothing || reading.wants_deleted || reading.changes;
    TRY(read_tenants(&reading));
    filter.project = filter.all_tenants ? reading.project : request->caller.project_id;
    if (reading.wants_deleted)
        add_one(&reading, CONDITION_EQUAL, COLUMN_DELETED, sql_bool(true));
    else if (!reading.changes)
        add_one(&reading, CONDITION_EQUAL, COLUMN_DELETED, sql_bool(false));
    *out = filter;
    return OK;
}
