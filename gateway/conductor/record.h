/*
 * A server's row from what was asked for: the request's `server` object and what the entry zone embedded (flavor, image, key pair).
 * The same function serves the entry zone and an owner further down, so that a child needs no row of its own for any of them
 * (DESIGN section 3).
 */
#pragma once

#include <jansson.h>

#include "gateway/base/caller.h"
#include "gateway/base/text.h"
#include "schema/server.h"

struct record_parts {
    const struct uuid *uuid;
    const json_t *server;   /* as validated; `name` already numbered */
    const json_t *embedded; /* {"flavor":{…},"image":{…}|null,"keypair":{…}|null,"block_devices":[…]|null} */
    const char *reservation_id;
    int launch_index;
};

/* Texts live in the arena or belong to the JSON. Host and states are not set. E_INVALID: the embedded parts are damaged. */
MUST_CHECK enum err record_make(struct arena *arena, const struct record_parts *parts, const struct caller *caller,
                                struct server *out);

/* Nova's host name for a display name: lower case, at most 63 letters, blanks and '_' become '-', other characters go, as do '-'
 * and
 * '.' at the ends; "Server-{uuid}" when nothing is left. In the arena. */
const char *record_hostname(struct arena *arena, const char *name, const struct uuid *uuid);

/* An IPv6 address in its shortest form (RFC 5952), as Nova keeps it; what is none stays as it is. NULL stays NULL. */
const char *record_ip6(struct arena *arena, const char *address);

/* {"server":{id, links, OS-DCF:diskConfig, security_groups, adminPass}}: what POST /servers answers. */
void record_write_created(struct text *out, const struct server *server, const json_t *request, const char *self_base,
                          const char *bookmark_base);
