/*
 * Headers as data, and which of them may cross a link (DESIGN section 4): never X-Auth-Token, X-Subject-Token, X-Service-Token,
 * Authorization, Cookie, Set-Cookie, hop-by-hop headers (and those that Connection names), nor what each hop writes anew
 * (Host, Content-Length, Accept-Encoding, Expect, X-Zone-*, Idempotency-Key). Everything else passes.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "gateway/base/arena.h"

struct link_header {
    const char *name;
    const char *value;
};

struct link_headers {
    struct link_header *items;
    size_t count;
    size_t capacity;
};

/* Borrows both strings. */
void headers_add(struct arena *arena, struct link_headers *headers, const char *name, const char *value);
/* First of that name, whatever its case; NULL. */
const char *headers_get(const struct link_headers *headers, const char *name);

/* Adds to `out` what of a client's request may go to another zone. */
void link_copy_headers(struct arena *arena, const struct link_headers *in, struct link_headers *out);
/* Adds to `out` what of another zone's answer may go to the client. Server, Date and Content-Length are this zone's own. */
void link_copy_answer_headers(struct arena *arena, const struct link_headers *in, struct link_headers *out);
