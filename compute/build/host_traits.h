/*
 * Which standard traits (os-traits) a host of ours has: a pure function of what its last report said.
 *
 * Only what is true of guests here: image types that boot, the firmware and bus they get, the CPU that they see. Guests have the
 * host's CPU with KVM and QEMU's default one without, so HW_CPU_X86_* are the host's features or that model's. COMPUTE_* that stand
 * for what this zone cannot do yet (networks, volumes, migration) are not reported.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "gateway/base/arena.h"

struct host_traits {
    const char *const *items;
    size_t count;
};

/* `inventory`: the object in the host's row (NULL: never reported). `disabled`: its service is. In the arena, names static. */
struct host_traits host_traits_of(struct arena *arena, const json_t *inventory, bool disabled);
/* All traits that reports add or take away; others are an admin's. In the arena, names static. */
struct host_traits host_traits_owned(struct arena *arena);
