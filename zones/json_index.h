/*
 * What a long JSON text consists of, found in the one walk that also checks it (json_scan.h says what is refused): where names that
 * were asked for stand, the strings behind them, the objects that are rows; and which bytes are blanks between tokens. For whoever
 * changes little of much JSON and copies the rest. No tree is built.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_INDEX_NAMES 8  /* that may be asked for */
#define JSON_INDEX_DEPTH 3  /* of rows: {"servers": [{…}]} */
#define JSON_INDEX_MORE  64 /* bytes behind a copy that may be written too */

struct json_masker;

enum json_note_kind {
    NOTE_NAME,   /* a name that was asked for, at its quote; `depth` is its object's */
    NOTE_STRING, /* the first string behind such a name, if that is a value and no name */
    NOTE_OPEN,   /* an object of depth JSON_INDEX_DEPTH begins */
    NOTE_CLOSE   /* and ends: its last byte */
};

struct json_note {
    uint32_t at;
    uint8_t kind;
    uint8_t name; /* which of the names */
    uint8_t depth;
};

/* Names as they stand in the text, with both quotes; NULL behind the last. A name that is written with escapes is another one. */
struct json_names {
    const char *quoted[JSON_INDEX_NAMES + 1];
};

/* Borrows the text. Empty is `{0}`. */
struct json_index {
    const char *bytes;
    size_t length;
    const struct json_names *names;
    size_t name_lengths[JSON_INDEX_NAMES];
    uint64_t heads[JSON_INDEX_NAMES]; /* their first eight bytes, or all */
    uint64_t masks[JSON_INDEX_NAMES]; /* of these, those that count */
    uint8_t firsts[256];              /* by the byte behind the quote: a bit for each name */
    uint64_t *kept;                   /* a bit for each byte: it is no blank between tokens */
    struct json_note *notes;
    size_t count;
    size_t capacity;
    char *(*copy)(const struct json_index *index, size_t from, size_t to, char *out);
};

/* False: the text is not one object as json_scan_object wants it. `masker` NULL: the fastest. */
bool json_index_make(struct json_index *out, const struct json_masker *masker, const struct json_names *names, const char *bytes,
                     size_t length);
void json_index_clear(struct json_index *index);
/* The bytes from `from` to `to` but for blanks between tokens; where they end in `out`, which has room for `to - from` and
 * JSON_INDEX_MORE bytes. */
char *json_index_copy(const struct json_index *index, size_t from, size_t to, char *out);

/* For json_scan.c. */
void json_index_grow(struct json_index *index);

static inline void json_index_add(struct json_index *index, const struct json_note *note)
{
    if (index->count == index->capacity)
        json_index_grow(index);
    index->notes[index->count++] = *note;
}
