/*
 * What may be done with a plain Nova through us: one table (DESIGN section 4). What is not in it is not there: it answers 404, is
 * asked nothing and makes no list incomplete.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "gateway/base/arena.h"

#define NOVA_LIMITS "/nova/limits" /* no path of the API: what the poller asks for */

enum nova_use {
    NOVA_USE_NOTHING, /* it has no such thing */
    NOVA_USE_LIST,    /* a list of servers */
    NOVA_USE_SERVER,  /* one server, or something below it */
    NOVA_USE_PROBE,   /* is it alive, its database included? */
    NOVA_USE_LIMITS,
    NOVA_USE_TREE,    /* where it stands in the tree: said by this zone */
    NOVA_USE_FIND,    /* where a server is: said by this zone after looking */
    NOVA_USE_ACCEPTS, /* what it need not know is taken as done */
};

struct nova_operation {
    const char *name; /* for people */
    enum nova_use use;
    const char *method; /* NULL: any */
    const char *path;   /* a prefix below the zone's root URL; {id} is one segment */
    bool whole;         /* the path ends there */
    bool writes;
    int microversion; /* from which it exists: 2.N */
};

/* The row for a request; `body` tells actions that only read. Never NULL. */
const struct nova_operation *nova_operation_find(const char *method, const char *target, const void *body, size_t body_length);
/* The server's id in the path; NULL. In the arena. */
const char *nova_server_id(struct arena *arena, const char *target);

/* Walks over the rows that people may be told of; NULL behind the last. `index` from 0. */
const struct nova_operation *nova_operation_at(size_t index);
