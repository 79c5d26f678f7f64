/* This zone's root URL as neighbours reach it: [api] public_url, else made from [api] listen. No slash at the end. */
#pragma once

#include <stddef.h>

#include "gateway/base/config.h"

void zone_url(const struct config *config, char *out, size_t size);
