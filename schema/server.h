/*
 * Servers of this zone: rows, the states they may have, and what may happen to them.
 *
 * A row carries all that a reply needs; its JSON members are compact texts that are written into replies as they are.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schema/db.h"

struct server {
    struct uuid uuid;
    const char *project_id;
    const char *user_id;
    const char *name;
    const char *description; /* NULL */
    const char *hostname;
    const char *host; /* NULL: none */
    const char *node;
    const char *availability_zone; /* NULL */
    const char *vm_state;
    const char *task_state; /* NULL: none */
    int power_state;
    int progress;
    int launch_index;
    const char *reservation_id;
    const char *flavor_id;
    const char *flavor; /* JSON object: vcpus, ram, disk, ephemeral, swap, original_name, extra_specs */
    int64_t vcpus;
    int64_t ram_mib;
    int64_t disk_gib;
    const char *image_ref; /* NULL: from a volume */
    const char *image;     /* JSON object: id, name, disk_format, size, sha512, properties …; NULL */
    const char *kernel_id;
    const char *ramdisk_id;
    const char *root_device_name;
    const char *key_name;
    const char *key_data;  /* public key */
    const char *user_data; /* base64, as it came */
    bool config_drive;
    const char *metadata;        /* JSON object */
    const char *tags;            /* JSON list */
    const char *security_groups; /* JSON list of {"name"}; NULL when the server has none */
    const char *trusted_certs;   /* JSON list; NULL */
    const char *access_ip_v4;
    const char *access_ip_v6;
    const char *disk_config;
    bool locked;
    const char *locked_by;
    const char *locked_reason;
    const char *fault;        /* JSON object: code, created, message, details; NULL */
    const char *request_spec; /* JSON object */
    int64_t created_us;       /* whole seconds */
    int64_t updated_us;
    int64_t launched_us;
    int64_t terminated_us;
    int64_t deleted_us;
    bool deleted;
    const char *block_devices; /* JSON list of {"role", "bytes", "bus", "tag"}: its local disks; NULL: those of the flavor */
    const char *host_id;       /* read only: SHA-224 of project and host, "" without host */
    const char *nics;          /* JSON list of its interfaces (compute/build/nics.h); NULL: none */
    const char *networks;      /* no column: the JSON wish for them, until they are made; NULL: none */
    const char *groups;        /* no column: JSON list of the names of security groups wished for; NULL: the default one */
    const char *first_boot;    /* no column: {"admin_pass", "files"}, kept by the build task only; NULL */
};

struct servers {
    const struct server *items;
    size_t count;
};

MUST_CHECK enum err server_insert(struct db *db, const struct server *server);
/* Several at once, in one transaction: all or, with an error, none. */
MUST_CHECK enum err server_insert_all(struct db *db, const struct server *const *servers, size_t count);
/* A live server: E_NOT_FOUND "Instance … could not be found." for an unknown or deleted one. `project_id` NULL = of any project. */
MUST_CHECK enum err server_get(struct db *db, struct arena *arena, const struct uuid *uuid, const char *project_id,
                               struct server *out);
/* Deleted ones too. */
MUST_CHECK enum err server_get_any(struct db *db, struct arena *arena, const struct uuid *uuid, struct server *out);
/* As server_get, with the row locked until the transaction ends. */
MUST_CHECK enum err server_get_locked(struct db *db, struct arena *arena, const struct uuid *uuid, struct server *out);
/* The row, live or deleted, in the arena; NULL when there is none. */
MUST_CHECK enum err server_find(struct db *db, struct arena *arena, const struct uuid *uuid, const struct server **out);
/* True when a row (live or deleted) exists here. */
MUST_CHECK enum err server_exists(struct db *db, const struct uuid *uuid, bool *out);
/* One of them does. */
MUST_CHECK enum err server_exists_any(struct db *db, const struct uuid *uuids, size_t count, bool *out);

/* States; `task_state` NULL = none. Each sets updated_at. */
MUST_CHECK enum err server_set_state(struct db *db, const struct uuid *uuid, const char *vm_state, const char *task_state,
                                     int power_state);
MUST_CHECK enum err server_set_task_state(struct db *db, const struct uuid *uuid, const char *task_state);
/* As the hypervisor reports it: only while no task works on the server; running ↔ stopped moves vm_state too. */
MUST_CHECK enum err server_sync_power(struct db *db, const struct uuid *uuid, int power_state);
/* Built: active, launched, with its root device. A delete that came meanwhile keeps its task state. E_NOT_FOUND. */
MUST_CHECK enum err server_set_built(struct db *db, const struct uuid *uuid, int power_state, const char *root_device);
/* vm_state error, no task; `clear_host` = it lost its claim. */
MUST_CHECK enum err server_set_fault(struct db *db, const struct uuid *uuid, const char *fault);
MUST_CHECK enum err server_clear_host(struct db *db, const struct uuid *uuid);
/* It waits for another host: building/scheduling, without host, with what the next choice must know. */
MUST_CHECK enum err server_set_scheduling(struct db *db, const struct uuid *uuid, const char *request_spec);
/* It has another host, and is being built there: building/spawning. */
MUST_CHECK enum err server_set_host(struct db *db, const struct uuid *uuid, const char *host, const char *availability_zone);
MUST_CHECK enum err server_set_request_spec(struct db *db, const struct uuid *uuid, const char *request_spec);
MUST_CHECK enum err server_set_deleted(struct db *db, const struct uuid *uuid);
/* The row goes without a trace: the server is another zone's now (in the transaction that writes its forwarding record). */
MUST_CHECK enum err server_remove(struct db *db, const struct uuid *uuid);

