/*
 * The name under which this process holds leases: HOST/BOOT/PIDNS/PID/START/RANDOM. It tells another process of the same host, boot
 * and pid namespace whether the holder still lives; about holders elsewhere it tells nothing.
 */
#pragma once

#include <stdbool.h>

#define HOLDER_SIZE 256

struct holder {
    char name[HOLDER_SIZE];
};

void holder_new(struct holder *out);

/* True only when it is certain: a process of this very host (and pid namespace, and boot) that has ended. */
bool holder_is_dead(const char *name, const struct holder *self);
