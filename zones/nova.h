/*
 * A child of kind nova: a plain OpenStack behind a Keystone (DESIGN section 4). Between the files zones/nova_*, the registry, the
 * poller and the fan-out; others see only the pointer in struct zone.
 *
 * To everybody above, it answers like a child of our own kind: a call of fanout.h that names it is carried out as the calls that a
 * plain Nova understands (nova_run). No X-Zone header, delegation or token of ours ever goes there.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gateway/base/clock.h"
#include "gateway/base/err.h"
#include "schema/zone_nova.h"
#include "zones/fanout.h"
#include "zones/inside.h"
#include "zones/nova_token.h"

#define NOVA_KIND "nova"

/* In a snapshot. */
struct nova_child {
    struct zone_nova_row row;
    uint64_t stamp; /* of what a token is bought with: another stamp, another token */
};

/* Its part of a snapshot; NULL for zones of other kinds. */
const struct nova_child *nova_child_of(const struct zone_nova_rows *rows, int64_t zone_id, struct arena *arena);

/* Whether one of the calls goes to a plain Nova. */
bool nova_among(const struct zone_call *calls, size_t count);
/* Carries out those of the calls that go to a plain Nova, and the others with them. False: there are none, and nothing was done. */
bool nova_run(struct zones *zones, struct fanout *fanout, struct arena *arena, struct zone_call *calls, size_t count,
              struct budget budget);

/* The call that buys a token for the project, and what its answer says. `secret` is the body: to be wiped after the call. */
MUST_CHECK enum err nova_login_call(const struct zones *zones, const struct zone *zone, const struct zone_nova_project *project,
                                    struct arena *arena, struct zone_call *out, char **secret);
MUST_CHECK enum err nova_login_read(const struct zone *zone, const struct http_answer *answer, struct arena *arena,
                                    struct nova_login *out);

/* The poller's part of a round: first logins (true: somebody is joined now); versions and limits, the directory of servers. */
struct round;
bool nova_join(struct round *round, const struct zones_view *view);
void nova_poll(struct round *round, const struct zones_view *view);
/* The range of microversions, "2.1" and "2.93", from the version document; no token is needed. E_UNAVAILABLE, E_INVALID. */
MUST_CHECK enum err nova_read_versions(struct fanout *fanout, const struct zone *child, struct arena *arena, struct budget budget,
                                       struct http_answer *out_answer, const char **out_min, const char **out_max);

/* The members of `zone` that only this kind has; NULL at the end. */
extern const char *const nova_spec_keys[];
/* What `spec` (see zones_child_add) says of a plain Nova: the row, sealed. `old`: as it was; NULL when it is new. E_INVALID. */
MUST_CHECK enum err nova_apply_spec(const struct zones *zones, struct arena *arena, const json_t *spec,
                                    const struct nova_child *old, struct zone_nova_row *out);
