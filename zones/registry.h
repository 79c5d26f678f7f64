/*
 * The zones this one knows: children and parents. Rows of the database, published to readers as immutable snapshots.
 *
 * A reader takes a view (zones_view), which stays as it is for as long as the reader's arena lives, whatever is registered or
 * deleted meanwhile; nobody waits for anybody. Changes are written to the database and then published; other gateways of this zone
 * see them at their next poll. One thread, the poller, asks every child for /os-zones/info, joins children that are not joined yet,
 * probes the silent ones, pushes the directory upward and stores what was last seen.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "gateway/base/arena.h"
#include "gateway/base/clock.h"
#include "gateway/base/err.h"
#include "gateway/base/id.h"
#include "gateway/base/seal.h"
#include "schema/db.h"
#include "schema/zone.h"
#include "schema/zone_directory.h"
#include "zones/directory.h"
#include "zones/health.h"
#include "zones/http_client.h"
#include "zones/link.h"
#include "gateway/base/link_keys.h"

struct zones;
struct fanout;
struct nova_child;
struct seen;

/* What zones_open needs. Everything is borrowed and must outlive `struct zones`. */
struct zones_options {
    const char *name;             /* this zone's */
    const char *url;              /* this zone's root URL as neighbours reach it */
    const struct zone_keys *keys; /* keys->zone is this zone's uuid */
    const struct db_target *database;
    int64_t poll_interval_ms;
    int64_t child_timeout_ms;
    bool insecure; /* plain http to other machines for all links */
    bool untagged; /* this zone owns servers whose ids do not carry its tag (adopted machines) */
    bool expose_names;
    bool reads_up; /* users are kept by an authority that the parents share: ids that nobody below has are asked for at a parent */
    int64_t incarnation;
    int64_t forwarding_keep_s; /* a server that was deleted so long ago is forgotten */
    struct seen *seen;         /* where the servers of plain Novas are remembered; NULL: nowhere */
};

/* A neighbour, as of the moment of the view. */
struct zone {
    struct zone_row row;                 /* schema/zone.h: id, uuid, name, api_url, weights, state, limits, policy, last seen … */
    uint32_t tag;                        /* 0 until joined */
    const struct link_session *sessions; /* newest first; count 0 until joined */
    size_t session_count;
    int64_t key_created_us; /* of the newest session; 0 without */
    struct http_trust trust;
    struct zone_health *health;
    const struct nova_child *nova; /* a plain Nova's (nova.h); NULL: a zone of our own kind */
};

/* A snapshot. Children sorted by name; behind them the rows of those that have another parent now (rehomed.h), who are nobody's to
 * ask. */
struct zones_view {
    const struct zone *children;
    size_t child_count;
    size_t rehomed_count; /* behind the children */
    const struct zone *parents;
    size_t parent_count;
    struct directory directory;         /* this zone's subtree, itself included */
    struct zone_departed_rows departed; /* zones that left it a while ago */
};

/* Reads the rows and publishes the first snapshot; no thread is started, no zone is asked. */
MUST_CHECK enum err zones_open(const struct zones_options *options, struct zones **out);
/* Starts the poller. */
MUST_CHECK enum err zones_start(struct zones *zones);
/* Ends the poller (at most one call's deadline), releases everything. All views must be gone. Accepts NULL. */
void zones_close(struct zones *zones);

const struct zones_options *zones_options(const struct zones *zones);
/* The current snapshot, kept until the arena is cleared. */
const struct zones_view *zones_view(struct zones *zones, struct arena *arena);

/* In a view: by the row's id or by name, those that have another parent now too; by zone uuid. NULL. */
const struct zone *view_child(const struct zones_view *view, int64_t id);
const struct zone *view_child_by_name(const struct zones_view *view, const char *name);
const struct zone *view_child_by_uuid(const struct zones_view *view, const struct uuid *uuid);
const struct zone *view_parent_by_uuid(const struct zones_view *view, const struct uuid *uuid);
const struct zone *view_parent(const struct zones_view *view, int64_t id);

/* "disabled", "draining", or the breaker's overall state. */
const char *zone_state_name(const struct zone *zone);
/* The 2011 flag: it may be asked: not disabled, not down, joined. */
bool zone_is_active(const struct zone *zone);

