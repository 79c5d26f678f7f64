/* See nova_rows.h. The directions belong to the keys by position, as in gateway/api/server_sort.c: the two must agree. */
#include "zones/nova_rows.h"

#include <string.h>

#include <jansson.h>

#include "gateway/base/clock.h"
#include "zones/nova_json.h"
#include "zones/row_key.h"

#define WORD_SIZE 64

enum column_type { TYPE_TEXT, TYPE_INT, TYPE_TIME, TYPE_UUID, TYPE_PROJECT, TYPE_NOTHING };

/* Sort keys of the API and the members of a server's JSON that hold them; what the JSON does not say is null. */
struct nova_column {
    const char *name;
    enum column_type type;
    const char *member;
};

static const struct nova_column columns[] = {
    {"access_ip_v4", TYPE_TEXT, "accessIPv4"},
    {"access_ip_v6", TYPE_TEXT, "accessIPv6"},
    {"auto_disk_config", TYPE_NOTHING, NULL},
    {"availability_zone", TYPE_TEXT, "OS-EXT-AZ:availability_zone"},
    {"config_drive", TYPE_NOTHING, NULL},
    {"created_at", TYPE_TIME, "created"},
    {"display_description", TYPE_TEXT, "description"},
    {"display_name", TYPE_TEXT, "name"},
    {"host", TYPE_TEXT, "OS-EXT-SRV-ATTR:host"},
    {"hostname", TYPE_TEXT, "OS-EXT-SRV-ATTR:hostname"},
    {"image_ref", TYPE_NOTHING, NULL},
    {"instance_type_id", TYPE_NOTHING, NULL},
    {"kernel_id", TYPE_TEXT, "OS-EXT-SRV-ATTR:kernel_id"},
    {"key_name", TYPE_TEXT, "key_name"},
    {"launch_index", TYPE_INT, "OS-EXT-SRV-ATTR:launch_index"},
    {"launched_at", TYPE_TIME, "OS-SRV-USG:launched_at"},
    {"locked", TYPE_NOTHING, NULL},
    {"locked_by", TYPE_NOTHING, NULL},
    {"node", TYPE_TEXT, "OS-EXT-SRV-ATTR:hypervisor_hostname"},
    {"power_state", TYPE_INT, "OS-EXT-STS:power_state"},
    {"progress", TYPE_INT, "progress"},
    {"project_id", TYPE_PROJECT, NULL},
    {"ramdisk_id", TYPE_TEXT, "OS-EXT-SRV-ATTR:ramdisk_id"},
    {"root_device_name", TYPE_TEXT, "OS-EXT-SRV-ATTR:root_device_name"},
    {"task_state", TYPE_TEXT, "OS-EXT-STS:task_state"},
    {"terminated_at", TYPE_TIME, "OS-SRV-USG:terminated_at"},
    {"updated_at", TYPE_TIME, "updated"},
    {"user_id", TYPE_TEXT, "user_id"},
    {"uuid", TYPE_UUID, NULL},
    {"vm_state", TYPE_TEXT, "OS-EXT-STS:vm_state"},
};

struct pair {
    const char *name;
    const char *value;
};

/* The query's pairs, still encoded. */
static size_t read_pairs(struct arena *arena, const char *query, struct pair **out)
{
    size_t count = 1;
    for (const char *at = query; *at; at++)
        count += *at == '&' ? 1 : 0;
    struct pair *pairs = arena_alloc(arena, count * sizeof(*pairs));
    count = 0;
    for (const char *at = query; *at;) {
        const size_t length = strcspn(at, "&");
        char *pair = arena_strndup(arena, at, length);
        char *equals = strchr(pair, '=');
        if (equals)
            *equals = '\0';
        if (length)
            pairs[count++] = (struct pair){pair, equals ? equals + 1 : ""};
        at += length + (at[length] ? 1 : 0);
    }
    *out = pairs;
    return count;
}

