/* See resolve.h. */
#include "zones/resolve.h"

#include <string.h>

#include "gateway/base/text.h"
#include "zones/inside.h"

/* The best way first: a next hop that is up is better than a suspect, any of them better than one that is down. */
static int way_cost(const struct zone *zone)
{
    static const int costs[HEALTH_COUNT] = {
        [HEALTH_UP] = 0, [HEALTH_UNKNOWN] = 1, [HEALTH_SUSPECT] = 2, [HEALTH_PROBING] = 3, [HEALTH_DOWN] = 4};
    if (zone->row.state == ZONE_ADMIN_DISABLED || !zone->row.joined)
        return HEALTH_COUNT;
    return costs[health_overall(zone->health)];
}

struct choice {
    const struct zones_view *view;
    const struct link_caller *from;
    struct candidate *candidates;
    size_t count;
};

static bool came_from(const struct choice *choice, const struct zone *zone)
{
    return choice->from && choice->from->id == zone->row.id;
}

/* One candidate per zone that is meant; a better way takes the place of a worse one. */
static void offer(struct choice *choice, const struct directory_row *row)
{
    const struct zone *zone = row->next_hop ? view_child(choice->view, row->next_hop) : NULL;
    if (!zone || came_from(choice, zone))
        return;
    for (size_t i = 0; i < choice->count; i++) {
        struct candidate *known = &choice->candidates[i];
        if (!known->row || !uuid_equal(&known->row->zone, &row->zone))
            continue;
        if (way_cost(zone) < way_cost(known->zone))
            *known = (struct candidate){zone, row};
        return;
    }
    choice->candidates[choice->count++] = (struct candidate){zone, row};
}

static bool has_candidate(const struct choice *choice, const struct zone *zone)
{
    for (size_t i = 0; i < choice->count; i++) {
        if (choice->candidates[i].zone == zone)
            return true;
    }
    return false;
}

/* Children with untagged ids anywhere below may own any id. */
static void offer_untagged(struct choice *choice)
{
    const struct directory *directory = &choice->view->directory;
    for (size_t i = 0; i < directory->count; i++) {
        const struct directory_row *row = &directory->rows[i];
        const struct zone *zone = row->untagged && row->next_hop ? view_child(choice->view, row->next_hop) : NULL;
        if (zone && !came_from(choice, zone) && !has_candidate(choice, zone))
            choice->candidates[choice->count++] = (struct candidate){zone, NULL};
    }
}

/* Only what began here or below, only reads, and never back. */
static const struct zone *parent_to_ask(const struct zones_view *view, const struct link_caller *from, bool for_read)
{
    const struct zone *best = NULL;
    if (!for_read || (from && from->direction == LINK_DOWN))
        return NULL;
    for (size_t i = 0; i < view->parent_count; i++) {
        const struct zone *parent = &view->parents[i];
        if (parent->row.state != ZONE_ADMIN_DISABLED && (!best || way_cost(parent) < way_cost(best)))
            best = parent;
    }
    return best;
}

struct location zones_locate(const struct zones *zones, const struct zones_view *view, const struct uuid *id,
                             const struct link_caller *from, bool for_read, struct arena *arena)
{
    const uint32_t tag = uuid_tag(id);
    const bool own = tag == zone_tag(&zones_options(zones)->keys->zone);
    struct choice choice = {.view = view, .from = from};
    size_t count = 0;
    const struct directory_row *rows = directory_find_tag(&view->directory, tag, &count);
    choice.candidates = arena_alloc(arena, (count + view->child_count + 1) * sizeof(*choice.candidates));
    for (size_t i = 0; i < count; i++)
        offer(&choice, &rows[i]);
    const bool tagged = choice.count > 0;
    offer_untagged(&choice);
    struct location location = {.candidates = choice.candidates, .count = choice.count};
    if (own) {
        location.place = PLACE_OWN;
        return location;
    }
    if (tagged) {
        location.place = PLACE_CHILD;
        return location;
    }
    location.parent = count ? NULL : parent_to_ask(view, from, for_read);
    if (location.count)
        location.place = PLACE_UNKNOWN_TAG;
    else
        location.place = location.parent ? PLACE_PARENT : PLACE_NOWHERE;
    return location;
}

enum resolved resolve_answer(enum zone_kind_of_answer kind, int status)
{
    static const struct {
        int status;
        enum resolved resolved;
    } by_status[] = {{403, RESOLVED_REFUSED},
                     {404, RESOLVED_NOT_HERE},
                     {502, RESOLVED_UNKNOWN},
                     {503, RESOLVED_UNKNOWN},
                     {504, RESOLVED_UNKNOWN}};
    if (kind == ZONE_LOOP)
        return RESOLVED_NOT_HERE; /* neutral: whoever stands at the loop's beginning is asked by another way */
    if (kind != ZONE_ANSWERED)
        return RESOLVED_UNKNOWN;
    for (size_t i = 0; i < ARRAY_LEN(by_status); i++) {
        if (by_status[i].status == status)
            return by_status[i].resolved;
    }
    return RESOLVED_FOUND;
}

enum resolved resolve_reduce(enum resolved a, enum resolved b)
{
    static const enum resolved table[RESOLVED_COUNT][RESOLVED_COUNT] = {
        /*                      NOT_HERE            REFUSED            UNKNOWN           FOUND */
        [RESOLVED_NOT_HERE] = {RESOLVED_NOT_HERE, RESOLVED_REFUSED, RESOLVED_UNKNOWN, RESOLVED_FOUND},
        [RESOLVED_REFUSED] = {RESOLVED_REFUSED, RESOLVED_REFUSED, RESOLVED_UNKNOWN, RESOLVED_FOUND},
        [RESOLVED_UNKNOWN] = {RESOLVED_UNKNOWN, RESOLVED_UNKNOWN, RESOLVED_UNKNOWN, RESOLVED_FOUND},
        [RESOLVED_FOUND] = {RESOLVED_FOUND, RESOLVED_FOUND, RESOLVED_FOUND, RESOLVED_FOUND},
    };
    return table[a][b];
}

/* The tag that stands for a path: the zone's, or that of the nearest known zone above it. "000000" when not even the child is
 * known. */
static const char *tag_of_path(const struct zones_view *view, const char *path, struct arena *arena)
{
    char *at = arena_strdup(arena, path);
    const struct directory_row *row = directory_find_path(&view->directory, at);
    for (char *slash = strrchr(at, '/'); !row && slash; slash = strrchr(at, '/')) {
        *slash = '\0';
        row = directory_find_path(&view->directory, at);
    }
    const struct zone *child = row ? NULL : view_child_by_name(view, at);
    return arena_printf(arena, "%06x", row ? row->tag : child ? child->tag : 0);
}

const char *zones_missing_header(const struct zones_view *view, const struct zones_missing *list, bool names, struct arena *arena)
{
    if (names)
        return missing_format(arena, list);
    struct zones_missing tags = {0};
    for (size_t i = 0; i < list->count; i++)
        missing_add(arena, &tags, tag_of_path(view, list->items[i].path, arena), list->items[i].reason);
    return missing_format(arena, &tags);
}
