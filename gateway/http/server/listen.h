/* The listening socket: opened by us, so that what is wrong can be said clearly. */
#pragma once

#include "gateway/base/err.h"

/*
 * Binds and listens, non-blocking. `address`: "host:port", "[v6]:port"; "[::]" takes IPv4 too; port 0 is any free one.
 * E_INVALID: not such an address. E_UNAVAILABLE: taken, not allowed, or not on this machine.
 */
MUST_CHECK enum err listen_open(const char *address, int *out_fd, unsigned *out_port);
