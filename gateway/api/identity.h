/*
 * The identity service on HTTP: mount `identity_versions_service` always, and one of the other two: `identity_service` where users
 * are kept here, `identity_delegated_service` where [identity] url names an authority (identity_authority_url).
 */
#pragma once

#include "gateway/http/core/core.h"

extern const struct service identity_service;
extern const struct service identity_delegated_service;
extern const struct service identity_versions_service;

/* Keystone's error body: {"error":{"code","message","title"}}. */
void identity_write_error(const struct request *request, int status, const char *message, struct response *response);
