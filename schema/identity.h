/*
 * Keystone's rows: domains, projects, users, roles, grants, application credentials, revocations, the authority's key.
 *
 * A change that voids tokens (a password, a disabled user, a removed grant …) writes its revocation in the same transaction. Times
 * are microseconds since 1970. Strings of rows live in the arena and are never NULL unless said. Not here: passwords are hashed by
 * the caller; who may do what.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schema/db.h"

/* Lists end here; the reply then says `truncated`, as Keystone's list_limit. */
#define IDENTITY_LIST_MAX 10000

struct identity_domain {
    const char *id;
    const char *name;
    const char *description;
    bool enabled;
};

struct identity_project {
    const char *id;
    const char *domain_id;
    const char *domain_name;
    const char *name;
    const char *description;
    bool enabled; /* of the project itself */
    bool domain_enabled;
    const char *tags; /* JSON list */
};

struct identity_user {
    const char *id;
    const char *domain_id;
    const char *domain_name;
    const char *name;
    const char *description;
    const char *email;
    const char *default_project_id; /* "" = none */
    bool enabled;
    bool domain_enabled;
    const char *password; /* hash; NULL: cannot log in with one */
    int64_t tokens_after_us;
};

struct identity_role {
    const char *id;
    const char *name;
    const char *description;
};

/* "project", "domain", "system" (scope_id "all"). Names are set by identity_assignment_list only. */
struct identity_grant {
    const char *user_id;
    const char *scope;
    const char *scope_id;
    const char *role_id;
    const char *role_name;
    const char *user_name;
    const char *user_domain_id;
    const char *user_domain_name;
    const char *scope_name;        /* NULL for the system */
    const char *scope_domain_id;   /* NULL unless a project */
    const char *scope_domain_name; /* NULL unless a project */
};

struct identity_credential {
    const char *id;
    const char *user_id;
    const char *project_id;
    const char *name;
    const char *description;
    const char *secret; /* hash */
    bool unrestricted;
    int64_t expires_us; /* 0 = never */
};

struct identity_revocation {
    const char *kind; /* audit, user, project, domain, credential */
    const char *subject;
    int64_t revoked_us;
    int64_t expires_us;
};

struct identity_domains {
    const struct identity_domain *items;
    size_t count;
};

struct identity_projects {
    const struct identity_project *items;
    size_t count;
};

struct identity_users {
    const struct identity_user *items;
    size_t count;
};

struct identity_roles {
    const struct identity_role *items;
    size_t count;
};

struct identity_grants {
    const struct identity_grant *items;
    size_t count;
};

struct identity_credentials {
    const struct identity_credential *items;
    size_t count;
};

struct identity_revocations {
    const struct identity_revocation *items;
    size_t count;
};

/* What a list is narrowed to; NULL and -1 do not narrow. */
struct identity_filter {
    const char *name;
    const char *domain_id;
    const char *user_id; /* projects and domains: those on which the user has a grant */
    int enabled;
};

/* What a PATCH changes; NULL and -1 leave as it is. */
struct identity_change {
    const char *name;
    const char *description;
    const char *email;
    const char *default_project_id;
    const char *tags;
    const char *password; /* hash */
    int enabled;
};

/* E_CONFLICT when name or id is taken, E_NOT_FOUND when the row (or its domain) does not exist: in Keystone's words. */
MUST_CHECK enum err identity_domain_add(struct db *db, const struct identity_domain *domain);
MUST_CHECK enum err identity_domain_get(struct db *db, struct arena *arena, const char *id, struct identity_domain *out);
MUST_CHECK enum err identity_domain_get_by_name(struct db *db, struct arena *arena, const char *name, struct identity_domain *out);
MUST_CHECK enum err identity_domain_list(struct db *db, struct arena *arena, const struct identity_filter *filter,
                                         struct identity_domains *out);
MUST_CHECK enum err identity_domain_change(struct db *db, const char *id, const struct identity_change *change);
/* With all that is in it. E_FORBIDDEN while it is enabled. */
MUST_CHECK enum err identity_domain_delete(struct db *db, const char *id);

MUST_CHECK enum err identity_project_add(struct db *db, const struct identity_project *project);
MUST_CHECK enum err identity_project_get(struct db *db, struct arena *arena, const char *id, struct identity_project *out);
MUST_CHECK enum err identity_project_get_by_name(struct db *db, struct arena *arena, const char *domain_id, const char *name,
                                                 struct identity_project *out);
MUST_CHECK enum err identity_project_list(struct db *db, struct arena *arena, const struct identity_filter *filter,
                                          struct identity_projects *out);
