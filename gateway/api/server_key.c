/* Sort keys of servers; see server_key.h. The encoding is zones/row_key.h's; reading it back is this file's. */
#include "gateway/api/server_key.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/api/server_seen.h"
#include "gateway/conductor/locate.h"
#include "schema/json/json.h"
#include "zones/row_key.h"
#include "zones/rows.h"

static void add_column(struct text *key, const struct server *server, const struct sort_column *sort)
{
    const enum key_order order = sort->descending ? KEY_DESCENDING : KEY_ASCENDING;
    const struct sql_value value = server_column_value(server, sort->column);
    if (value.type == SQL_NULL) {
        row_key_null(key, order);
        return;
    }
    switch (server_column_type(sort->column)) {
    case COLUMN_TYPE_INT:
        row_key_int(key, order, value.number);
        return;
    case COLUMN_TYPE_TIME:
        row_key_time(key, order, server_column_time(server, sort->column));
        return;
    case COLUMN_TYPE_UUID:
        row_key_uuid(key, order, &server->uuid);
        return;
    case COLUMN_TYPE_TEXT:
        row_key_text(key, order, value.bytes, value.length);
        return;
    }
}

enum err server_key_add(struct text *keys, const struct server *server, const struct server_filter *filter)
{
    CLEANUP(text_clear) struct text key = {0};
    for (size_t i = 0; i < filter->requested_count; i++)
        add_column(&key, server, &filter->sort[i]);
    TRY(row_key_finish(&key, server->created_us, &server->uuid));
    text_add(keys, key.bytes, key.length);
    return OK;
}

/* A key being read. */
struct key_reader {
    const uint8_t *bytes;
    size_t left;
    uint8_t mask; /* 0xff in a descending column */
};

static bool read_byte(struct key_reader *reader, uint8_t *out)
{
    if (reader->left == 0)
        return false;
    *out = *reader->bytes ^ reader->mask;
    reader->bytes++;
    reader->left--;
    return true;
}

static bool read_number(struct key_reader *reader, int64_t *out)
{
    uint64_t bits = 0;
    uint8_t byte = 0;
    for (int i = 0; i < 8; i++) {
        if (!read_byte(reader, &byte))
            return false;
        bits = bits << 8 | byte;
    }
    *out = (int64_t)(bits ^ (UINT64_C(1) << 63));
    return true;
}

static bool read_text(struct key_reader *reader, struct arena *arena, struct sql_value *out)
{
    char *text = arena_alloc(arena, reader->left + 1);
    size_t length = 0;
    uint8_t byte = 0;
    uint8_t next = 0;
    while (read_byte(reader, &byte)) {
        if (byte == 0) {
            if (!read_byte(reader, &next))
                return false;
            if (next == 0) {
                text[length] = 0;
                *out = sql_text(text);
                return true;
            }
        }
        text[length++] = (char)byte;
    }
    return false;
}

static bool read_uuid(struct key_reader *reader, struct arena *arena, struct sql_value *out)
{
    struct uuid *uuid = arena_alloc(arena, sizeof(*uuid));
    for (size_t i = 0; i < sizeof(uuid->bytes); i++) {
        if (!read_byte(reader, &uuid->bytes[i]))
            return false;
    }
    *out = sql_uuid(uuid);
    return true;
}

static bool read_column(struct key_reader *reader, struct arena *arena, enum column_type type, bool descending,
                        struct sql_value *out)
{
    uint8_t head = 0;
    int64_t number = 0;
    reader->mask = descending ? 0xff : 0;
    if (!read_byte(reader, &head) || head > 1)
        return false;
    if (head == 0) {
        *out = sql_null();
        return true;
    }
    switch (type) {
    case COLUMN_TYPE_INT:
        if (!read_number(reader, &number))
            return false;
        *out = sql_int(number);
        return true;
    case COLUMN_TYPE_TIME:
        if (!read_number(reader, &number) || number > INT64_C(253402300799) || number < 0)
            return false;
        *out = sql_time(number * 1000000);
        return true;
    case COLUMN_TYPE_UUID:
        return read_uuid(reader, arena, out);
    case COLUMN_TYPE_TEXT:
        break;
    }
    return read_text(reader, arena, out);
}

