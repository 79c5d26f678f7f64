/* A child's directory comes in, by poll or by push: checked, stored, published (spec link.md section 6). */
#include "gateway/base/log.h"
#include "gateway/base/text.h"
#include "schema/zone_directory.h"
#include "zones/inside.h"

/* A loop found: the child is taken out, and everybody can read why. */
static enum err disable_loop(struct zones *zones, struct db *db, const struct zone *child, const char *path)
{
    log_warn("zone.loop", "child=%s path=%s", child->row.name, path);
    TRY(zone_row_set_state(db, child->row.id, ZONE_ADMIN_DISABLED, "loop"));
    TRY(zones_reload(zones, db));
    return fail(E_LOOP, "Zone %s has this zone below itself, as %s: the link is disabled.", child->row.name, path);
}

enum err directory_accept(struct zones *zones, struct db *db, struct arena *arena, const struct zone *child, const json_t *value)
{
    const struct directory_row *rows = NULL;
    size_t count = 0;
    TRY(directory_read(arena, value, &rows, &count));
    struct zone_directory_row *stored = arena_alloc(arena, (count + 1) * sizeof(*stored));
    for (size_t i = 0; i < count; i++) {
        if (uuid_equal(&rows[i].zone, &zones->options.keys->zone))
            return disable_loop(zones, db, child, rows[i].path);
        if (str_equal(rows[i].path, ".") && !uuid_equal(&rows[i].zone, &child->row.uuid))
            return fail(E_INVALID, "The directory of zone %s is that of another zone.", child->row.name);
        stored[i] = (struct zone_directory_row){child->row.id, rows[i].zone, rows[i].path, rows[i].state, rows[i].untagged};
    }
    const enum err result = zone_directory_replace(db, child->row.id, stored, count);
    return result == E_CONFLICT ? fail(E_INVALID, "The directory of zone %s names a path twice.", child->row.name) : result;
}

enum err zones_accept_directory(struct zones *zones, struct db *db, struct arena *arena, const struct link_caller *link,
                                const json_t *body)
{
    const struct zone *child = link ? view_child(zones_view(zones, arena), link->id) : NULL;
    const json_t *directory = json_object_get(body, "directory");
    if (!child || link->direction != LINK_UP)
        return fail(E_FORBIDDEN, "A directory comes from a child zone only.");
    TRY(directory_accept(zones, db, arena, child, directory ? directory : body));
    atomic_store(&child->health->pushed_ms, clock_mono_ms());
    TRY(zones_reload(zones, db));
    poller_wake(zones); /* the parents learn it at once */
    return OK;
}
