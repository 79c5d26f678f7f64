/*
 * A plain Nova's JSON as bytes: the rows of a list, and one object made ours: links lead to the entry zone, projects bear this
 * tree's ids, blanks between tokens are gone. No tree is built. Every input must have passed json_scan_object.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "gateway/base/arena.h"
#include "gateway/base/text.h"

struct nova_piece {
    const char *bytes;
    size_t length;
};

/* The elements of the array under `name` at the top, each an object. In the arena. False: there is no such array, or an element is
 * no object. */
bool nova_split(struct arena *arena, const char *bytes, size_t length, const char *name, const struct nova_piece **out,
                size_t *out_count);
/* The raw value of a member at the top. False: there is none of that name. */
bool nova_member(const char *bytes, size_t length, const char *name, struct nova_piece *out);
/* Where the value behind a name begins, and the raw value; `at` is the name's first quote, `end` the end of the text. */
const char *nova_value_begin(const char *at, const char *end);
struct nova_piece nova_value_of(const char *at, const char *end);

struct nova_rewrite {
    const char *self_base;     /* http://entry/compute/v2.1[/project] */
    const char *bookmark_base; /* http://entry/compute */
    const char *project_there;
    const char *project_here; /* takes its place under "tenant_id" and "project_id" */
    bool brief;               /* of the top, only id, name and links: a row of a brief list */
};

/* The same URL at the entry zone: what follows the version, or begins the resource, behind our base. A URL of another shape stays
 * as it is. In the arena. */
const char *nova_link(struct arena *arena, const struct nova_rewrite *rules, const char *url, size_t length);
/* What of it goes behind our base, and which of the rules' two that is. NULL: it is of another shape. */
const char *nova_link_resource(const struct nova_rewrite *rules, const char *url, size_t length, const char **out_base);
/* "/servers…", "/flavors/…" or "/images/…". */
bool nova_link_is_resource(const char *path, size_t length);
void nova_rewrite(const struct nova_rewrite *rules, const char *bytes, size_t length, struct text *out);
