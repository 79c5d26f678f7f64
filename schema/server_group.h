/*
 * Server groups of this zone (Nova: instance groups) and their members.
 *
 * A group lives in the zone that made it; members may be owned by other zones. A member whose row here says that it is deleted is
 * no member any more; for one that another zone owns, the owner's word counts (server_group_leave). Not here: what a policy means.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schema/db.h"

struct server_group {
    int64_t id; /* of the row */
    struct uuid uuid;
    const char *project_id;
    const char *user_id;
    const char *name;
    const char *policy;
    int64_t max_server_per_host; /* 0: no such rule */
};

struct server_groups {
    const struct server_group *items;
    size_t count;
};

/* The most that one project and one user may have; -1 is unlimited. */
struct server_group_limits {
    int64_t project;
    int64_t user;
};

/* Counted and inserted, then counted again, as Nova: E_FORBIDDEN "Quota exceeded, too many server groups.". `id` is not read. */
MUST_CHECK enum err server_group_add(struct db *db, const struct server_group *group, const struct server_group_limits *limits);
/* Of any project. E_NOT_FOUND "Instance group … could not be found.". */
MUST_CHECK enum err server_group_get(struct db *db, struct arena *arena, const struct uuid *uuid, struct server_group *out);
/* Members stop being members. E_NOT_FOUND. */
MUST_CHECK enum err server_group_delete(struct db *db, const struct uuid *uuid);
/* In the order of birth; `project_id` NULL: of all projects. */
MUST_CHECK enum err server_group_list(struct db *db, struct arena *arena, const char *project_id, struct server_groups *out);
/* Groups of a project, and of them a user's. */
MUST_CHECK enum err server_group_count(struct db *db, const char *project_id, const char *user_id, int64_t *out_project,
                                       int64_t *out_user);

/*
 * One create at a time where the servers of a group must end in one place: waits until nobody else, of any gateway of this zone,
 * is at it. E_UNAVAILABLE: not within `wait_ms`. The turn ends with server_group_unlock or with the connection.
 */
MUST_CHECK enum err server_group_lock(struct db *db, const struct uuid *uuid, int64_t wait_ms);
MUST_CHECK enum err server_group_unlock(struct db *db, const struct uuid *uuid);

/* Members that are not deleted, in the order in which they joined. Of those that other zones own nobody knows here. */
MUST_CHECK enum err server_group_members(struct db *db, struct arena *arena, int64_t group, struct uuids *out);
/* A second time: OK, nothing happens. `limit`: the most live members that one user may have in the group, -1 unlimited; E_FORBIDDEN
 * "Quota exceeded, too many servers in group". Runs in the caller's transaction, or in one of its own; the group's row is locked.
 */
MUST_CHECK enum err server_group_join(struct db *db, int64_t group, const struct uuid *server, const char *user_id, int64_t limit);

/* Servers that are to be made in any zone, before they are ordered. */
struct server_group_claim {
    const struct uuid *group;
    const struct uuid *servers;
    size_t count;
    const struct uuid *known; /* the members by which their hosts were chosen */
    size_t known_count;
    const struct uuid *turn; /* of the create that has the group to itself; NULL */
    const char *user_id;
    int64_t limit; /* as server_group_join */
};

/*
 * They become members for SERVER_GROUP_CLAIM_S, or until server_group_confirm says that they exist; again changes nothing.
 * With the policy affinity, E_CONFLICT: somebody else came meanwhile; E_TOO_MANY: others are about to come, and nobody knows where.
 * E_FORBIDDEN as server_group_join. E_NOT_FOUND. No servers, but a turn: nobody else may claim for SERVER_GROUP_TURN_S, or until
 * the turn is released as a server is.
 */
#define SERVER_GROUP_CLAIM_S 90
#define SERVER_GROUP_TURN_S  20
MUST_CHECK enum err server_group_claim(struct db *db, const struct server_group_claim *claim);
/* The servers exist: members, also without a claim. E_NOT_FOUND: there is no such group. */
MUST_CHECK enum err server_group_confirm(struct db *db, const struct server_group_claim *claim);
/* They were not made. */
MUST_CHECK enum err server_group_release(struct db *db, const struct server_group_claim *claim);
/* Those of the members that this zone does not own and that nobody claims now. */
MUST_CHECK enum err server_group_strangers(struct db *db, struct arena *arena, int64_t group, struct uuids *out);
/* The server is in no group any more. */
MUST_CHECK enum err server_group_leave(struct db *db, const struct uuid *server);
/* Groups of this zone in which the server is (at most one in practice). */
MUST_CHECK enum err server_group_of_server(struct db *db, struct arena *arena, const struct uuid *server, struct uuids *out);
