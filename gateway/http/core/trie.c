/* See trie.h. */
#include "gateway/http/core/trie.h"

#include <limits.h>
#include <string.h>

const char *const method_names[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", NULL};

unsigned method_bit(const char *method)
{
    for (unsigned i = 0; method_names[i]; i++)
        if (strcmp(method_names[i], method) == 0)
            return 1U << i;
    return 0;
}

enum err url_split(const char *path, struct url *out)
{
    out->count = 0;
    while (*path == '/' && path[1] != '\0') {
        const size_t length = strcspn(path + 1, "/");
        if (out->count == URL_MAX_SEGMENTS)
            return fail(E_NOT_FOUND, "The resource could not be found.");
        out->segments[out->count++] = (struct segment){path + 1, length};
        path += 1 + length;
    }
    return OK;
}

static int segment_compare(struct segment a, struct segment b)
{
    if (a.length != b.length)
        return a.length < b.length ? -1 : 1;
    return memcmp(a.text, b.text, a.length);
}

/* Index of the first child that is not below `name`. */
static size_t lower_bound(const struct trie_node *node, struct segment name)
{
    size_t low = 0;
    size_t high = node->child_count;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (segment_compare(node->children[middle]->name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct trie_node *find_child(const struct trie_node *node, struct segment name)
{
    const size_t at = lower_bound(node, name);
    if (at < node->child_count && segment_compare(node->children[at]->name, name) == 0)
        return node->children[at];
    return NULL;
}

static struct trie_node *add_child(struct arena *arena, struct trie_node *node, struct segment name)
{
    const size_t at = lower_bound(node, name);
    struct trie_node **children = arena_alloc(arena, (node->child_count + 1) * sizeof(struct trie_node *));
    for (size_t i = 0; i < node->child_count; i++)
        children[i < at ? i : i + 1] = node->children[i];
    children[at] = arena_alloc(arena, sizeof(**children));
    children[at]->name = name;
    node->children = children;
    node->child_count++;
    return children[at];
}

static bool is_capture(struct segment segment)
{
    return segment.length > 2 && segment.text[0] == '{' && segment.text[segment.length - 1] == '}';
}

static bool is_rest(struct segment segment)
{
    return segment.length > 5 && is_capture(segment) && memcmp(segment.text + segment.length - 4, "...}", 4) == 0;
}

static struct trie_node *descend(struct arena *arena, struct trie_node *node, struct segment segment)
{
    if (!is_capture(segment)) {
        struct trie_node *child = find_child(node, segment);
        return child ? child : add_child(arena, node, segment);
    }
    if (!node->capture)
        node->capture = arena_alloc(arena, sizeof(*node->capture));
    return node->capture;
}

static bool ranges_meet(const struct route *a, const struct route *b)
{
    const int a_max = a->max ? a->max : INT_MAX;
    const int b_max = b->max ? b->max : INT_MAX;
    return a->min <= b_max && b->min <= a_max;
}

static enum err add_row(struct arena *arena, struct trie_rows *rows, const struct route *route)
{
    for (size_t i = 0; i < rows->count; i++)
        if (strcmp(rows->items[i]->method, route->method) == 0 && ranges_meet(rows->items[i], route))
            return fail(E_INTERNAL, "two rows for %s %s (%s) in one version", route->method, route->path, rows->items[i]->path);
    const struct route **items = arena_alloc(arena, (rows->count + 1) * sizeof(struct route *));
    for (size_t i = 0; i < rows->count; i++)
        items[i] = rows->items[i];
    items[rows->count++] = route;
    rows->items = items;
    return OK;
}

enum err trie_add(struct arena *arena, struct trie_node *root, const struct route *route)
{
    struct url url;
    if (!method_bit(route->method))
        return fail(E_INTERNAL, "%s %s: not a method the routes know", route->method, route->path);
    if (route->path[0] != '\0' && route->path[0] != '/')
        return fail(E_INTERNAL, "%s %s: a path begins with a slash", route->method, route->path);
    TRY(url_split(route->path, &url));
    struct trie_node *node = root;
    for (size_t i = 0; i < url.count; i++) {
        if (is_rest(url.segments[i]) && i + 1 == url.count)
            return add_row(arena, &node->rest_rows, route);
        node = descend(arena, node, url.segments[i]);
    }
    return add_row(arena, &node->rows, route);
}

static const struct route *pick_row(const struct trie_rows *rows, struct trie_search *search)
{
    for (size_t i = 0; i < rows->count; i++) {
        const struct route *route = rows->items[i];
        search->known |= method_bit(route->method);
        if (search->version < route->min || (route->max && search->version > route->max))
            continue;
        if (strcmp(route->method, search->method) == 0)
            return route;
        search->allowed |= method_bit(route->method);
    }
    return NULL;
}

static const struct route *find_below(const struct trie_node *node, size_t depth, struct trie_search *search)
{
    const struct route *route = NULL;
    if (depth == search->url->count) {
        route = pick_row(&node->rows, search);
    } else {
        const struct segment segment = search->url->segments[depth];
        const struct trie_node *child = find_child(node, segment);
        if (child)
            route = find_below(child, depth + 1, search);
        if (!route && node->capture && segment.length)
            route = find_below(node->capture, depth + 1, search);
    }
    return route ? route : pick_row(&node->rest_rows, search);
}

const struct route *trie_find(const struct trie_node *root, struct trie_search *search)
{
    return find_below(root, 0, search);
}

void trie_captures(struct arena *arena, const struct route *route, const struct url *url, struct http_pairs *out)
{
    const char *path = route->path;
    for (size_t i = 0; *path == '/' && path[1] != '\0'; i++) {
        const struct segment pattern = {path + 1, strcspn(path + 1, "/")};
        path += 1 + pattern.length;
        if (!is_capture(pattern))
            continue;
        const bool rest = is_rest(pattern);
        const char *name = arena_strndup(arena, pattern.text + 1, pattern.length - (rest ? 5 : 2));
        const char *value = "";
        if (i < url->count)
            value = rest ? url->segments[i].text : arena_strndup(arena, url->segments[i].text, url->segments[i].length);
        pairs_add(arena, out, name, value);
    }
}