static const struct nova_column *find_column(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(columns); i++) {
        if (str_equal(columns[i].name, name))
            return &columns[i];
    }
    return NULL;
}

static bool has_sort(const struct nova_list *list, const struct nova_column *column)
{
    for (size_t i = 0; i < list->sort_count; i++) {
        if (list->sorts[i].column == column)
            return true;
    }
    return false;
}

static void add_sort(struct nova_list *list, const struct nova_column *column, bool descending)
{
    if (column && !has_sort(list, column) && list->sort_count < NOVA_SORTS_MOST)
        list->sorts[list->sort_count++] = (struct nova_sort){column, descending};
}

static void read_sorts(const struct pair *pairs, size_t count, struct nova_list *out)
{
    bool descending[NOVA_SORTS_MOST];
    size_t directions = 0;
    size_t keys = 0;
    for (size_t i = 0; i < count && directions < NOVA_SORTS_MOST; i++) {
        if (str_equal(pairs[i].name, "sort_dir"))
            descending[directions++] = str_equal(pairs[i].value, "desc");
    }
    for (size_t i = 0; i < count; i++) {
        if (!str_equal(pairs[i].name, "sort_key"))
            continue;
        add_sort(out, find_column(pairs[i].value), directions ? descending[keys < directions ? keys : 0] : true);
        keys++;
    }
    if (keys == 0 && directions && !descending[0])
        add_sort(out, find_column("created_at"), false);
}

static bool is_true(const char *value)
{
    return str_equal_nocase(value, "true") || str_equal(value, "1") || str_equal_nocase(value, "yes") || str_equal(value, "");
}

static enum err read_pair(struct arena *arena, const struct pair *pair, struct nova_list *out, struct text *filters)
{
    static const char *const dropped[] = {"sort_key", "sort_dir", "marker", "local_zone_only", "recurse_zones", "fresh"};
    int64_t number = 0;
    for (size_t i = 0; i < ARRAY_LEN(dropped); i++) {
        if (str_equal(pair->name, dropped[i]))
            return OK;
    }
    if (str_equal(pair->name, "limit")) {
        if (!str_to_int(pair->value, &number) || number < 0)
            return fail(E_INVALID, "limit is no number");
        out->limit = (size_t)number;
    } else if (str_equal(pair->name, "zone.after")) {
        const size_t size = strlen(pair->value) + 4;
        uint8_t *key = arena_alloc(arena, size);
        TRY(base64url_decode(pair->value, strlen(pair->value), key, size, &out->after_length));
        out->after = key;
    } else if (str_equal(pair->name, "all_tenants")) {
        out->all_tenants = is_true(pair->value);
    } else if (str_equal(pair->name, "tenant_id") || str_equal(pair->name, "project_id")) {
        out->project = pair->value;
    } else if (!str_starts(pair->name, "zone.")) {
        text_add_format(filters, "%s=%s&", pair->name, pair->value);
    }
    return OK;
}

enum err nova_list_read(struct arena *arena, const char *target, struct nova_list *out)
{
    static const char path[] = "/compute/v2.1/servers";
    CLEANUP(text_clear) struct text filters = {0};
    struct pair *pairs = NULL;
    struct nova_list list = {.limit = 1000};
    const char *query = strchr(target, '?');
    const size_t length = query ? (size_t)(query - target) : strlen(target);
    list.brief = length == sizeof(path) - 1;
    if (!str_starts(target, path))
        return fail(E_INVALID, "%s is not about servers", target);
    const size_t count = read_pairs(arena, query ? query + 1 : "", &pairs);
    read_sorts(pairs, count, &list);
    for (size_t i = 0; i < count; i++)
        TRY(read_pair(arena, &pairs[i], &list, &filters));
    list.filters = arena_strdup(arena, text_str(&filters));
    *out = list;
    return OK;
}

/* The usual order is Nova's to make, so that reading may end early; another one, whose texts it would compare in its own way, is
 * made here. */
