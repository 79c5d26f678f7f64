/*
 * Bringing an image's bytes from the zone that has them, once, however many builds want them (DESIGN sections 3 and 7).
 *
 * The bytes come from this zone's parent, which has them, or gets them from its own parent in the same way. They are streamed into
 * `<state_dir>/pulled/images/`, named after their digest and verified against it; no row of `images` is made. A build that lacks an
 * image adds a task of kind "image_pull" (one per content) and tries again later; so does a child's pull at its parent.
 * Not here: who may have the bytes (gateway/api/image_source.c); taking away what nobody uses any more (files stay).
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

#include "gateway/base/caller.h"
#include "gateway/conductor/grant.h"
#include "schema/task/task.h"

struct gateway;
struct image_store;

/* As old as the process; the build environment's `fetch_context`. */
struct image_pulls {
    struct gateway *gateway;
    atomic_bool stopping;
};

/* Once at start, before the runners: takes away what a crash left half-written. */
MUST_CHECK enum err image_pulls_init(struct image_pulls *pulls, struct gateway *gateway);
/* Downloads end now, and are begun again by the next process. Before task_runners_stop. */
void image_pulls_stop(struct image_pulls *pulls);

/* build_environment.fetch_image: `context` is the struct image_pulls. OK: what the zone's image store has under this id, if
 * anything, is what the server was asked for with; another zone's bytes are there now. E_UNAVAILABLE: it is being brought, try
 * again. E_NOT_FOUND: no other zone can have it. E_INVALID: this zone has another image with that id. E_BAD_GATEWAY: it could not
 * be brought. Cheap when the file is there: it may be called before every use. */
MUST_CHECK enum err image_pulls_fetch(void *context, struct task *task, const char *image_id);

/* Its steps find the struct image_pulls as the build environment's fetch_context. */
extern const struct task_kind image_pull_kind;

/* For whom bytes are brought: user and project are what the parent's log will say. */
struct pull_order {
    const struct grant *grant;
    const char *grant_text;
    const char *user_id;
    const char *project_id;
    const char *request_id;
};

/* OK also when the same content is being brought already. */
MUST_CHECK enum err image_pull_add(struct db *db, const struct pull_order *order);

/* The store of files that were pulled: its names are contents (grant_content), not image ids. The caller's to close. */
MUST_CHECK enum err pulled_store_open(const struct gateway *gateway, struct image_store **out);
