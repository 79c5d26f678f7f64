/* Framed rows, written and read; see rows.h. */
#include "zones/rows.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "schema/json/json.h"
#include "zones/json_scan.h"
#include "zones/row_key.h"

#define HEAD_SIZE     24 /* lengths and uuid */
#define TRAILER_HEAD  8  /* count and length */
#define KEY_TAIL_SIZE 17 /* the last column: 1 and the uuid */
#define MISSING_MOST  4096

static void add_u32(struct text *out, uint32_t number)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        text_add_char(out, (char)(number >> shift & 0xff));
}

static uint32_t get_u32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

void rows_write(struct text *out, const struct row *row)
{
    add_u32(out, (uint32_t)row->key_length);
    add_u32(out, (uint32_t)row->body_length);
    text_add(out, row->uuid.bytes, sizeof(row->uuid.bytes));
    text_add(out, row->key, row->key_length);
    text_add(out, row->body, row->body_length);
}

static int compare_missing(const void *a, const void *b)
{
    return strcmp(((const struct zone_missing *)a)->path, ((const struct zone_missing *)b)->path);
}

static void write_missing(struct text *out, const struct zone_missing *sorted, size_t count)
{
    const char *last = NULL;
    for (size_t i = 0; i < count; i++) {
        if (str_equal(last, sorted[i].path) || out->length + strlen(sorted[i].path) + 64 > ROWS_TRAILER_MAX)
            continue;
        text_add_str(out, last ? ",{\"zone\":" : "{\"zone\":");
        text_add_json(out, sorted[i].path);
        text_add_format(out, ",\"reason\":\"%s\"}", zone_kind_word(sorted[i].reason));
        last = sorted[i].path;
    }
}

void rows_write_trailer(struct text *out, uint32_t count, bool more, const struct zones_missing *missing)
{
    static const uint8_t head[HEAD_SIZE] = {0};
    CLEANUP(arena_clear) struct arena arena = {0};
    CLEANUP(text_clear) struct text json = {0};
    text_add_format(&json, "{\"more\":%s,\"missing\":[", more ? "true" : "false");
    if (missing && missing->count) {
        struct zone_missing *sorted = arena_copy(&arena, missing->items, missing->count * sizeof(*sorted));
        qsort(sorted, missing->count, sizeof(*sorted), compare_missing);
        write_missing(&json, sorted, missing->count);
    }
    text_add_str(&json, "]}");
    text_add(out, head, sizeof(head));
    add_u32(out, count);
    add_u32(out, (uint32_t)json.length);
    text_add(out, json.bytes, json.length);
}

void row_reader_init(struct row_reader *reader, const uint8_t *after, size_t after_length)
{
    reader->after = after;
    reader->after_length = after_length;
    reader->last_length = 0;
    reader->has_last = false;
    reader->ended = false;
    reader->count = 0;
}

/* The key ends with the row's own uuid, ascending: so keys are unique, and a row cannot stand at another's place. */
static bool key_is_of(const struct row *row)
{
    if (row->key_length < KEY_TAIL_SIZE)
        return false;
    const uint8_t *tail = row->key + row->key_length - KEY_TAIL_SIZE;
    return tail[0] == 1 && memcmp(tail + 1, row->uuid.bytes, sizeof(row->uuid.bytes)) == 0;
}

static enum err check_row(struct row_reader *reader, const struct row *row)
{
    if (!key_is_of(row))
        return fail(E_INVALID, "A row's key is not its own.");
    if (reader->after && row_key_compare(row->key, row->key_length, reader->after, reader->after_length) <= 0)
        return fail(E_INVALID, "A row is not beyond the marker.");
    if (reader->has_last && row_key_compare(row->key, row->key_length, reader->last, reader->last_length) <= 0)
        return fail(E_INVALID, "The rows are not in order.");
    if (!json_scan_object(row->body, row->body_length))
        return fail(E_INVALID, "A row's body is not one JSON object.");
    return OK;
}

static enum err read_row(struct row_reader *reader, const uint8_t *bytes, size_t length, size_t *used, enum row_step *step,
                         struct row *out)
{
    const size_t key_length = get_u32(bytes);
    const size_t body_length = get_u32(bytes + 4);
    if (key_length > ROW_KEY_MAX || body_length > ROW_BODY_MAX || key_length == 0 || body_length == 0)
        return fail(E_INVALID, "A row's lengths are out of bounds.");
    const size_t size = HEAD_SIZE + key_length + body_length;
    if (length < size) {
        *step = ROW_STEP_MORE_BYTES;
        return OK;
    }
    struct row row = {.key = bytes + HEAD_SIZE,
                      .key_length = key_length,
                      .body = (const char *)bytes + HEAD_SIZE + key_length,
                      .body_length = body_length};
    memcpy(row.uuid.bytes, bytes + 8, sizeof(row.uuid.bytes));
    TRY(check_row(reader, &row));
    memcpy(reader->last, row.key, key_length);
    reader->last_length = key_length;
    reader->has_last = true;
    reader->count++;
    *used = size;
    *step = ROW_STEP_ROW;
    *out = row;
    return OK;
}

