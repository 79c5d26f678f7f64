/* What every task's steps find in `task->context`: the build environment first, so that compute/build reads it as its own, then the
 * gateway. */
#pragma once

#include "compute/build/build.h"

struct gateway;

struct runner_context {
    struct build_environment build; /* first: compute/build casts to it */
    struct gateway *gateway;
};
