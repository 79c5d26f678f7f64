/* See zone_in.h. */
#include "gateway/api/zone_in.h"

#include <string.h>

static const struct zone *find_child(const struct zones_view *view, const char *name, size_t length)
{
    for (size_t i = 0; i < view->child_count; i++) {
        const char *known = view->children[i].row.name;
        if (strlen(known) == length && memcmp(known, name, length) == 0)
            return &view->children[i];
    }
    return NULL;
}

enum err zone_in_read(const struct request *request, const struct zones_view *view, struct zone_in *out)
{
    const char *path = request_query(request, "zone.in");
    *out = (struct zone_in){.rest = ""};
    if (!path || strcmp(path, ".") == 0 || *path == '\0')
        return OK;
    out->whole_tree = strcmp(path, "/") == 0;
    if (out->whole_tree)
        return OK;
    const size_t length = strcspn(path, "/");
    out->child = find_child(view, path, length);
    out->rest = path[length] ? path + length + 1 : "";
    return out->child ? OK : fail(E_NOT_FOUND, "Zone %.*s could not be found.", (int)length, path);
}