static enum err read_missing(struct arena *arena, const json_t *value, struct zones_missing *out)
{
    if (!json_is_array(value) || json_array_size(value) > MISSING_MOST)
        return fail(E_INVALID, "The trailer's `missing` is not a list.");
    size_t i;
    const json_t *item;
    json_array_foreach(value, i, item)
    {
        const char *zone = json_string_value(json_object_get(item, "zone"));
        const char *word = json_string_value(json_object_get(item, "reason"));
        enum zone_kind_of_answer reason = ZONE_GARBAGE;
        if (!zone || !word)
            return fail(E_INVALID, "The trailer's `missing` lacks a zone or a reason.");
        TRY(zone_kind_from_word(word, &reason));
        TRY(zone_path_check(zone));
        missing_add(arena, out, arena_strdup(arena, zone), reason);
    }
    return OK;
}

static enum err read_summary(struct arena *arena, const char *bytes, size_t length, struct row_list *list)
{
    json_auto_t *summary = NULL;
    struct zones_missing missing = {0};
    if (json_parse_foreign(bytes, length, &summary) != OK || !json_is_object(summary))
        return fail(E_INVALID, "The trailer is not a JSON object.");
    const json_t *more = json_object_get(summary, "more");
    if (!json_is_boolean(more))
        return fail(E_INVALID, "The trailer does not say whether there are more rows.");
    TRY(read_missing(arena, json_object_get(summary, "missing"), &missing));
    list->more = json_is_true(more);
    list->missing = missing;
    return OK;
}

static enum err read_trailer(struct row_reader *reader, struct arena *arena, const uint8_t *bytes, size_t length, size_t *used,
                             enum row_step *step, struct row_list *list)
{
    static const uint8_t zero[HEAD_SIZE] = {0};
    if (memcmp(bytes, zero, HEAD_SIZE) != 0)
        return fail(E_INVALID, "The trailer has a uuid.");
    if (length < HEAD_SIZE + TRAILER_HEAD) {
        *step = ROW_STEP_MORE_BYTES;
        return OK;
    }
    const size_t size = get_u32(bytes + HEAD_SIZE + 4);
    if (get_u32(bytes + HEAD_SIZE) != reader->count)
        return fail(E_INVALID, "The trailer counts other rows than there were.");
    if (size > ROWS_TRAILER_MAX)
        return fail(E_INVALID, "The trailer is too long.");
    if (length < HEAD_SIZE + TRAILER_HEAD + size) {
        *step = ROW_STEP_MORE_BYTES;
        return OK;
    }
    TRY(read_summary(arena, (const char *)bytes + HEAD_SIZE + TRAILER_HEAD, size, list));
    reader->ended = true;
    *used = HEAD_SIZE + TRAILER_HEAD + size;
    *step = ROW_STEP_END;
    return OK;
}

enum err row_reader_next(struct row_reader *reader, struct arena *arena, const uint8_t *bytes, size_t length, size_t *used,
                         enum row_step *step, struct row *row, struct row_list *list)
{
    *used = 0;
    if (reader->ended)
        return fail(E_INVALID, "There are bytes behind the trailer.");
    if (length < HEAD_SIZE) {
        *step = ROW_STEP_MORE_BYTES;
        return OK;
    }
    if (get_u32(bytes) == 0 && get_u32(bytes + 4) == 0)
        return read_trailer(reader, arena, bytes, length, used, step, list);
    return read_row(reader, bytes, length, used, step, row);
}

static void add_row(struct arena *arena, struct row_list *list, size_t *capacity, const struct row *row)
{
    if (list->count == *capacity) {
        *capacity = *capacity ? 2 * *capacity : 64;
        struct row *bigger = arena_alloc(arena, *capacity * sizeof(*bigger));
        if (list->count)
            memcpy(bigger, list->rows, list->count * sizeof(*bigger));
        list->rows = bigger;
    }
    ((struct row *)list->rows)[list->count++] = *row;
}

enum err rows_read(struct arena *arena, const void *bytes, size_t length, const uint8_t *after, size_t after_length,
                   struct row_list *out)
{
    const uint8_t *at = bytes;
    const uint8_t *end = at + length;
    struct row_reader reader;
    struct row_list list = {0};
    struct row row;
    size_t capacity = 0;
    row_reader_init(&reader, after, after_length);
    while (!reader.ended) {
        size_t used = 0;
        enum row_step step = ROW_STEP_END;
        TRY(row_reader_next(&reader, arena, at, (size_t)(end - at), &used, &step, &row, &list));
        if (step == ROW_STEP_MORE_BYTES)
            return fail(E_INVALID, "The rows end without a trailer.");
        if (step == ROW_STEP_ROW)
            add_row(arena, &list, &capacity, &row);
        at += used;
    }
    if (at != end)
        return fail(E_INVALID, "There are bytes behind the trailer.");
    *out = list;
    return OK;
}
