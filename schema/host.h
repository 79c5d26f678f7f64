/* This zone's hosts (Nova: compute nodes with their nova-compute service) and which images' bytes lie on them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schema/db.h"

struct host {
    struct uuid uuid;    /* also the uuid of its resource provider and hypervisor */
    struct uuid service; /* of its compute service */
    const char *name;
    const char *uri;               /* libvirt */
    const char *availability_zone; /* of its aggregate, else its own; NULL: the zone's default */
    int64_t vcpus;                 /* what the admin said; 0 = what libvirt says */
    int64_t ram_mib;
    int64_t disk_gib;
    bool disabled;
    const char *disabled_reason; /* NULL */
    bool forced_down;            /* an admin says that it is down */
    bool up;                     /* seen, and not forced down */
    int64_t last_seen_us;        /* 0 = never */
    const char *last_error;      /* NULL */
    const char *inventory;       /* JSON text as compute/build/host_report writes it; NULL = never reported */
    int64_t created_us;
    int64_t updated_us;
};

struct hosts {
    const struct host *items;
    size_t count;
};

/* E_CONFLICT when the name is taken. */
MUST_CHECK enum err host_add(struct db *db, const struct host *host);
/* The host, its images' places, its membership of aggregates and its tree of resource providers go in one transaction. E_NOT_FOUND;
 * E_CONFLICT while it has servers, or allocations. */
MUST_CHECK enum err host_forget(struct db *db, const char *name);
MUST_CHECK enum err host_get(struct db *db, struct arena *arena, const char *name, struct host *out);
/* `last_seen` may be that of the last change of anything else. */
MUST_CHECK enum err host_get_by_uuid(struct db *db, struct arena *arena, const struct uuid *uuid, struct host *out);
/* All, by name. */
MUST_CHECK enum err host_list(struct db *db, struct arena *arena, struct hosts *out);
/* Live servers on the host. */
MUST_CHECK enum err host_count_servers(struct db *db, const char *name, int64_t *out);
/* What the last look at the host said: `inventory` NULL keeps the former one. */
MUST_CHECK enum err host_seen(struct db *db, const struct uuid *uuid, bool up, const char *inventory, const char *error);
MUST_CHECK enum err host_set_disabled(struct db *db, const struct uuid *uuid, bool disabled, const char *reason);

enum host_image_state { HOST_IMAGE_MINE, HOST_IMAGE_BUSY, HOST_IMAGE_READY };

/* Asks for the right to copy the image to the host: READY (it lies there), MINE (copy it now), BUSY (another live task does). */
MUST_CHECK enum err host_image_take(struct db *db, const char *host, const char *image, const struct uuid *task,
                                    enum host_image_state *out);
/* The copy is complete. E_LOST when it is not this task's any more. */
MUST_CHECK enum err host_image_ready(struct db *db, const char *host, const char *image, const struct uuid *task);
