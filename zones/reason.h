/*
 * Why a zone gave no answer, and the header that says so (spec link.md section 4).
 *
 * One list for all: the kind of a call's answer, the word on the wire, the reason of a row in the trailer of framed rows.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "gateway/base/arena.h"
#include "gateway/base/err.h"

/* kind, word on the wire */
#define ZONE_KIND_LIST(X)                                                                                                          \
    X(ZONE_ANSWERED, "")         /* an HTTP answer, whatever its status */                                                         \
    X(ZONE_REFUSED, "refused")   /* no connection: refused, no route, no such host, TLS failed */                                  \
    X(ZONE_TIMEOUT, "timeout")   /* connected, perhaps sent, but silent */                                                         \
    X(ZONE_AUTH, "auth")         /* the link's proof was not accepted, or the link is not joined yet */                            \
    X(ZONE_VERSION, "version")   /* no common protocol or microversion */                                                          \
    X(ZONE_GARBAGE, "garbage")   /* not HTTP, too large, broken off, rows that lie */                                              \
    X(ZONE_DISABLED, "disabled") /* an admin, or a loop, has taken it out */                                                       \
    X(ZONE_BUSY, "busy")         /* its queue, or our limit of calls in flight, is full */                                         \
    X(ZONE_STORE, "store")       /* it cannot read its database */                                                                 \
    X(ZONE_NO_BUDGET, "budget")  /* no time left; never counts against its health */                                               \
    X(ZONE_LOOP, "loop")         /* 508: the call came round to where it had been */

enum zone_kind_of_answer {
#define ZONE_KIND_ENUM(kind, word) kind,
    ZONE_KIND_LIST(ZONE_KIND_ENUM)
#undef ZONE_KIND_ENUM
        ZONE_KIND_COUNT
};

/* The word on the wire; "" for ZONE_ANSWERED. */
const char *zone_kind_word(enum zone_kind_of_answer kind);
/* E_INVALID for a word that is not in the list. */
MUST_CHECK enum err zone_kind_from_word(const char *word, enum zone_kind_of_answer *out);

/* A zone that is missing from an answer. `path` starts at the zone that speaks: "east/east-1"; "." is the speaker. */
struct zone_missing {
    const char *path;
    enum zone_kind_of_answer reason;
};

struct zones_missing {
    struct zone_missing *items;
    size_t count;
    size_t capacity;
};

void missing_add(struct arena *arena, struct zones_missing *list, const char *path, enum zone_kind_of_answer reason);
/* Adds what a child's X-Zone-Missing says, with the child's name in front of each path. Entries that are not of the form are
 * E_INVALID (the child talks garbage); at most 4096 entries. */
MUST_CHECK enum err missing_add_header(struct arena *arena, struct zones_missing *list, const char *child, const char *header);
/* "PATH;reason=WORD, …", sorted by path, each path once (the first reason in the order of the list above counts); NULL when the
 * list is empty. At most 8 KiB: when there are too many, children are named in the place of what is missing below them. */
const char *missing_format(struct arena *arena, const struct zones_missing *list);
/* The characters of names, the slashes between them, or ".": nothing that could break a header. E_INVALID. */
MUST_CHECK enum err zone_path_check(const char *path);
/* The path as seen one hop further up: NAME, or NAME/PATH. */
const char *zone_path_join(struct arena *arena, const char *name, const char *path);