/* What PUT /servers/{id} may change; NULL members of a non-nullable column keep the old value. */
MUST_CHECK enum err server_update(struct db *db, const struct server *server);
/* `locked_by` "owner" or "admin"; NULL unlocks. `reason` may be NULL. */
MUST_CHECK enum err server_set_lock(struct db *db, const struct uuid *uuid, const char *locked_by, const char *reason);
/* NULL: none. */
MUST_CHECK enum err server_set_security_groups(struct db *db, const struct uuid *uuid, const char *groups);
MUST_CHECK enum err server_set_nics(struct db *db, const struct uuid *uuid, const char *nics);
MUST_CHECK enum err server_set_metadata(struct db *db, const struct uuid *uuid, const char *metadata);
/* `tags` is a JSON list. As in Nova the server does not count as changed. */
MUST_CHECK enum err server_set_tags(struct db *db, const struct uuid *uuid, const char *tags);

/* What a project uses here: live servers. */
struct server_usage {
    int64_t instances;
    int64_t cores;
    int64_t ram_mib;
};
MUST_CHECK enum err server_usage(struct db *db, const char *project_id, struct server_usage *out);

/* Lists: conditions and order as data; columns come from this enum only, never from a request's text. */
enum server_column {
    COLUMN_UUID,
    COLUMN_PROJECT_ID,
    COLUMN_USER_ID,
    COLUMN_NAME,
    COLUMN_DESCRIPTION,
    COLUMN_HOSTNAME,
    COLUMN_HOST,
    COLUMN_NODE,
    COLUMN_AVAILABILITY_ZONE,
    COLUMN_VM_STATE,
    COLUMN_TASK_STATE,
    COLUMN_POWER_STATE,
    COLUMN_PROGRESS,
    COLUMN_LAUNCH_INDEX,
    COLUMN_RESERVATION_ID,
    COLUMN_FLAVOR_ID,
    COLUMN_IMAGE_REF,
    COLUMN_KERNEL_ID,
    COLUMN_RAMDISK_ID,
    COLUMN_ROOT_DEVICE_NAME,
    COLUMN_KEY_NAME,
    COLUMN_CONFIG_DRIVE,
    COLUMN_ACCESS_IP_V4,
    COLUMN_ACCESS_IP_V6,
    COLUMN_DISK_CONFIG,
    COLUMN_LOCKED,
    COLUMN_LOCKED_BY,
    COLUMN_CREATED_AT,
    COLUMN_UPDATED_AT,
    COLUMN_LAUNCHED_AT,
    COLUMN_TERMINATED_AT,
    COLUMN_DELETED,
    SERVER_COLUMN_COUNT
};

enum column_type { COLUMN_TYPE_TEXT, COLUMN_TYPE_INT, COLUMN_TYPE_TIME, COLUMN_TYPE_UUID };
enum column_type server_column_type(enum server_column column);

enum condition_kind {
    CONDITION_EQUAL,
    CONDITION_IN, /* `count` values */
    CONDITION_NULL,
    CONDITION_NOT_NULL,
    CONDITION_REGEXP,   /* case-insensitive, as Nova's MySQL */
    CONDITION_AT_LEAST, /* >= */
    CONDITION_AT_MOST,  /* <= */
    CONDITION_TAGS_ALL, /* of the tags column: all, any, not all, not any of the values */
    CONDITION_TAGS_ANY,
    CONDITION_TAGS_NOT_ALL,
    CONDITION_TAGS_NOT_ANY,
    CONDITION_ADDRESS,      /* one of its interfaces' IPv4 addresses matches the regular expression; no column */
    CONDITION_STATES,       /* values are pairs vm_state, task_state ("*" = any, "" = none); any pair matches */
    CONDITION_CHANGED_SINCE /* updated or, without update, created at least then */
};

struct condition {
    enum condition_kind kind;
    enum server_column column;
    const struct sql_value *values;
    size_t count;
};

struct sort_column {
    enum server_column column;
    bool descending;
};

struct server_query {
    const struct condition *conditions;
    size_t condition_count;
    const struct sort_column *sort; /* complete: the caller has appended created_at desc, uuid asc */
    size_t sort_count;
    const struct sql_value *after; /* sort_count values: rows beyond this tuple; NULL = from the start */
    size_t limit;
};

/* E_INVALID for a regular expression that MariaDB refuses. */
MUST_CHECK enum err server_list(struct db *db, struct arena *arena, const struct server_query *query, struct servers *out);
/* The value that a row has in a column, as it is bound and as rows are merged by it. */
struct sql_value server_column_value(const struct server *server, enum server_column column);
/* A time column in microseconds; 0 = NULL. */
int64_t server_column_time(const struct server *server, enum server_column column);
