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

/* A zone that is a child is known by its own link: no other child's word about it counts as long as the link may be used. */
static bool is_own_link(const struct zone *zone, const struct directory_row *row)
{
    return uuid_equal(&zone->row.uuid, &row->zone) && zone_is_active(zone);
}

static bool is_better(const struct zone *zone, const struct zone *known, const struct directory_row *row)
{
    if (is_own_link(zone, row) != is_own_link(known, row))
        return is_own_link(zone, row);
    return way_cost(zone) < way_cost(known);
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
        if (is_better(zone, known->zone, row))
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

/* What began here or below, and never back. Users of another authority are not known above. */
static void offer_parents(const struct zones *zones, const struct choice *choice, struct arena *arena, struct location *location)
{
    const struct zones_view *view = choice->view;
    if (!zones_options(zones)->reads_up || (choice->from && choice->from->direction == LINK_DOWN))
        return;
    const struct zone **parents = arena_alloc(arena, (view->parent_count + 1) * sizeof(const struct zone *));
    size_t count = 0;
    for (size_t i = 0; i < view->parent_count; i++) {
        size_t at = count;
        if (view->parents[i].row.state == ZONE_ADMIN_DISABLED)
            continue;
        for (; at > 0 && way_cost(&view->parents[i]) < way_cost(parents[at - 1]); at--)
            parents[at] = parents[at - 1];
        parents[at] = &view->parents[i];
        count++;
    }
    location->parents = parents;
    location->parent_count = count;
    location->parent = count ? parents[0] : NULL;
}

static const char *departed_path(const struct zones_view *view, uint32_t tag)
{
    for (size_t i = 0; i < view->departed.count; i++) {
        if (zone_tag(&view->departed.items[i].uuid) == tag)
            return view->departed.items[i].path;
    }
    return NULL;
}

static enum place place_of(const struct choice *choice, bool tagged, const struct zone *parent)
{
    if (tagged)
        return PLACE_CHILD;
    if (choice->count)
        return PLACE_UNKNOWN_TAG;
    return parent ? PLACE_PARENT : PLACE_NOWHERE;
}

static struct location locate(const struct zones *zones, struct choice *choice, uint32_t tag, bool untagged, bool up,
                              struct arena *arena)
{
    const struct zones_view *view = choice->view;
    size_t count = 0;
    const struct directory_row *rows = directory_find_tag(&view->directory, tag, &count);
    choice->candidates = arena_alloc(arena, (count + view->child_count + 1) * sizeof(*choice->candidates));
    for (size_t i = 0; i < count; i++)
        offer(choice, &rows[i]);
    const bool tagged = choice->count > 0;
    if (untagged)
        offer_untagged(choice);
    struct location location = {.place = PLACE_OWN, .candidates = choice->candidates, .count = choice->count};
    if (tag == zone_tag(&zones_options(zones)->keys->zone))
        return location;
    if (!tagged)
        location.lost = count ? rows[0].path : departed_path(view, tag);
    if (!tagged && !count && up)
        offer_parents(zones, choice, arena, &location);
    location.place = place_of(choice, tagged, location.parent);
    return location;
}

struct location zones_locate(const struct zones *zones, const struct zones_view *view, const struct uuid *id,
                             const struct link_caller *from, bool up, struct arena *arena)
{
    struct choice choice = {.view = view, .from = from};
    return locate(zones, &choice, uuid_tag(id), true, up, arena);
}

struct location zones_locate_tag(const struct zones *zones, const struct zones_view *view, uint32_t tag,
                                 const struct link_caller *from, struct arena *arena)
{
    struct choice choice = {.view = view, .from = from};
    return locate(zones, &choice, tag, false, true, arena);
}

struct location zones_locate_zone(const struct zones *zones, const struct zones_view *view, const struct uuid *zone,
                                  const struct link_caller *from, struct arena *arena)
{
    const uint32_t tag = zone_tag(zone);
    struct choice choice = {.view = view, .from = from};
    struct location location = {.place = PLACE_OWN};
    size_t count = 0;
    const struct directory_row *rows = directory_find_tag(&view->directory, tag, &count);
    if (uuid_equal(zone, &zones_options(zones)->keys->zone))
        return location;
    choice.candidates = arena_alloc(arena, (count + 1) * sizeof(*choice.candidates));
    for (size_t i = 0; i < count; i++) {
        if (uuid_equal(&rows[i].zone, zone))
            offer(&choice, &rows[i]);
    }
    location = (struct location){.candidates = choice.candidates, .count = choice.count};
    if (choice.count == 0) {
        location.lost = departed_path(view, tag);
        offer_parents(zones, &choice, arena, &location);
    }
    location.place = place_of(&choice, choice.count > 0, location.parent);
    return location;
}

const struct zone *const *zones_list_sources(const struct zones *zones, const struct zones_view *view,
                                             const struct link_caller *from, bool whole_tree, struct arena *arena,
                                             size_t *out_count)
{
    const struct zone **sources = arena_alloc(arena, (view->child_count + view->parent_count + 1) * sizeof(const struct zone *));
    const struct choice choice = {.view = view, .from = from};
    struct location above = {.place = PLACE_NOWHERE};
    size_t count = 0;
    for (size_t i = 0; i < view->child_count; i++) {
        if (!from || from->direction == LINK_DOWN || from->id != view->children[i].row.id)
            sources[count++] = &view->children[i];
    }
    if (whole_tree)
        offer_parents(zones, &choice, arena, &above);
    for (size_t i = 0; i < above.parent_count; i++)
        sources[count++] = above.parents[i];
    *out_count = count;
    return sources;
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
        return RESOLVED_NEUTRAL;
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
        /*                      NEUTRAL            NOT_HERE           REFUSED            UNKNOWN           FOUND */
        [RESOLVED_NEUTRAL] = {RESOLVED_NEUTRAL, RESOLVED_NOT_HERE, RESOLVED_REFUSED, RESOLVED_UNKNOWN, RESOLVED_FOUND},
        [RESOLVED_NOT_HERE] = {RESOLVED_NOT_HERE, RESOLVED_NOT_HERE, RESOLVED_REFUSED, RESOLVED_UNKNOWN, RESOLVED_FOUND},
        [RESOLVED_REFUSED] = {RESOLVED_REFUSED, RESOLVED_REFUSED, RESOLVED_REFUSED, RESOLVED_UNKNOWN, RESOLVED_FOUND},
        [RESOLVED_UNKNOWN] = {RESOLVED_UNKNOWN, RESOLVED_UNKNOWN, RESOLVED_UNKNOWN, RESOLVED_UNKNOWN, RESOLVED_FOUND},
        [RESOLVED_FOUND] = {RESOLVED_FOUND, RESOLVED_FOUND, RESOLVED_FOUND, RESOLVED_FOUND, RESOLVED_FOUND},
    };
    return table[a][b];
}

