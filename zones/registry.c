/* Opening, publishing and reading the registry; see registry.h. Changes are in registry_edit.c, joining in join.c. */
#include "zones/registry.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/base/text.h"
#include "schema/zone_links.h"
#include "zones/inside.h"
#include "zones/nova.h"

#define SESSION_BYTES   (2 * LINK_KEY_SIZE)
#define SESSION_CONTEXT "zone-session"

static void *alloc_or_end(size_t size)
{
    void *memory = calloc(1, size);
    if (!memory) {
        (void)fputs("zonegate: out of memory\n", stderr);
        abort();
    }
    return memory;
}

/* What a snapshot is built from. */
struct source {
    struct zone_rows rows;
    struct zone_session_rows sessions;
    struct zone_directory_rows directory;
    struct zone_departed_rows departed;
    struct zone_nova_rows novas;
};

static enum err read_source(struct db *db, struct arena *arena, struct source *out)
{
    TRY(zone_row_list(db, arena, &out->rows));
    TRY(zone_session_list(db, arena, &out->sessions));
    TRY(zone_directory_list(db, arena, &out->directory));
    TRY(zone_nova_list(db, arena, &out->novas));
    return zone_departed_list(db, arena, &out->departed);
}

enum err session_store(struct zones *zones, struct db *db, int64_t id, const struct link_session *session, const char *keep)
{
    uint8_t plain[SESSION_BYTES];
    uint8_t sealed[SESSION_BYTES + SEAL_OVERHEAD];
    memcpy(plain, session->down, LINK_KEY_SIZE);
    memcpy(plain + LINK_KEY_SIZE, session->up, LINK_KEY_SIZE);
    seal_bytes(zones->options.keys->seal, SESSION_CONTEXT, plain, sizeof(plain), sealed);
    link_wipe(plain, sizeof(plain));
    const struct zone_session_row row = {
        .zone_id = id, .key_id = session->key_id, .sealed = sealed, .sealed_length = sizeof(sealed)};
    return zone_session_add(db, &row, keep);
}

static enum err read_session(const struct zones *zones, const struct zone_session_row *row, struct link_session *out)
{
    uint8_t plain[SESSION_BYTES];
    if (row->sealed_length != SESSION_BYTES + SEAL_OVERHEAD || strlen(row->key_id) != LINK_KEY_ID_SIZE - 1)
        return fail(E_INVALID, "A stored session of a link is damaged.");
    TRY(unseal_bytes(zones->options.keys->seal, SESSION_CONTEXT, row->sealed, row->sealed_length, plain));
    memcpy(out->down, plain, LINK_KEY_SIZE);
    memcpy(out->up, plain + LINK_KEY_SIZE, LINK_KEY_SIZE);
    memcpy(out->key_id, row->key_id, LINK_KEY_ID_SIZE);
    link_wipe(plain, sizeof(plain));
    return OK;
}

static void attach_sessions(const struct zones *zones, const struct source *source, struct arena *arena, struct zone *zone)
{
    struct link_session *sessions = arena_alloc(arena, (source->sessions.count + 1) * sizeof(*sessions));
    for (size_t i = 0; zone->row.joined && i < source->sessions.count; i++) {
        if (source->sessions.items[i].zone_id != zone->row.id)
            continue;
        if (read_session(zones, &source->sessions.items[i], &sessions[zone->session_count]) != OK) {
            log_error("link.session", "link=%s why=%s", zone->row.name, log_quote(err_message()).text);
            continue;
        }
        if (zone->session_count++ == 0)
            zone->key_created_us = source->sessions.items[i].created_us;
    }
    zone->sessions = sessions;
}

/* With the lock held, or before threads. */
static struct zone_health *health_of(struct zones *zones, int64_t id)
{
    struct health_entry *entry = NULL;
    HASH_FIND(hh, zones->health, &id, sizeof(id), entry);
    if (!entry) {
        entry = alloc_or_end(sizeof(*entry));
        entry->id = id;
        health_init(&entry->health);
        signs_init(&entry->signs);
        HASH_ADD(hh, zones->health, id, sizeof(entry->id), entry);
    }
    return &entry->health;
}

static const struct zone *make_zones(struct zones *zones, const struct source *source, enum zone_side side, struct arena *arena,
                                     size_t *out_count)
{
    struct zone *list = arena_alloc(arena, (source->rows.count + 1) * sizeof(*list));
    size_t count = 0;
    for (size_t i = 0; i < source->rows.count; i++) {
        const struct zone_row *row = &source->rows.items[i];
        if (row->side != side)
            continue;
        struct zone *zone = &list[count++];
        zone->row = *row;
        zone->tag = row->joined ? zone_tag(&row->uuid) : 0;
        zone->trust = (struct http_trust){row->tls_ca, row->tls_pin, row->insecure || zones->options.insecure};
        zone->health = health_of(zones, row->id);
        zone->nova = nova_child_of(&source->novas, row->id, arena);
        attach_sessions(zones, source, arena, zone);
    }
    *out_count = count;
    return list;
}

