/*
 * Carrying out what was planned for this zone: the local step tables (DESIGN sections 7 and 9).
 *
 * `build_accept` is the one transaction behind 202: claim, server row, action and task together, or nothing. The kinds in
 * `build_kinds` do the rest, step by step, and survive `kill -9` anywhere. Not here: which host and zone; that is
 * gateway/conductor's.
 */
#pragma once

#include <jansson.h>

#include "compute/hypervisor/hypervisor.h"
#include "gateway/base/caller.h"
#include "schema/server.h"
#include "schema/task/task.h"

struct image_store;

/* The sealed entry on which a server came over a link; NULL for this zone's own picks. */
struct plan_use {
    uint8_t entry[32]; /* hash of the entry */
    int64_t expires_us;
};

/* What steps work with (`task->context`). Outlives the runners. */
struct build_environment {
    struct hypervisors *hypervisors;
    struct image_store *images;
    const char *state_dir; /* for temporary files */
    const char *zone_name;
    /* Brings the image's bytes into the store when they are not there; NULL where no other zone can have them. */
    enum err (*fetch_image)(void *context, struct task *task, const char *image_id);
    void *fetch_context;
    int64_t max_attempts;    /* builds of one server, on different hosts */
    const char *fail_builds; /* [debug] fail_builds; "" */
};

/* NULL-terminated: build, delete, start, stop, reboot, reboot_hard, pause, unpause, suspend, resume. */
extern const struct task_kind *const build_kinds[];

/* Of a server that another zone gave up after its own hosts had failed it. */
struct build_past {
    int64_t created_us; /* when it was accepted first */
    int64_t attempts;   /* builds begun before, in all zones */
};

/* A server that begins to exist here. */
struct build_order {
    struct server *server;       /* its states and times are set by build_accept */
    const struct uuid *provider; /* its host's */
    const struct plan_use *use;  /* NULL */
    const char *sizing_text;     /* what it was planned with, for another try; NULL: there is none */
    bool may_retry;              /* false: its host was forced */
    const json_t *told;          /* who asks (gateway/conductor/on_behalf.h), for another try; NULL */
    const struct caller *caller;
    const char *request_id;
    const json_t *order;           /* what another zone needs to build it, should the hosts here fail it; NULL: it stays here */
    const struct build_past *past; /* NULL: its first zone */
};

/*
 * Claims on the host, inserts the server (building/spawning on that host), the `create` action and the build task. E_CONFLICT: the
 * host has no room now, nothing was written. The same uuid again: OK, nothing is written twice, also when the server has gone on to
 * another zone.
 */
MUST_CHECK enum err build_accept(struct db *db, const struct build_order *order);
/* Several that are nothing to each other, in one transaction: all, or with an error (of one of them) none; then each is for
 * build_accept. Their sizings must be plain (scheduler_is_plain). */
MUST_CHECK enum err build_accept_all(struct db *db, const struct build_order *const *orders, size_t count);
/* A create that found no host: the server as an ERROR row with fault (500, "No valid host was found. …") and a failed action. */
MUST_CHECK enum err build_bury(struct db *db, struct server *server, const struct caller *caller, const char *request_id,
                               const char *message);

/* "image-UUID": an image's volume on a host; "UUID.root" and so on: a server's. In the arena. */
const char *build_image_volume(struct arena *arena, const char *image_id);
const char *build_server_volume(struct arena *arena, const struct uuid *server, const char *role);
/* JSON text {code, created, message, details}: a server's fault. In the arena. */
const char *build_fault(struct arena *arena, int code, const char *message, const char *details);
