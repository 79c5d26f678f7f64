/*
 * A child that was given another parent. It has forgotten this zone: it refuses the link's keys (LINK_UNKNOWN_KEY), poll after
 * poll. Where it is now is not for it to say: a directory does, this zone's (it is below another child) or one above, which is
 * asked (GET /os-zones/where?zone=UUID, spec link.md section 6) and asks on upward, never back down the branch that asks.
 *
 * The row of a zone that is found elsewhere is disabled, with last_error ZONE_REHOMED …, and counts as no child any more: its ids
 * are looked for where they are, no list waits for it. An admin deletes the row, enables it, or joins the zone anew in its place. A
 * zone that is found nowhere else is a child that refuses the link, as before.
 */
#pragma once

#include "gateway/base/arena.h"
#include "zones/fanout.h"

/* The path of the zone that a neighbour was asked for, as seen from here; NULL: it does not know it, or says nothing. */
const char *rehomed_path_told(struct arena *arena, const struct zone_call *call);