/* Those that have another parent now are the last of the rows. */
static void make_children(struct zones *zones, const struct source *source, struct snapshot *snapshot)
{
    struct zones_view *view = &snapshot->view;
    view->children = make_zones(zones, source, ZONE_CHILD, &snapshot->arena, &view->child_count);
    while (view->child_count && zone_row_is_rehomed(&view->children[view->child_count - 1].row)) {
        view->child_count--;
        view->rehomed_count++;
    }
}

/* As the zones above are told. */
static const char *directory_state(const struct zone *child)
{
    const bool unlinked = child->row.state != ZONE_ADMIN_DISABLED && atomic_load(&child->health->unlinked_ms);
    return unlinked ? DIRECTORY_UNLINKED : zone_state_name(child);
}

/* What a child told last. One that has told nothing yet is known by its own row; who is below it is not, so it may own any id. */
static struct directory_part make_part(const struct source *source, const struct zone *child, struct arena *arena)
{
    struct directory_row *rows = arena_alloc(arena, (source->directory.count + 1) * sizeof(*rows));
    size_t count = 0;
    for (size_t i = 0; i < source->directory.count; i++) {
        const struct zone_directory_row *told = &source->directory.items[i];
        if (told->zone_id == child->row.id)
            rows[count++] = (struct directory_row){.zone = told->uuid,
                                                   .tag = zone_tag(&told->uuid),
                                                   .path = told->path,
                                                   .state = told->state,
                                                   .untagged = told->untagged || child->row.untagged};
    }
    const char *state = directory_state(child);
    if (count == 0 && child->row.joined)
        rows[count++] = (struct directory_row){.zone = child->row.uuid,
                                               .tag = child->tag,
                                               .path = ".",
                                               .state = state,
                                               .untagged = child->row.untagged || !child->nova};
    return (struct directory_part){child->row.id, child->row.name, state, rows, count};
}

static void make_directory(const struct zones *zones, const struct source *source, struct snapshot *snapshot)
{
    struct zones_view *view = &snapshot->view;
    struct directory_part *parts = arena_alloc(&snapshot->arena, (view->child_count + 1) * sizeof(*parts));
    const struct uuid *self = &zones->options.keys->zone;
    const struct directory_row own = {
        .zone = *self, .tag = zone_tag(self), .path = ".", .state = "up", .untagged = zones->options.untagged};
    for (size_t i = 0; i < view->child_count; i++)
        parts[i] = make_part(source, &view->children[i], &snapshot->arena);
    directory_merge(&snapshot->arena, &own, parts, view->child_count, &view->directory);
}

static void wipe_sessions(const struct zone *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        link_wipe((void *)list[i].sessions, list[i].session_count * sizeof(*list[i].sessions));
}

static void snapshot_release(void *context)
{
    struct snapshot *snapshot = context;
    if (!snapshot || atomic_fetch_sub(&snapshot->users, 1) > 1)
        return;
    wipe_sessions(snapshot->view.children, snapshot->view.child_count + snapshot->view.rehomed_count);
    wipe_sessions(snapshot->view.parents, snapshot->view.parent_count);
    arena_clear(&snapshot->arena);
    free(snapshot);
}

/* Under the lock. One whose rows began to be read before those of the current one would show what was changed as it was. */
static void publish(struct zones *zones, struct snapshot *snapshot)
{
    struct snapshot *old = zones->current;
    atomic_init(&snapshot->users, 1);
    if (old && old->turn > snapshot->turn) {
        snapshot_release(snapshot);
        return;
    }
    zones->current = snapshot;
    memcpy(zones->digest, snapshot->view.directory.digest, sizeof(zones->digest));
    snapshot_release(old);
}

enum err zones_reload(struct zones *zones, struct db *db)
{
    struct snapshot *snapshot = alloc_or_end(sizeof(*snapshot));
    struct source source;
    snapshot->turn = atomic_fetch_add(&zones->turns, 1);
    const enum err read = read_source(db, &snapshot->arena, &source);
    if (read != OK) {
        arena_clear(&snapshot->arena);
        free(snapshot);
        return read;
    }
    (void)pthread_mutex_lock(&zones->lock);
    struct zones_view *view = &snapshot->view;
    make_children(zones, &source, snapshot);
    view->parents = make_zones(zones, &source, ZONE_PARENT, &snapshot->arena, &view->parent_count);
    make_directory(zones, &source, snapshot);
    view->departed = source.departed;
    publish(zones, snapshot);
    (void)pthread_mutex_unlock(&zones->lock);
    return OK;
}

const struct zones_view *zones_view(struct zones *zones, struct arena *arena)
{
    (void)pthread_mutex_lock(&zones->lock);
    struct snapshot *snapshot = zones->current;
    atomic_fetch_add(&snapshot->users, 1);
    (void)pthread_mutex_unlock(&zones->lock);
    arena_defer(arena, snapshot_release, snapshot);
    return &snapshot->view;
}