static uint32_t tag_of_neighbour(const struct zones_view *view, const char *name)
{
    const struct zone *child = view_child_by_name(view, name);
    for (size_t i = 0; i < view->parent_count && !child; i++) {
        if (str_equal(view->parents[i].row.name, name))
            return view->parents[i].tag;
    }
    return child ? child->tag : 0;
}

/* The tag that stands for a path: the zone's, or that of the nearest known zone before it. "000000" when not even the neighbour is
 * known. */
static const char *tag_of_path(const struct zones_view *view, const char *path, struct arena *arena)
{
    char *at = arena_strdup(arena, path);
    const struct directory_row *row = directory_find_path(&view->directory, at);
    for (char *slash = strrchr(at, '/'); !row && slash; slash = strrchr(at, '/')) {
        *slash = '\0';
        row = directory_find_path(&view->directory, at);
    }
    return arena_printf(arena, "%06x", row ? row->tag : tag_of_neighbour(view, at));
}

/* Of what follows in the path, as far as these zones are known here. */
static void add_tags(const struct zones_view *view, const char *name, const char *path, struct text *tags)
{
    CLEANUP(text_clear) struct text at = {0};
    const struct directory_row *row = NULL;
    text_add_str(&at, name);
    do {
        const size_t length = strcspn(path, "/");
        text_add_char(&at, '/');
        text_add(&at, path, length);
        path += length + (path[length] == '/');
        row = directory_find_path(&view->directory, text_str(&at));
        if (row)
            text_add_format(tags, "/%06x", row->tag);
    } while (row && *path);
}

const char *zones_path_header(const struct zones_view *view, const struct zone *hop, const char *path, bool names,
                              struct arena *arena)
{
    CLEANUP(text_clear) struct text tags = {0};
    if (!path || zone_path_check(path) != OK)
        path = ".";
    if (names)
        return zone_path_join(arena, hop->row.name, path);
    text_add_format(&tags, "%06x", hop->tag);
    if (hop->row.side == ZONE_CHILD && !str_equal(path, "."))
        add_tags(view, hop->row.name, path, &tags);
    return arena_strdup(arena, text_str(&tags));
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
