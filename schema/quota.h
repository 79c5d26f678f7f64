/*
 * Limits on what a project, or one of its users, may have: rows by (project, user), by class, and what is used.
 *
 * A limit that is not stored is the class's "default", and then the setting in [quota]; that order is gateway/conductor/quota.h's.
 * Usage is that of this zone's own rows; here too is kept what zones below said of theirs (gateway/conductor/quota_usage.h).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schema/db.h"

/* constant, Nova's name, the last version whose quota sets have it (0: all), whether quota classes have it before 2.50 */
#define QUOTA_LIST(X)                                                                                                              \
    X(Q_INSTANCES, "instances", 0, true)                                                                                           \
    X(Q_CORES, "cores", 0, true)                                                                                                   \
    X(Q_RAM, "ram", 0, true)                                                                                                       \
    X(Q_FIXED_IPS, "fixed_ips", 35, true)                                                                                          \
    X(Q_FLOATING_IPS, "floating_ips", 35, true)                                                                                    \
    X(Q_METADATA_ITEMS, "metadata_items", 0, true)                                                                                 \
    X(Q_INJECTED_FILES, "injected_files", 56, true)                                                                                \
    X(Q_INJECTED_FILE_CONTENT_BYTES, "injected_file_content_bytes", 56, true)                                                      \
    X(Q_INJECTED_FILE_PATH_BYTES, "injected_file_path_bytes", 56, true)                                                            \
    X(Q_SECURITY_GROUPS, "security_groups", 35, true)                                                                              \
    X(Q_SECURITY_GROUP_RULES, "security_group_rules", 35, true)                                                                    \
    X(Q_KEY_PAIRS, "key_pairs", 0, true)                                                                                           \
    X(Q_SERVER_GROUPS, "server_groups", 0, false)                                                                                  \
    X(Q_SERVER_GROUP_MEMBERS, "server_group_members", 0, false)

enum quota {
#define QUOTA_ENUM(constant, name, last, in_old_classes) constant,
    QUOTA_LIST(QUOTA_ENUM)
#undef QUOTA_ENUM
        QUOTA_COUNT
};

/* Where `known` is false there is no row. -1 is unlimited. */
struct quota_rows {
    int64_t limit[QUOTA_COUNT];
    bool known[QUOTA_COUNT];
};

const char *quota_name(enum quota quota);
/* QUOTA_COUNT for a name that is none. */
enum quota quota_of_name(const char *name);

/* `user_id` NULL: the project's own limits. */
MUST_CHECK enum err quota_rows_get(struct db *db, const char *project_id, const char *user_id, struct quota_rows *out);
MUST_CHECK enum err quota_class_get(struct db *db, const char *class_name, struct quota_rows *out);
/* All three at once: of a class, of a project, and of one of its users. */
struct quota_layers {
    struct quota_rows of_class;
    struct quota_rows project;
    struct quota_rows user;
};
MUST_CHECK enum err quota_layers_get(struct db *db, const char *class_name, const char *project_id, const char *user_id,
                                     struct quota_layers *out);
/* The sum of the limits of a project's users; 0 where no user has one. */
MUST_CHECK enum err quota_users_sum(struct db *db, const char *project_id, struct quota_rows *out);
/* Stores what is known, all or nothing. */
MUST_CHECK enum err quota_rows_set(struct db *db, const char *project_id, const char *user_id, const struct quota_rows *rows);
MUST_CHECK enum err quota_class_set(struct db *db, const char *class_name, const struct quota_rows *rows);
/* `user_id` NULL: the project's limits and those of all its users. */
MUST_CHECK enum err quota_rows_forget(struct db *db, const char *project_id, const char *user_id);

/* Live servers of a project, and of them a user's (`user_id` NULL: 0): instances, cores, ram. */
struct quota_servers {
    int64_t project[Q_RAM + 1];
    int64_t user[Q_RAM + 1];
};
MUST_CHECK enum err quota_servers_count(struct db *db, const char *project_id, const char *user_id, struct quota_servers *out);
/* What a child said last of a project, and one of its users ("": none). `*out` NULL: nothing. */
MUST_CHECK enum err quota_told_get(struct db *db, struct arena *arena, int64_t zone_id, const char *project_id, const char *user_id,
                                   const char **out);
MUST_CHECK enum err quota_told_put(struct db *db, int64_t zone_id, const char *project_id, const char *user_id, const char *answer);