const struct zones_options *zones_options(const struct zones *zones)
{
    return &zones->options;
}

static void open_locks(struct zones *zones)
{
    pthread_condattr_t monotonic;
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&zones->lock, NULL);
    (void)pthread_cond_init(&zones->poller.wake, &monotonic);
    (void)pthread_cond_init(&zones->poller.probe_wake, &monotonic);
    (void)pthread_cond_init(&zones->poller.done, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
}

static enum err first_load(struct zones *zones)
{
    struct db *db = NULL;
    TRY(db_open(zones->options.database, &db));
    const enum err result = zones_reload(zones, db);
    db_close(db);
    return result;
}

enum err zones_open(const struct zones_options *options, struct zones **out)
{
    TRY(http_client_setup());
    TRY(zone_name_check(options->name));
    struct zones *zones = alloc_or_end(sizeof(*zones));
    zones->options = *options;
    memcpy(zones->pair.public_key, options->keys->link_public, LINK_KEY_SIZE);
    memcpy(zones->pair.secret_key, options->keys->link_secret, LINK_KEY_SIZE);
    open_locks(zones);
    nonces_open(&zones->nonces);
    streams_open(&zones->streams);
    zones->nova_tokens = nova_tokens_open();
    const enum err result = first_load(zones);
    if (result != OK) {
        zones_close(zones);
        return result;
    }
    *out = zones;
    return OK;
}

static void stop_poller(struct zones *zones)
{
    (void)pthread_mutex_lock(&zones->lock);
    const bool running = zones->poller.running;
    zones->poller.stop = true;
    (void)pthread_cond_broadcast(&zones->poller.wake);
    (void)pthread_cond_broadcast(&zones->poller.probe_wake);
    (void)pthread_cond_broadcast(&zones->poller.done);
    (void)pthread_mutex_unlock(&zones->lock);
    if (!running)
        return;
    (void)pthread_join(zones->poller.prober, NULL);
    (void)pthread_join(zones->poller.thread, NULL);
}

void zones_close(struct zones *zones)
{
    if (!zones)
        return;
    stop_poller(zones);
    streams_close(zones->streams);
    assert(!zones->current || atomic_load(&zones->current->users) == 1);
    snapshot_release(zones->current);
    struct health_entry *entry = zones->health;
    HASH_CLEAR(hh, zones->health); /* the entries stay chained */
    while (entry) {                /* NOLINT(clang-analyzer-unix.Malloc) */
        struct health_entry *next = entry->hh.next;
        free(entry);
        entry = next;
    }
    nonces_close(zones->nonces);
    nova_tokens_close(zones->nova_tokens);
    (void)pthread_cond_destroy(&zones->poller.wake);
    (void)pthread_cond_destroy(&zones->poller.probe_wake);
    (void)pthread_cond_destroy(&zones->poller.done);
    (void)pthread_mutex_destroy(&zones->lock);
    link_wipe(&zones->pair, sizeof(zones->pair));
    free(zones);
}

static const struct zone *find_uuid(const struct zone *list, size_t count, const struct uuid *uuid)
{
    for (size_t i = 0; i < count; i++) {
        if (list[i].row.joined && uuid_equal(&list[i].row.uuid, uuid))
            return &list[i];
    }
    return NULL;
}

const struct zone *view_child(const struct zones_view *view, int64_t id)
{
    for (size_t i = 0; i < view->child_count + view->rehomed_count; i++) {
        if (view->children[i].row.id == id)
            return &view->children[i];
    }
    return NULL;
}

const struct zone *view_parent(const struct zones_view *view, int64_t id)
{
    for (size_t i = 0; i < view->parent_count; i++) {
        if (view->parents[i].row.id == id)
            return &view->parents[i];
    }
    return NULL;
}

const struct zone *view_child_by_name(const struct zones_view *view, const char *name)
{
    for (size_t i = 0; i < view->child_count + view->rehomed_count; i++) {
        if (str_equal(view->children[i].row.name, name))
            return &view->children[i];
    }
    return NULL;
}

const struct zone *view_child_by_uuid(const struct zones_view *view, const struct uuid *uuid)
{
    return find_uuid(view->children, view->child_count, uuid);
}

const struct zone *view_parent_by_uuid(const struct zones_view *view, const struct uuid *uuid)
{
    return find_uuid(view->parents, view->parent_count, uuid);
}

const char *zone_state_name(const struct zone *zone)
{
    if (zone->row.state != ZONE_ENABLED)
        return zone_admin_state_name(zone->row.state);
    return health_state_name(health_overall(zone->health));
}

bool zone_is_active(const struct zone *zone)
{
    const enum health_state state = health_overall(zone->health);
    return zone->row.joined && zone->row.state != ZONE_ADMIN_DISABLED && state != HEALTH_DOWN && state != HEALTH_PROBING;
}
