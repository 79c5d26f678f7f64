/*
 * Sealed entries: a place that this zone offers to its parent (spec link.md section 7). Sealed under the zone's plan key, bound to
 * the sizing text, the project and 60 seconds by this zone's clock. A parent cannot read them; it can only bring them back.
 */
#pragma once

#include <stddef.h>

#include "compute/build/build.h"
#include "gateway/conductor/select.h"

struct sealed_entry {
    struct uuid host; /* here; zero: a child's */
    struct uuid zone; /* the child */
    const char *blob; /* the child's own entry */
    struct plan_use use;
};

/* What lies under it, for other things that this zone seals for itself; `context` says what, so that none is taken for another.
 * `out_hash` is of the bytes, not of the text: blanks between its letters make no other one of it. E_INVALID: not ours. In the
 * arena. */
const char *sealed_text(struct arena *arena, const struct gateway *gateway, const char *context, const char *plain);
MUST_CHECK enum err sealed_plain(struct arena *arena, const struct gateway *gateway, const char *context, const char *text,
                                 const char **out, size_t *out_length, uint8_t out_hash[32]);

/* Base64 text in the arena. */
const char *sealed_make(struct arena *arena, const struct gateway *gateway, const struct plan_entry *entry, const char *sizing_text,
                        const char *project_id);
/* E_INVALID: not ours, or for another sizing or project. E_CONFLICT: expired; `out` is filled all the same. */
MUST_CHECK enum err sealed_open(struct arena *arena, const struct gateway *gateway, const char *text, const char *sizing_text,
                                const char *project_id, struct sealed_entry *out);
