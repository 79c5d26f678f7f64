/*
 * Quotas: what limits a project and its users here, what they use, and the refusals in Nova's words (403).
 *
 * A limit is the user's, else the project's, else the class "default"'s, else the setting in [quota]; -1 is unlimited. A user is
 * counted apart only where a limit was set for that user. Usage is that of this zone and all below it (quota_usage.h): each zone
 * keeps its own limits over its subtree, for its own creates and for those that pass through it.
 */
#pragma once

#include <jansson.h>

#include "compute/scheduler/sizing.h"
#include "gateway/http/core/core.h"
#include "schema/flavor.h"
#include "schema/quota.h"
#include "schema/server_group.h"

struct quota_limits {
    int64_t of[QUOTA_COUNT];
};

/* What holds for a class; for a class that is none, as for "default" without rows: the settings. */
MUST_CHECK enum err quota_of_class(const struct request *request, const char *class_name, struct quota_limits *out);
/* What holds for a project without rows of its own: the class "default". */
MUST_CHECK enum err quota_defaults(const struct request *request, struct quota_limits *out);
/* What holds for a project, or (`user_id` not NULL) for one of its users. */
MUST_CHECK enum err quota_limits_get(const struct request *request, const char *project_id, const char *user_id,
                                     struct quota_limits *out);
/* What a project, or one of its users, uses: servers and server groups; all else is shown as 0, as in Nova. Silent zones are named
 * in the response. E_UNAVAILABLE: there are some, and zone.strict=1 was said. */
MUST_CHECK enum err quota_used(struct request *request, struct response *response, const char *project_id, const char *user_id,
                               struct quota_limits *out);
/* One limit of the caller, unlimited as INT64_MAX. */
MUST_CHECK enum err quota_of_caller(const struct request *request, enum quota quota, int64_t *out);

/* Servers that are to be made alike. */
struct quota_order {
    int64_t vcpus;
    int64_t ram_mib;
    int64_t min_count;
    int64_t max_count;
};

/* Limits and usage of one scope. `user` of struct quota_servers counts only with `user` limits. */
struct quota_scope {
    struct quota_limits project;
    struct quota_limits user;
    bool user_counts;
    struct quota_servers used;
};

/* For judging: a project's and a user's limits, and what they use; what has no limit is not counted. */
MUST_CHECK enum err quota_scope_get(struct request *request, const char *project_id, const char *user_id, struct quota_scope *out);
/* Pure: how many of the order fit, at least min_count and at most max_count; else E_FORBIDDEN "Quota exceeded for …: Requested …,
 * but already used … of … …". */
MUST_CHECK enum err quota_judge(const struct quota_scope *scope, const struct quota_order *order, int64_t *out_count);
/* Pure: E_FORBIDDEN in the same words when what is used is over a limit already. */
MUST_CHECK enum err quota_rejudge(const struct quota_scope *scope, const struct quota_order *order);

/* Before servers are made for the caller: `*max_count` becomes what may be made. E_FORBIDDEN. */
MUST_CHECK enum err quota_check_create(struct request *request, const struct flavor *flavor, int64_t min_count, int64_t *max_count);
/* The same for servers that another zone orders here: `*count` becomes what fits, 0 too. */
MUST_CHECK enum err quota_check_order(struct request *request, const struct sizing *sizing, int64_t *count);
/* After they were made: when others made servers at the same time and the limit is broken, all servers of this reservation are
 * deleted, here and below, and E_FORBIDDEN is returned. Nothing is counted when [quota] recheck_quota is off. */
MUST_CHECK enum err quota_recheck_create(struct request *request, const struct sizing *sizing, const char *reservation_id,
                                         const struct uuids *servers);

/* `count` metadata items of one server. */
MUST_CHECK enum err quota_check_metadata(const struct request *request, size_t count);
/* The list `personality` of a create or rebuild: number, paths, contents as they came (base64). NULL is OK. */
MUST_CHECK enum err quota_check_files(const struct request *request, const json_t *personality);
