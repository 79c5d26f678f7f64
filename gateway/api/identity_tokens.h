/* The tables of identity_tokens.c. Only identity.c includes this. */
#pragma once

#include "gateway/http/core/core.h"

extern const struct route identity_token_routes[];           /* everywhere */
extern const struct route identity_delegated_token_routes[]; /* with an authority */