const char *nova_list_target(struct arena *arena, const struct nova_list *list, size_t limit, const char *marker)
{
    const char *marked = marker ? arena_printf(arena, "&marker=%s", marker) : "";
    return arena_printf(arena, "/servers/detail?%ssort_key=created_at&sort_dir=desc&sort_key=uuid&sort_dir=asc&limit=%zu%s",
                        list->filters, limit, marked);
}

/* A string or number at the top, decoded; the caller's to decref. NULL: absent, or of another type. */
static json_t *read_leaf(const char *row, size_t length, const char *member)
{
    struct nova_piece value;
    if (!member || !nova_member(row, length, member, &value) || *value.bytes == '{' || *value.bytes == '[')
        return NULL;
    return json_loadb(value.bytes, value.length, JSON_DECODE_ANY, NULL);
}

/* A short string without escapes, as ids and times are. */
static bool read_word(const struct nova_piece *value, char out[WORD_SIZE])
{
    if (!value || value->length < 2 || value->length - 2 >= WORD_SIZE || *value->bytes != '"' ||
        memchr(value->bytes, '\\', value->length))
        return false;
    memcpy(out, value->bytes + 1, value->length - 2);
    out[value->length - 2] = '\0';
    return true;
}

static bool read_time(const json_t *leaf, int64_t *out_us)
{
    return json_is_string(leaf) && time_parse_iso(json_string_value(leaf), out_us) == OK;
}

struct nova_row {
    const char *bytes;
    size_t length;
    const char *project;
    struct uuid uuid;
};

static void add_column(const struct nova_row *row, const struct nova_sort *sort, struct text *key)
{
    const enum key_order order = sort->descending ? KEY_DESCENDING : KEY_ASCENDING;
    const enum column_type type = sort->column->type;
    json_auto_t *leaf = read_leaf(row->bytes, row->length, sort->column->member);
    int64_t us = 0;
    if (type == TYPE_UUID)
        row_key_uuid(key, order, &row->uuid);
    else if (type == TYPE_PROJECT)
        row_key_text(key, order, row->project, strlen(row->project));
    else if (type == TYPE_TEXT && json_string_length(leaf))
        row_key_text(key, order, json_string_value(leaf), json_string_length(leaf));
    else if (type == TYPE_INT && json_is_integer(leaf))
        row_key_int(key, order, json_integer_value(leaf));
    else if (type == TYPE_TIME && read_time(leaf, &us))
        row_key_time(key, order, us);
    else
        row_key_null(key, order);
}

enum err nova_row_key_of(const struct nova_list *list, const struct nova_piece *piece, const struct nova_row_words *words,
                         const char *project, struct text *key, struct uuid *out_uuid)
{
    struct nova_row row = {.bytes = piece->bytes, .length = piece->length, .project = project};
    char id[WORD_SIZE];
    char created[WORD_SIZE];
    int64_t created_us = 0;
    if (!read_word(words->id, id) || strlen(id) != UUID_TEXT_SIZE - 1 || uuid_from_text(id, &row.uuid) != OK)
        return fail(E_INVALID, "a server has no id");
    if (!read_word(words->created, created) || time_parse_iso(created, &created_us) != OK)
        return fail(E_INVALID, "server %s does not say when it was made", id);
    for (size_t i = 0; i < list->sort_count; i++)
        add_column(&row, &list->sorts[i], key);
    *out_uuid = row.uuid;
    return row_key_finish(key, created_us, &row.uuid);
}

enum err nova_row_key(const struct nova_list *list, const char *bytes, size_t length, const char *project, struct text *key,
                      struct uuid *out_uuid)
{
    const struct nova_piece row = {bytes, length};
    struct nova_piece id;
    struct nova_piece created;
    const struct nova_row_words words = {nova_member(bytes, length, "id", &id) ? &id : NULL,
                                         nova_member(bytes, length, "created", &created) ? &created : NULL};
    return nova_row_key_of(list, &row, &words, project, key, out_uuid);
}
