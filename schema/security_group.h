/*
 * Security groups of projects, their rules, and the servers in them. A project's group "default" is made when it is first needed.
 * What a rule does to packets is compute/build/firewall.h.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "schema/db.h"

#define SECURITY_GROUP_DEFAULT "default"

struct security_group {
    struct uuid uuid;
    const char *project_id;
    const char *name;
    const char *description;
};

struct security_groups {
    const struct security_group *items;
    size_t count;
};

struct security_rule {
    struct uuid uuid;
    struct uuid parent;
    const char *protocol; /* tcp, udp, icmp; NULL: any */
    bool has_ports;
    int from_port;
    int to_port;
    const char *cidr;        /* NULL: `source` */
    struct uuid source;      /* zero: `cidr` */
    const char *source_name; /* read only */
};

struct security_rules {
    const struct security_rule *items;
    size_t count;
};

/* By name; `project_id` NULL: of all projects. */
MUST_CHECK enum err security_group_list(struct db *db, struct arena *arena, const char *project_id, struct security_groups *out);
/* How many the project has. */
MUST_CHECK enum err security_group_count(struct db *db, const char *project_id, int64_t *out);
/* E_NOT_FOUND "Security group … not found." `project_id` NULL: of any project. */
MUST_CHECK enum err security_group_get(struct db *db, struct arena *arena, const struct uuid *uuid, const char *project_id,
                                       struct security_group *out);
/* By name, or by uuid if no group has the name. E_NOT_FOUND in Nova's words. */
MUST_CHECK enum err security_group_named(struct db *db, struct arena *arena, const char *project_id, const char *name,
                                         struct security_group *out);
/* The project's default group, made if there is none. */
MUST_CHECK enum err security_group_default(struct db *db, struct arena *arena, const char *project_id, struct security_group *out);
/* E_CONFLICT: the project has one of that name. */
MUST_CHECK enum err security_group_add(struct db *db, const struct security_group *group);
MUST_CHECK enum err security_group_update(struct db *db, const struct security_group *group);
/* With its rules, and those of other groups that name it: as no server is in it, they accept nothing. E_CONFLICT: servers are in
 * it. */
MUST_CHECK enum err security_group_delete(struct db *db, const struct uuid *uuid);

/* In order of creation; of `count` groups. */
MUST_CHECK enum err security_rule_list(struct db *db, struct arena *arena, const struct uuid *groups, size_t count,
                                       struct security_rules *out);
MUST_CHECK enum err security_rule_get(struct db *db, struct arena *arena, const struct uuid *uuid, struct security_rule *out);
/* E_CONFLICT: the group has the same rule. */
MUST_CHECK enum err security_rule_add(struct db *db, const struct security_rule *rule);
MUST_CHECK enum err security_rule_delete(struct db *db, const struct uuid *uuid);

/* A server's groups. Again changes nothing. */
MUST_CHECK enum err security_group_join(struct db *db, const struct uuid *server, const struct uuid *group);
MUST_CHECK enum err security_group_leave(struct db *db, const struct uuid *server, const struct uuid *group);
MUST_CHECK enum err security_group_leave_all(struct db *db, const struct uuid *server);
MUST_CHECK enum err security_groups_of_server(struct db *db, struct arena *arena, const struct uuid *server,
                                              struct security_groups *out);
/* Those of the server's groups that rules name as their source: what others accept depends on its addresses. */
MUST_CHECK enum err security_groups_as_source(struct db *db, struct arena *arena, const struct uuid *server,
                                              const struct uuid **out, size_t *out_count);
/* Servers in the group, and in those whose rules name it as their source: whose packets a change of it concerns. */
MUST_CHECK enum err security_group_concerns(struct db *db, struct arena *arena, const struct uuid *group, const struct uuid **out,
                                            size_t *out_count);
/* IPv4 addresses of the servers in the group, ascending. */
MUST_CHECK enum err security_group_addresses(struct db *db, struct arena *arena, const struct uuid *group, const uint32_t **out,
                                             size_t *out_count);
