/*
 * Rows of a plain Nova made ours, byte for byte as nova_rewrite (nova_json.h) makes them, but by an index of the whole page: only
 * links and projects are looked at, and what stands between them is copied as it is. For pages of rows that are not brief.
 */
#pragma once

#include <stddef.h>

#include "gateway/base/text.h"
#include "zones/json_index.h"
#include "zones/nova_json.h"

/* The names that the index must note, in this order. */
enum nova_name {
    NOVA_NAME_HREF,
    NOVA_NAME_TENANT_ID,
    NOVA_NAME_PROJECT_ID,
    NOVA_NAME_ID,
    NOVA_NAME_CREATED,
    NOVA_NAME_SERVERS,
    NOVA_NAME_SERVERS_LINKS,
    NOVA_NAME_COUNT
};
extern const struct json_names nova_names;

/* What of a URL stands before the resource, and what takes its place. */
struct nova_prefix {
    const char *bytes;
    size_t length;
    const struct text *base;
};

/* Borrows the rules and the index. */
struct nova_splice {
    const struct nova_rewrite *rules;
    const struct json_index *index;
    struct text self; /* the bases as JSON, without the quote at the end */
    struct text bookmark;
    struct text project;            /* as JSON, with its quotes */
    struct nova_prefix prefixes[2]; /* of the last URLs: there are no more kinds of them in most lists */
    unsigned next_prefix;
};

void nova_splice_init(struct nova_splice *splice, const struct nova_rewrite *rules, const struct json_index *index);
void nova_splice_clear(struct nova_splice *splice);
/* The row between two notes, that of its first byte and that of its last, behind `out`; there is no NUL behind it. */
void nova_splice_row(struct nova_splice *splice, const struct json_note *open, const struct json_note *close, struct text *out);
