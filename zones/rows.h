/*
 * Framed rows: how lists travel between zones (spec link.md section 5).
 *
 * The writer makes frames and the trailer. The reader takes bytes as they come and gives rows that are checked: lengths, one JSON
 * object of bounded depth, keys ascending and beyond the marker, the key's last column the row's own uuid, the trailer's count,
 * nothing behind it. Row bodies are copied as bytes and never parsed. Not here: merging (row_merge.h), making keys (row_key.h).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/arena.h"
#include "gateway/base/err.h"
#include "gateway/base/id.h"
#include "gateway/base/text.h"
#include "zones/reason.h"

#define ROWS_MEDIA_TYPE  "application/vnd.zonegate.rows.v1"
#define ROW_KEY_MAX      4096
#define ROW_BODY_MAX     (1u << 20)
#define ROWS_TRAILER_MAX (64u << 10)

/* Borrows its bytes. */
struct row {
    struct uuid uuid;
    const uint8_t *key;
    size_t key_length;
    const char *body; /* one JSON object */
    size_t body_length;
};

/* A whole list of one source, in order. */
struct row_list {
    const struct row *rows;
    size_t count;
    bool more;                    /* rows exist after the last */
    struct zones_missing missing; /* paths from the source */
};

void rows_write(struct text *out, const struct row *row);
/* The missing zones are sorted, each once; those that do not fit 64 KiB are dropped from the end. */
void rows_write_trailer(struct text *out, uint32_t count, bool more, const struct zones_missing *missing);

enum row_step { ROW_STEP_ROW, ROW_STEP_MORE_BYTES, ROW_STEP_END };

/* Reads bytes as they arrive. The caller owns the buffer: it gives what is there, and drops what was used. */
struct row_reader {
    const uint8_t *after; /* keys must be greater; NULL: no bound */
    size_t after_length;
    uint8_t last[ROW_KEY_MAX];
    size_t last_length;
    bool has_last;
    bool ended;
    uint32_t count;
};

/* `after` is borrowed. */
void row_reader_init(struct row_reader *reader, const uint8_t *after, size_t after_length);
/* The next row or the trailer from the start of `bytes`; `*used` bytes are done with (0 for MORE_BYTES). At END `list` has `more`
 * and `missing` (in the arena); it may be NULL otherwise. E_INVALID: the stream breaks a rule, its words say which. */
MUST_CHECK enum err row_reader_next(struct row_reader *reader, struct arena *arena, const uint8_t *bytes, size_t length,
                                    size_t *used, enum row_step *step, struct row *row, struct row_list *list);

/* A complete answer: all rows, the trailer, nothing behind. The rows borrow `bytes`. E_INVALID. */
MUST_CHECK enum err rows_read(struct arena *arena, const void *bytes, size_t length, const uint8_t *after, size_t after_length,
                              struct row_list *out);