/* What the poller noticed about it, for people; nothing decides by it. */
struct zone_signs {
    int64_t since_us;              /* wall clock: when it came into its state of health */
    int64_t certificate_expires_s; /* wall clock; 0 = no TLS, or not seen yet */
    int64_t skew_s;                /* its clock less this zone's; a difference of one second counts as none */
    bool skew_known;
    int64_t told_us; /* wall clock: when it last answered for its directory; 0 = never */
};
struct zone_signs zone_signs_get(const struct zone *zone);
/* The link's policy with all members of its side; the caller's to decref. */
json_t *policy_json(const struct zone_row *row);

/*
 * Changes. `spec` is the object under "zone" of the request; it is checked here, member by member:
 * name, api_url, username, password, token (a join token instead), weight_offset, weight_scale, state (enabled, draining,
 * disabled), delete_when_empty (with draining), max_in_flight, timeout_ms, tls_ca, tls_pin, insecure, untagged, policy (roles,
 * resolve, catalog); and of kind nova: identity_url, username, password, project with local_project, projects, user_domain,
 * project_domain, region, read_only. E_INVALID and E_CONFLICT are sentences. Adding answers at once: the child is joined by the
 * poller; zones_settle waits for its first attempt.
 */
MUST_CHECK enum err zones_child_add(struct zones *zones, struct db *db, struct arena *arena, const json_t *spec, int64_t *out_id);
MUST_CHECK enum err zones_child_update(struct zones *zones, struct db *db, struct arena *arena, int64_t id, const json_t *spec);
MUST_CHECK enum err zones_child_delete(struct zones *zones, struct db *db, int64_t id);
/* Forgets a parent: its link's keys are void at once. */
MUST_CHECK enum err zones_parent_delete(struct zones *zones, struct db *db, int64_t id);
/* Agrees new keys with a joined child over the live link; the former ones stay good until the next time. `caller` is the admin who
 * wants it. E_UNAVAILABLE, E_BAD_GATEWAY: the child did not take part, the old keys are good. */
MUST_CHECK enum err zones_child_rekey(struct zones *zones, struct fanout *fanout, struct db *db, struct arena *arena,
                                      const struct caller *caller, int64_t id, struct budget budget);
/* How this zone reaches a parent and what it allows it: state (enabled, disabled), timeout_ms, max_in_flight, tls_ca, tls_pin,
 * insecure, policy (roles, projects, read_only). */
MUST_CHECK enum err zones_parent_update(struct zones *zones, struct db *db, struct arena *arena, int64_t id, const json_t *spec);

/* Reads the rows again and publishes a new snapshot. */
MUST_CHECK enum err zones_reload(struct zones *zones, struct db *db);

/* Wakes the poller for a round now, and waits until a round that began after this call is over, or the budget is. True: it is. Many
 * callers share one round. False at once when no poller runs. */
bool zones_settle(struct zones *zones, struct budget budget);
/* As zones_settle, but a round that ended less than 2 s ago will do (DESIGN section 5, step 5). */
bool zones_freshen(struct zones *zones, struct budget budget);

#define ZONES_TOKEN_LIFETIME_S (15 * 60)
/* Text of a join token (`zonegate zone token`): base64url, valid 15 min, single use. */
MUST_CHECK enum err zones_token_new(const struct zones_options *options, struct db *db, struct arena *arena, const char **out);

/* Who asks this zone to become its child. */
struct join_proof {
    bool admin;                     /* the request carried a token of an admin of this zone */
    const struct link_caller *link; /* it came over the live link of that parent: new keys; NULL */
};
/*
 * POST /os-zones/link, on the child. Body: {uuid, name, url, link_key, signing_key, protocol, secret?}; the answer is this zone's
 * same fields (the caller's to decref). E_INVALID, E_UNAUTHORIZED (no proof, token unknown, used or too old), E_CONFLICT (another
 * parent has that name), E_LOOP (the parent is this zone itself or one of its own descendants: named).
 */
MUST_CHECK enum err zones_accept_parent(struct zones *zones, struct db *db, struct arena *arena, const json_t *body,
                                        const struct join_proof *proof, json_t **out);
/* POST /os-zones/directory, on the parent. E_INVALID; E_FORBIDDEN unless `link` is a child's; E_LOOP: it holds this zone: the child
 * is disabled. */
MUST_CHECK enum err zones_accept_directory(struct zones *zones, struct db *db, struct arena *arena, const struct link_caller *link,
                                           const json_t *body);
