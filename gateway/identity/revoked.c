/* See revoked.h. Readers take a lock that is held for a few look-ups only; the table is read from the database before. */
#include "gateway/identity/revoked.h"

#include <pthread.h>
#include <stdlib.h>

#include <uthash.h>

#include "gateway/base/clock.h"
#include "gateway/base/text.h"
#include "schema/identity.h"

struct entry {
    UT_hash_handle hh;
    char *key; /* "kind:subject" */
    int64_t revoked_us;
};

struct snapshot {
    struct arena arena;
    struct entry *entries;
    const char *region;
    int64_t version;
};

struct revoked {
    pthread_rwlock_t lock;
    struct snapshot *snapshot;
    _Atomic int64_t version;
    _Atomic int64_t next_look_ms;
};

static struct snapshot *snapshot_new(void)
{
    struct snapshot *snapshot = calloc(1, sizeof(*snapshot));
    if (!snapshot)
        abort();
    snapshot->version = -1;
    return snapshot;
}

static void snapshot_free(struct snapshot *snapshot)
{
    HASH_CLEAR(hh, snapshot->entries);
    arena_clear(&snapshot->arena);
    free(snapshot);
}

struct revoked *revoked_new(void)
{
    struct revoked *revoked = calloc(1, sizeof(*revoked));
    if (!revoked)
        abort();
    pthread_rwlock_init(&revoked->lock, NULL);
    revoked->snapshot = snapshot_new();
    atomic_init(&revoked->version, -1);
    return revoked;
}

void revoked_free(struct revoked *revoked)
{
    if (!revoked)
        return;
    snapshot_free(revoked->snapshot);
    pthread_rwlock_destroy(&revoked->lock);
    free(revoked);
}

static void snapshot_add(struct snapshot *snapshot, const struct identity_revocation *revocation)
{
    struct entry *entry = arena_alloc(&snapshot->arena, sizeof(*entry));
    entry->key = arena_printf(&snapshot->arena, "%s:%s", revocation->kind, revocation->subject);
    entry->revoked_us = revocation->revoked_us;
    HASH_ADD_KEYPTR(hh, snapshot->entries, entry->key, strlen(entry->key), entry);
}

/* An older one than what is there already is dropped: two threads may have read at once. */
static void publish(struct revoked *revoked, struct snapshot *snapshot)
{
    pthread_rwlock_wrlock(&revoked->lock);
    struct snapshot *old = snapshot;
    if (snapshot->version > revoked->snapshot->version) {
        old = revoked->snapshot;
        revoked->snapshot = snapshot;
        atomic_store(&revoked->version, snapshot->version);
    }
    pthread_rwlock_unlock(&revoked->lock);
    snapshot_free(old);
}

enum err revoked_refresh(struct revoked *revoked, struct db *db)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    struct identity_revocations list;
    int64_t version = 0;
    const char *region = NULL;
    TRY(identity_version(db, &arena, &version, &region));
    if (version <= revoked_version(revoked))
        return OK;
    TRY(identity_revocation_list(db, &arena, &list));
    struct snapshot *snapshot = snapshot_new();
    snapshot->version = version;
    snapshot->region = arena_strdup(&snapshot->arena, region);
    for (size_t i = 0; i < list.count; i++)
        snapshot_add(snapshot, &list.items[i]);
    publish(revoked, snapshot);
    return OK;
}

bool revoked_is_due(struct revoked *revoked)
{
    const int64_t now = clock_mono_ms();
    int64_t due = atomic_load_explicit(&revoked->next_look_ms, memory_order_relaxed);
    return now >= due && atomic_compare_exchange_strong(&revoked->next_look_ms, &due, now + REVOKED_LOOK_MS);
}

int64_t revoked_version(const struct revoked *revoked)
{
    return atomic_load(&revoked->version);
}

const char *revoked_region(struct revoked *revoked, struct arena *arena)
{
    pthread_rwlock_rdlock(&revoked->lock);
    const char *region = arena_strdup(arena, revoked->snapshot->region);
    pthread_rwlock_unlock(&revoked->lock);
    return region ? region : "RegionOne";
}

static bool is_void(const struct snapshot *snapshot, const char *kind, const char *subject, int64_t issued_us)
{
    char key[128];
    struct entry *entry = NULL;
    if (!subject)
        return false;
    const int length = snprintf(key, sizeof(key), "%s:%s", kind, subject);
    if (length < 0 || (size_t)length >= sizeof(key))
        return false; /* longer than any subject in the table */
    HASH_FIND(hh, snapshot->entries, key, (size_t)length, entry);
    return entry && entry->revoked_us >= issued_us;
}

/* Every subject that claims can fall with. */
static bool any_void(const struct snapshot *snapshot, const struct claims *claims)
{
    const char *project = claims->scope == TOKEN_PROJECT ? claims->target.id : NULL;
    const char *domain = claims->scope == TOKEN_DOMAIN ? claims->target.id : claims->target.domain_id;
    const struct {
        const char *kind;
        const char *subject;
    } subjects[] = {
        {"audit", claims->audit_id}, {"user", claims->user.id}, {"domain", claims->user.domain_id},
        {"project", project},        {"domain", domain},        {"credential", claims->credential_id},
    };
    for (size_t i = 0; i < ARRAY_LEN(subjects); i++)
        if (is_void(snapshot, subjects[i].kind, subjects[i].subject, claims->issued_us))
            return true;
    return false;
}

bool revoked_voids(struct revoked *revoked, struct claims *claims)
{
    const int64_t version = revoked_version(revoked);
    if (version >= 0 && atomic_load_explicit(&claims->checked, memory_order_relaxed) == version)
        return false;
    pthread_rwlock_rdlock(&revoked->lock);
    const bool voided = any_void(revoked->snapshot, claims);
    pthread_rwlock_unlock(&revoked->lock);
    if (!voided)
        atomic_store_explicit(&claims->checked, version, memory_order_relaxed);
    return voided;
}
