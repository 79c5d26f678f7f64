/*
 * What the choice of a host needs to know of a server: sizes, flavor extra specs, hints, its group. No secrets, no user data.
 *
 * The entry zone makes the text once; it travels unchanged to every zone that is asked, and lies in the server's request_spec for
 * later tries (spec link.md section 9). Members that a reader does not know are ignored; those that it misses are "none".
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "gateway/base/arena.h"
#include "gateway/base/err.h"
#include "gateway/base/id.h"

/* The server group of a create: it lives in one zone, so all that others need travels. */
struct sizing_group {
    struct uuid uuid;
    const char *policy;
    int64_t max_server_per_host; /* 0: no such rule, which means 1 */
    const struct uuid *members;  /* as the group's zone knew them; they may be owned anywhere */
    size_t member_count;
    struct uuid turn; /* of the create that has the group to itself (gateway/conductor/select_group.h); not in the text */
};

struct sizing {
    int64_t vcpus;
    int64_t ram_mib;
    int64_t disk_gib;
    const char *availability_zone; /* NULL: any */
    const char *host;              /* forced by an admin; NULL */
    const struct uuid *excluded;   /* hosts and zones that were tried already */
    size_t excluded_count;
    const json_t *extra_specs;        /* of the flavor: an object of texts; NULL: none. Borrowed, as the next two */
    const json_t *image;              /* image properties that hosts are chosen by; NULL: none */
    const json_t *hints;              /* same_host, different_host (lists), query, build_near_host_ip, cidr; NULL: none */
    const struct sizing_group *group; /* NULL: none */
    bool only_here;                   /* the zone that was asked must own it: what it names exists nowhere else */
    const json_t *networks; /* "any", "auto", or a list of networks that the host must have: "ID", "ID ADDRESS"; NULL: none */
};

/* The text: compact JSON in the arena; and back (JSON members live as long as the arena). E_INVALID. */
const char *sizing_write(struct arena *arena, const struct sizing *sizing);
MUST_CHECK enum err sizing_read(struct arena *arena, const char *text, size_t length, struct sizing *out);

/* The image properties that hosts are chosen by, as a new reference; NULL when it has none of them. */
json_t *sizing_image_properties(const json_t *properties);
bool sizing_excludes(const struct sizing *sizing, const struct uuid *uuid);
/* A hint's text, or NULL. */
const char *sizing_hint(const struct sizing *sizing, const char *name);
/* The policy of its group is `policy`. */
bool sizing_has_policy(const struct sizing *sizing, const char *policy);
