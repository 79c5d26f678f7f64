/* See parts.h. */
#include "gateway/conductor/parts.h"

#include "gateway/gateway.h"
#include "schema/reservation.h"
#include "zones/registry.h"

#define CLOCKS_APART_US (INT64_C(60) * 1000000) /* twice what a link lets two clocks differ */

static bool has_set(struct request *request, const char *reservation)
{
    uint32_t tag = 0;
    return reservation_id_tag(reservation, &tag) && zones_view(request->gateway->zones, request->arena)->child_count > 0;
}

enum err parts_note(struct request *request, const char *reservation, int64_t minted_us, const struct uuid *zones, size_t count)
{
    if (minted_us == PARTS_NONE || !has_set(request, reservation))
        return OK;
    if (request->link && minted_us > 0) /* by another zone's clock: rather too early than too late */
        minted_us = minted_us > CLOCKS_APART_US ? minted_us - CLOCKS_APART_US : 1;
    return reservation_add(request->db, request->arena, reservation, minted_us, zones, count);
}

enum err parts_minted(struct request *request, const char *reservation, int64_t minted_us, int64_t *out_us)
{
    *out_us = minted_us;
    return minted_us || !has_set(request, reservation) ? OK : reservation_minted(request->db, reservation, out_us);
}

static bool is_listed(const struct reservation_zones *set, const struct uuid *zone)
{
    for (size_t i = 0; i < set->count; i++) {
        if (uuid_equal(&set->items[i], zone))
            return true;
    }
    return false;
}

enum err parts_narrow(struct request *request, const char *reservation, const struct zone *const **zones, size_t *count)
{
    struct reservation_zones set;
    size_t kept = 0;
    if (!has_set(request, reservation))
        return OK;
    TRY(reservation_zones(request->db, request->arena, reservation, &set));
    if (!set.whole)
        return OK;
    const struct zone **narrow = arena_alloc(request->arena, (*count + 1) * sizeof(*narrow));
    for (size_t i = 0; i < *count; i++) {
        if ((*zones)[i]->row.side == ZONE_PARENT || is_listed(&set, &(*zones)[i]->row.uuid))
            narrow[kept++] = (*zones)[i];
    }
    *zones = narrow;
    *count = kept;
    return OK;
}
