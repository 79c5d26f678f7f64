/* What the files of gateway/identity share. Nobody else includes this. */
#pragma once

#include "gateway/identity/authority.h"
#include "gateway/identity/failures.h"
#include "gateway/identity/identity.h"
#include "gateway/identity/password.h"
#include "gateway/identity/revoked.h"
#include "gateway/identity/token_cache.h"

struct identity {
    const struct config *config;
    const struct zone_keys *keys;
    struct authority *authority; /* NULL: users are kept here */
    struct revoked *revoked;
    struct token_cache *cache;
    struct failures *failures;
    struct password_slots *slots;
    identity_revoked_f *listener; /* may be NULL */
    void *listener_context;
};
