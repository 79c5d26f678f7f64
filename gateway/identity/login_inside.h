/* One login on its way, shared by login*.c. Nobody else includes this. */
#pragma once

#include "gateway/identity/inside.h"

struct login_scope {
    enum token_scope kind;
    struct party target; /* of the system: id "all" */
};

struct login {
    struct identity *identity;
    struct request *request;
    struct db *db;
    struct arena *arena;
    int64_t started_us; /* wall clock, before anything was read */
    const char *asked;  /* who it says it is, as it was written; "" until known */
    bool found;
    struct identity_user user;
    const char *methods[TOKEN_PARTS_MAX];
    size_t method_count;
    struct claims *parent;                 /* of the method token; NULL */
    struct identity_credential credential; /* of the method application_credential; id NULL */
    struct login_scope scope;
};

/* Logs the reason and fails with the one message that clients get. */
MUST_CHECK enum err login_refuse(const struct login *login, const char *reason);
MUST_CHECK enum err login_take_user(struct login *login, const struct identity_user *user);

/* login_methods.c */
MUST_CHECK enum err login_by_password(struct login *login, const json_t *method);
MUST_CHECK enum err login_by_token(struct login *login, const json_t *method);
MUST_CHECK enum err login_by_credential(struct login *login, const json_t *method);

/* login_scope.c: what the token is for; `scope` may be NULL. */
MUST_CHECK enum err login_find_scope(struct login *login, const json_t *scope);
/* The domain that {"id"} or {"name"} names. E_NOT_FOUND, which the caller turns into a refusal. */
MUST_CHECK enum err login_find_domain(const struct login *login, const json_t *domain, struct identity_domain *out);
