/*
 * The neighbours of this zone as rows: children and parents. What the columns mean is said in migrations/0007_zones.sql; sealing,
 * checking and joining are the business of zones/registry.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/arena.h"
#include "gateway/base/err.h"
#include "gateway/base/id.h"
#include "schema/db.h"

enum zone_side { ZONE_CHILD, ZONE_PARENT };
enum zone_admin_state { ZONE_ENABLED, ZONE_DRAINING, ZONE_ADMIN_DISABLED, ZONE_ADMIN_COUNT };

/* How last_error begins in the row of a child that has another parent now (zones/rehomed.c); the row is disabled then. */
#define ZONE_REHOMED "rehomed: "
/* Of a row of `zones`, in statements. */
#define ZONE_IS_REHOMED "(state = 'disabled' AND COALESCE(last_error, '') LIKE '" ZONE_REHOMED "%')"

/* "enabled", "draining", "disabled". */
const char *zone_admin_state_name(enum zone_admin_state state);
MUST_CHECK enum err zone_admin_state_from_name(const char *name, enum zone_admin_state *out);

struct zone_row {
    int64_t id;
    enum zone_side side;
    struct uuid uuid; /* zero until joined */
    const char *name;
    bool name_given;
    const char *api_url;       /* a root URL */
    const char *kind;          /* "zonegate" */
    const char *username;      /* NULL: none, or a join token */
    const uint8_t *credential; /* sealed; NULL */
    size_t credential_length;
    double weight_offset;
    double weight_scale;
    enum zone_admin_state state;
    bool delete_when_empty; /* only while draining */
    int64_t max_in_flight;
    int64_t timeout_ms;  /* 0: the setting */
    const char *tls_ca;  /* NULL */
    const char *tls_pin; /* NULL */
    bool insecure;
    bool untagged;
    bool joined;
    int64_t incarnation;
    int64_t protocol;
    const uint8_t *signing_key; /* 32 bytes; NULL until joined */
    const char *policy;         /* JSON; NULL */
    int64_t last_seen_us;       /* 0 = never */
    const char *last_error;     /* NULL */
    int64_t latency_ms;
    const char *info; /* JSON; NULL until polled */
    int64_t created_us;
    int64_t updated_us;
};

struct zone_rows {
    const struct zone_row *items;
    size_t count;
};

/* It has another parent now. */
bool zone_row_is_rehomed(const struct zone_row *row);

/* All, by side and name; behind the children those that have another parent now. */
MUST_CHECK enum err zone_row_list(struct db *db, struct arena *arena, struct zone_rows *out);
/* E_NOT_FOUND. */
MUST_CHECK enum err zone_row_get(struct db *db, struct arena *arena, enum zone_side side, int64_t id, struct zone_row *out);
/* Everything but what joining and polling tell. E_CONFLICT: the name is taken. */
MUST_CHECK enum err zone_row_add(struct db *db, const struct zone_row *row, int64_t *out_id);
/* As zone_row_add, for a row that exists; a NULL credential keeps the former one. E_NOT_FOUND. */
MUST_CHECK enum err zone_row_update(struct db *db, const struct zone_row *row);
MUST_CHECK enum err zone_row_delete(struct db *db, enum zone_side side, int64_t id);
/* uuid, name, api_url, incarnation, protocol, signing key; the credential goes. E_CONFLICT: the uuid or the name is there already.
 */
MUST_CHECK enum err zone_row_joined(struct db *db, const struct zone_row *row);
MUST_CHECK enum err zone_row_set_state(struct db *db, int64_t id, enum zone_admin_state state, const char *error);

/* Children that have another parent now, and that uuid or that name, are forgotten: it comes back with a row of its own. */
MUST_CHECK enum err zone_rehomed_delete(struct db *db, const struct uuid *uuid, const char *name);

/* What the poller saw. `info` NULL and `incarnation` 0 keep the former; `seen_us` 0 too. The error of a row that is disabled says
 * why it is, and stays. */
struct zone_sight {
    int64_t id;
    int64_t seen_us;
    const char *error; /* NULL: none */
    int64_t latency_ms;
    int64_t incarnation;
    const char *info;
};
MUST_CHECK enum err zone_row_seen(struct db *db, const struct zone_sight *sight);
