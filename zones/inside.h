/* What the parts of zones/ share behind registry.h. Not for others. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <uthash.h>

#include "gateway/base/arena.h"
#include "zones/nonces.h"
#include "zones/registry.h"
#include "zones/stream.h"

#define ZONES_COMPUTE     "/compute/v2.1" /* where a zone's /os-zones are, below its root URL */
#define ZONES_LINK        ZONES_COMPUTE "/os-zones/link"
#define ZONES_INFO        ZONES_COMPUTE "/os-zones/info"
#define ZONES_PROBE       ZONES_COMPUTE "/os-zones/probe"
#define ZONES_DIRECTORY   ZONES_COMPUTE "/os-zones/directory"
#define ZONES_REVOCATIONS ZONES_COMPUTE "/os-zones/revocations"
#define ZONES_FORGOTTEN   ZONES_COMPUTE "/os-zones/forgotten"
#define ZONES_WHERE       ZONES_COMPUTE "/os-zones/where"
#define ZONES_TOKENS      "/identity/v3/auth/tokens"

/* What the poller remembers of a neighbour, and of one that is joined the prober; nobody else looks at it. */
struct poll_notes {
    int64_t next_try_ms;                /* monotonic: not joined and not probed again before */
    int failures;                       /* joins or probes in a row */
    int64_t tried_us;                   /* `updated_us` of the row that was tried: an admin's change is tried at once */
    char digest[65];                    /* of the directory that it told last; "" = none */
    char pushed[DIRECTORY_DIGEST_SIZE]; /* of the directory that this parent has */
    int64_t stored_ms;                  /* when last seen and last error went to the database */
    uint64_t stored_hash;               /* of error and info as they were stored */
    int64_t looked_ms;                  /* a plain Nova's: versions and limits; 0 = not yet */
    int64_t swept_ms;                   /* its whole directory */
    uint64_t swept_stamp;               /* and for which login and projects */
    int64_t changed_us;                 /* its clock: what changed until then is known */
};

/* What the poller noticed, for people (signs.c). All atomics: written by the poller, read by everybody. */
struct signs {
    _Atomic int state;             /* enum health_state, as last seen */
    _Atomic int64_t since_us;      /* wall clock: when it came into that state */
    _Atomic int64_t certificate_s; /* wall clock: when its certificate ends; 0 = not known */
    _Atomic int64_t skew_s;        /* its clock less ours */
    _Atomic bool skew_known;
    _Atomic int64_t told_us; /* wall clock: its last good info; 0 = never */
};
void signs_init(struct signs *signs);
void signs_note_state(const struct zone *zone);
void signs_note_answer(const struct zone *zone, const struct http_answer *answer);
void signs_note_directory(const struct zone *zone);

/* A neighbour's health, kept for the life of the process: an id is never given twice. */
struct health_entry {
    int64_t id;
    struct zone_health health;
    struct poll_notes notes;
    struct signs signs;
    UT_hash_handle hh;
};

/* A published view. Freed by the last one who lets go. */
struct snapshot {
    struct zones_view view;
    struct arena arena;
    _Atomic int users;
    uint_fast64_t turn; /* of its reload, taken before its rows were read */
};

/* The poller's thread and those who wait for it; the prober's, which nothing that the poller waits for holds up. */
struct poller {
    pthread_t thread;
    pthread_t prober;
    pthread_cond_t wake;       /* of the poller */
    pthread_cond_t probe_wake; /* of the prober */
    pthread_cond_t done;       /* of the waiters; all with zones->lock */
    bool running;
    bool stop;
    bool wanted;       /* a round is to begin now */
    bool probe_wanted; /* a suspect is to be looked at now */
    uint64_t begun;    /* rounds */
    uint64_t finished; /* the last round that is over */
    int64_t seen_ms;   /* monotonic: when the last good round began; what it saw is not older. 0 = none */
};

struct zones {
    struct zones_options options;
    struct link_pair pair;      /* of the key file */
    atomic_uint_fast64_t turns; /* reloads that were begun */
    pthread_mutex_t lock;       /* guards what follows up to the nonces; never held while waiting for anyone else */
    struct snapshot *current;
    struct health_entry *health;
    struct poller poller;
    struct nonces *nonces;
    struct streams *streams;
    struct nova_tokens *nova_tokens;    /* has a lock of its own */
    char digest[DIRECTORY_DIGEST_SIZE]; /* of `current` */
};

/* The last session of a neighbour as bytes in its row; sealed and opened with the zone's key. */
MUST_CHECK enum err session_store(struct zones *zones, struct db *db, int64_t id, const struct link_session *session,
                                  const char *keep);
/* A credential for the row, in the arena. */
void credential_seal(const struct zones *zones, struct arena *arena, const char *plain, struct zone_row *row);
/* NUL behind it; to be wiped by the caller. E_INVALID. */
MUST_CHECK enum err credential_open(const struct zones *zones, struct arena *arena, const struct zone_row *row, char **out);

/* Wakes the poller for a round; nobody waits. */
void poller_wake(struct zones *zones);
/* Wakes the prober: a suspect was seen. */
void prober_wake(struct zones *zones);

/* A name as spec link.md section 1 wants it. E_INVALID in a sentence. */
MUST_CHECK enum err zone_name_check(const char *name);

/* Puts what is given into the row's policy, member by member: null takes one out, a null policy all. E_INVALID. */
MUST_CHECK enum err policy_merge(struct arena *arena, const json_t *given, struct zone_row *row);

/* What a join is made of, on both sides (join.c). */
struct join_peer {
    struct uuid uuid;
    const char *name;
    const char *url; /* a root URL */
    uint8_t link_key[LINK_KEY_SIZE];
    uint8_t signing_key[SIGN_PUBLIC_SIZE];
    int64_t protocol; /* the lower of the two sides' */
};
/* {uuid, name, url, link_key, signing_key, protocol}. E_INVALID names the field. */
MUST_CHECK enum err join_peer_read(struct arena *arena, const json_t *body, struct join_peer *out);
/* This zone's own, with this link key; the caller's to decref. */
json_t *join_peer_write(const struct zones *zones, const uint8_t link_key[LINK_KEY_SIZE]);

/* What a join token says. */
struct join_token {
    struct uuid zone;
    const char *name;
    const char *url;
    uint8_t link_key[LINK_KEY_SIZE];
    uint8_t secret[32];
    int64_t expires_s;
};
MUST_CHECK enum err join_token_read(struct arena *arena, const char *text, struct join_token *out);

/* Joins the children of the list, all at the same time: login (or token), link, row. Returns how many were joined; what went wrong
 * is stored as the children's last_error. */
struct fanout;
size_t zones_join(struct zones *zones, struct fanout *fanout, struct db *db, struct arena *arena,
                  const struct zone *const *children, size_t count, struct budget budget);
/* Must the child be joined, or joined again with what an admin gave? */
bool zone_wants_join(const struct zone *child);

/* Checks a child's directory and stores it. E_INVALID; E_LOOP: it holds this zone, and the child is disabled now. */
MUST_CHECK enum err directory_accept(struct zones *zones, struct db *db, struct arena *arena, const struct zone *child,
                                     const json_t *value);