MUST_CHECK enum err identity_project_change(struct db *db, const char *id, const struct identity_change *change);
MUST_CHECK enum err identity_project_delete(struct db *db, const char *id);

MUST_CHECK enum err identity_user_add(struct db *db, const struct identity_user *user);
MUST_CHECK enum err identity_user_get(struct db *db, struct arena *arena, const char *id, struct identity_user *out);
MUST_CHECK enum err identity_user_get_by_name(struct db *db, struct arena *arena, const char *domain_id, const char *name,
                                              struct identity_user *out);
MUST_CHECK enum err identity_user_list(struct db *db, struct arena *arena, const struct identity_filter *filter,
                                       struct identity_users *out);
/* A password or `enabled` = 0 voids the user's tokens. */
MUST_CHECK enum err identity_user_change(struct db *db, const char *id, const struct identity_change *change);
MUST_CHECK enum err identity_user_delete(struct db *db, const char *id);

MUST_CHECK enum err identity_role_add(struct db *db, const struct identity_role *role);
MUST_CHECK enum err identity_role_get(struct db *db, struct arena *arena, const char *id, struct identity_role *out);
MUST_CHECK enum err identity_role_list(struct db *db, struct arena *arena, const struct identity_filter *filter,
                                       struct identity_roles *out);
MUST_CHECK enum err identity_role_change(struct db *db, const char *id, const struct identity_change *change);
/* With its grants; voids the tokens of those who had it. */
MUST_CHECK enum err identity_role_delete(struct db *db, const char *id);

/* Repeatable. E_NOT_FOUND names what does not exist. */
MUST_CHECK enum err identity_grant_add(struct db *db, const struct identity_grant *grant);
/* E_NOT_FOUND when there is no such grant. Voids the user's tokens. */
MUST_CHECK enum err identity_grant_delete(struct db *db, const struct identity_grant *grant);
MUST_CHECK enum err identity_grant_check(struct db *db, struct arena *arena, const struct identity_grant *grant);
/* The roles of a user on a scope as they were granted, by name. */
MUST_CHECK enum err identity_grant_roles(struct db *db, struct arena *arena, const char *user_id, const char *scope,
                                         const char *scope_id, struct identity_roles *out);
/* As they count in a token: admin implies member, member implies reader. */
MUST_CHECK enum err identity_effective_roles(struct db *db, struct arena *arena, const char *user_id, const char *scope,
                                             const char *scope_id, struct identity_roles *out);
/* Members that are NULL do not narrow. */
MUST_CHECK enum err identity_assignment_list(struct db *db, struct arena *arena, const struct identity_grant *filter,
                                             struct identity_grants *out);

/* `roles`: ids. */
MUST_CHECK enum err identity_credential_add(struct db *db, const struct identity_credential *credential, const char *const *roles,
                                            size_t role_count);
MUST_CHECK enum err identity_credential_get(struct db *db, struct arena *arena, const char *id, struct identity_credential *out);
MUST_CHECK enum err identity_credential_list(struct db *db, struct arena *arena, const char *user_id, const char *name,
                                             struct identity_credentials *out);
MUST_CHECK enum err identity_credential_roles(struct db *db, struct arena *arena, const char *id, struct identity_roles *out);
/* Voids its tokens. */
MUST_CHECK enum err identity_credential_delete(struct db *db, const char *user_id, const char *id);

/* Voids tokens; a later row for the same subject replaces an earlier one. Rows that have expired are dropped in passing. */
MUST_CHECK enum err identity_revoke(struct db *db, const struct identity_revocation *revocation);
/* The same for several in one transaction; those that say nothing new change nothing. */
MUST_CHECK enum err identity_revoke_all(struct db *db, const struct identity_revocations *revocations);
/* Whether tokens of `subject` that were issued at `issued_us` are void; the database's own word, not a snapshot's. */
MUST_CHECK enum err identity_is_void(struct db *db, struct arena *arena, const char *kind, const char *subject, int64_t issued_us,
                                     bool *out);
/* Those that have not expired. */
MUST_CHECK enum err identity_revocation_list(struct db *db, struct arena *arena, struct identity_revocations *out);
/* Grows with every revocation and every change of the two settings below. */
MUST_CHECK enum err identity_version(struct db *db, struct arena *arena, int64_t *out_version, const char **out_region);
MUST_CHECK enum err identity_set_region(struct db *db, const char *region);

struct identity_authority_row {
    const char *url;
    struct uuid zone;
    uint8_t public_key[32];
};

/* E_NOT_FOUND: never seen. */
MUST_CHECK enum err identity_authority_get(struct db *db, struct arena *arena, struct identity_authority_row *out);
MUST_CHECK enum err identity_authority_set(struct db *db, const struct identity_authority_row *authority);