enum err server_key_values(struct arena *arena, const struct text *key, const struct server_filter *filter,
                           const struct sql_value **out)
{
    struct key_reader reader = {(const uint8_t *)key->bytes, key->length, 0};
    struct sql_value *values = arena_alloc(arena, filter->sort_count * sizeof(*values));
    struct sql_value created;
    struct sql_value uuid;
    bool good = true;
    for (size_t i = 0; i < filter->requested_count && good; i++)
        good = read_column(&reader, arena, server_column_type(filter->sort[i].column), filter->sort[i].descending, &values[i]);
    good = good && read_column(&reader, arena, COLUMN_TYPE_TIME, true, &created) &&
           read_column(&reader, arena, COLUMN_TYPE_UUID, false, &uuid);
    if (!good || reader.left)
        return fail(E_INVALID, "zone.after is not a key of this order.");
    for (size_t i = filter->requested_count; i < filter->sort_count; i++)
        values[i] = filter->sort[i].column == COLUMN_UUID ? uuid : created;
    *out = values;
    return OK;
}

/* The words of the zone on the way that could not reach the marker's owner: they name it. */
static const char *silent_message(struct request *request, const struct response *answer, const char *marker)
{
    json_auto_t *body = NULL;
    const char *message = NULL;
    if (json_parse_foreign(text_str(&answer->body), answer->body.length, &body) == OK)
        message = json_string_value(json_object_get(json_object_iter_value(json_object_iter(body)), "message"));
    return message ? arena_strdup(request->arena, message)
                   : arena_printf(request->arena, "The zone of marker %s does not answer.", marker);
}

/* A marker that lives elsewhere: its owner is asked for its framed row, which carries the key. */
static enum err ask_owner(struct request *request, const char *marker, struct text *out)
{
    struct request probe = *request;
    struct response answer;
    struct row_list list;
    bool answered = false;
    CLEANUP(text_clear) struct text target = {0};
    text_add_format(&target, "/compute/v2.1/servers/%s?", marker);
    for (size_t i = 0; i < request->query.count; i++) {
        if (str_starts(request->query.items[i].name, "sort_"))
            query_add(&target, request->query.items[i].name, request->query.items[i].value);
    }
    probe.method = "GET";
    probe.target = arena_strndup(request->arena, text_str(&target), target.length - 1);
    probe.headers = (struct http_pairs){0};
    probe.params = (struct http_pairs){0};
    pairs_add(request->arena, &probe.params, "server_id", marker);
    pairs_add(request->arena, &probe.headers, "Accept", ROWS_MEDIA_TYPE);
    pairs_add(request->arena, &probe.headers, "OpenStack-API-Version",
              arena_printf(request->arena, "compute %s", request->version_text));
    response_init(&answer);
    enum err result = conductor_locate(&probe, &answer, &answered);
    if (result == OK && answered && answer.status == 200) {
        const char *bytes = arena_strndup(request->arena, answer.body.bytes, answer.body.length);
        result = rows_read(request->arena, bytes, answer.body.length, NULL, 0, &list);
        if (result == OK && list.count == 1)
            text_add(out, list.rows[0].key, list.rows[0].key_length);
    }
    if (result == OK && answered && answer.status >= 500)
        result = fail(E_UNAVAILABLE, "%s", silent_message(request, &answer, marker));
    response_clear(&answer);
    return result == E_NOT_FOUND ? OK : result;
}

/* The owner's word; what was seen before, while it is silent. */
static enum err ask_or_remember(struct request *request, const struct server_filter *filter, const struct uuid *uuid,
                                struct text *out)
{
    const enum err result = ask_owner(request, filter->marker, out);
    if (result == E_UNAVAILABLE && server_seen_key(request, filter, uuid, out))
        return OK;
    return result;
}

static enum err marker_key(struct request *request, const struct server_filter *filter, struct text *out)
{
    struct uuid uuid;
    struct server server;
    enum err result = E_NOT_FOUND;
    if (uuid_is_text(filter->marker) && uuid_from_text(filter->marker, &uuid) == OK) {
        result = server_get_any(request->db, request->arena, &uuid, &server);
        const bool visible = result == OK && (request->caller.is_admin || str_equal(server.project_id, request->caller.project_id));
        if (visible)
            return server_key_add(out, &server, filter);
        if (result != E_NOT_FOUND)
            TRY(result);
        else
            TRY(ask_or_remember(request, filter, &uuid, out));
    }
    return out->length ? OK : fail(E_INVALID, "marker [%s] not found", filter->marker);
}

enum err server_key_after(struct request *request, const struct server_filter *filter, struct text *out)
{
    const char *after = request_query(request, "zone.after");
    if (after && request->link) {
        uint8_t bytes[ROW_KEY_MAX];
        size_t length = 0;
        TRY(base64url_decode(after, strlen(after), bytes, sizeof(bytes), &length));
        text_add(out, bytes, length);
        return OK;
    }
    return filter->marker ? marker_key(request, filter, out) : OK;
}

void query_add(struct text *out, const char *name, const char *value)
{
    text_add_percent(out, name, "");
    text_add_char(out, '=');
    text_add_percent(out, value, "");
    text_add_char(out, '&');
}
