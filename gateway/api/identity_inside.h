/* What the handlers of identity share: answers in Keystone's shape, filters, who may. Nobody else includes this. */
#pragma once

#include <jansson.h>

#include "gateway/gateway.h"
#include "gateway/http/core/core.h"
#include "gateway/identity/identity.h"

extern const struct route identity_auth_routes[];
extern const struct route identity_project_routes[];
extern const struct route identity_user_routes[];
extern const struct route identity_role_routes[];
extern const struct route identity_credential_routes[];
extern const struct route identity_catalog_routes[];

/* 32 hex digits in the request's arena. */
const char *identity_new_id(struct request *request);
/* {"links": {"self": …}} */
json_t *identity_self_link(const struct request *request, const char *collection, const char *id);
/* {KEY: [..], "links": {next, self, previous}}; takes the list. */
void identity_reply_list(const struct request *request, struct response *response, const char *key, json_t *list);
/* {KEY: object}; takes the object. */
void identity_reply(struct response *response, int status, const char *key, json_t *object);
/* 204 after a change that may have voided tokens. */
MUST_CHECK enum err identity_reply_changed(struct request *request, struct response *response);

/* ?name= &domain_id= &enabled= */
struct identity_filter identity_read_filter(const struct request *request);
/* True for "1", "true", "True" and a parameter without a value. */
bool identity_query_flag(const struct request *request, const char *name);
/* The members of a PATCH, and of a POST (where what is absent is NULL or -1). An explicit null empties. */
struct identity_change identity_read_change(struct request *request, const json_t *object);

/* The domain of what the body describes: when it does not say, the one that the caller's token is for. */
const char *identity_home_domain(const struct request *request, const json_t *object);

/* E_FORBIDDEN unless the caller is this user or an admin. */
MUST_CHECK enum err identity_require_user(const struct request *request, const char *user_id);
MUST_CHECK enum err identity_forbid(const struct request *request);
