/*
 * Route tables as a tree of path segments. Made once at start in an arena, read-only afterwards.
 *
 * A literal segment wins over a capture, a capture over a rest; if the preferred branch has no row for the method and version, the
 * next is tried ("/servers/detail" has only GET, so DELETE /servers/detail deletes the server "detail").
 */
#pragma once

#include <stddef.h>

#include "gateway/http/core/inside.h"

struct segment {
    const char *text; /* not NUL-terminated */
    size_t length;
};

struct url {
    struct segment segments[URL_MAX_SEGMENTS];
    size_t count;
};

struct trie_rows {
    const struct route **items;
    size_t count;
};

struct trie_node {
    struct segment name;
    struct trie_node **children; /* sorted */
    size_t child_count;
    struct trie_node *capture;
    struct trie_rows rows;      /* the path ends here */
    struct trie_rows rest_rows; /* "{rest...}" begins here */
};

struct trie_search {
    const struct url *url;
    const char *method;
    int version;
    unsigned allowed; /* out: bit i = method_names[i] exists for the path in this version */
    unsigned known;   /* out: in some version */
};

extern const char *const method_names[]; /* NULL-terminated */
unsigned method_bit(const char *method); /* 0: not one of them */

/* Splits "/a/b" at its slashes; a trailing slash adds nothing. E_NOT_FOUND: more than URL_MAX_SEGMENTS. */
MUST_CHECK enum err url_split(const char *path, struct url *out);
/* E_INTERNAL: the row collides with another, or its method or path has no known form. */
MUST_CHECK enum err trie_add(struct arena *arena, struct trie_node *root, const struct route *route);
/* NULL: none. */
const struct route *trie_find(const struct trie_node *root, struct trie_search *search);
/* The captures of `route`, which was found for `url`. */
void trie_captures(struct arena *arena, const struct route *route, const struct url *url, struct http_pairs *out);
