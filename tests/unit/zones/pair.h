/* Two zones without a database: a registry each, in which the other is joined. For tests of what needs no rows. */
#pragma once

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "zones/inside.h"

struct side {
    struct zone_keys keys;
    struct zones zones;
    struct snapshot snapshot;
    struct zone other; /* the neighbour as this side knows it */
    struct zone_health health;
    struct link_session session;
};

struct pair {
    struct side parent;
    struct side child;
};

static inline void side_open(struct side *side, const char *name)
{
    memset(side, 0, sizeof(*side));
    uuid_new(&side->keys.zone);
    link_pair_new(&side->zones.pair);
    side->zones.options = (struct zones_options){.name = name, .url = "http://127.0.0.1:1", .keys = &side->keys};
    (void)pthread_mutex_init(&side->zones.lock, NULL);
    nonces_open(&side->zones.nonces);
    health_init(&side->health);
    side->zones.current = &side->snapshot;
    atomic_init(&side->snapshot.users, 1);
}

static inline void side_join(struct side *side, const struct side *other, enum zone_side other_is, int64_t id)
{
    side->other = (struct zone){.row = {.id = id,
                                        .side = other_is,
                                        .uuid = other->keys.zone,
                                        .name = other->zones.options.name,
                                        .api_url = other->zones.options.url,
                                        .joined = true},
                                .tag = zone_tag(&other->keys.zone),
                                .sessions = &side->session,
                                .session_count = 1,
                                .health = &side->health};
    struct zones_view *view = &side->snapshot.view;
    if (other_is == ZONE_CHILD)
        *view = (struct zones_view){.children = &side->other, .child_count = 1};
    else
        *view = (struct zones_view){.parents = &side->other, .parent_count = 1};
}

static inline void side_close(struct side *side)
{
    nonces_close(side->zones.nonces);
    (void)pthread_mutex_destroy(&side->zones.lock);
}

static inline struct pair *pair_open(void)
{
    struct pair *pair = calloc(1, sizeof(*pair));
    side_open(&pair->parent, "root");
    side_open(&pair->child, "east");
    const bool good =
        link_session_as_parent(&pair->parent.zones.pair, pair->child.zones.pair.public_key, &pair->parent.session) == OK &&
        link_session_as_child(&pair->child.zones.pair, pair->parent.zones.pair.public_key, &pair->child.session) == OK;
    if (!good)
        abort();
    side_join(&pair->parent, &pair->child, ZONE_CHILD, 1);
    side_join(&pair->child, &pair->parent, ZONE_PARENT, 2);
    return pair;
}

static inline void pair_close(struct pair *pair)
{
    side_close(&pair->parent);
    side_close(&pair->child);
    free(pair);
}
