/* See nova_caps.h. */
#include "zones/nova_caps.h"

#include <string.h>

#include "gateway/base/err.h"
#include "gateway/base/text.h"

#define SERVERS "/compute/v2.1/servers"
#define SERVER  SERVERS "/{id}"

/* The first row that fits counts. */
static const struct nova_operation operations[] = {
    {"list", NOVA_USE_LIST, "GET", SERVERS, true, false, 1},
    {"list", NOVA_USE_LIST, "GET", SERVERS "/detail", true, false, 1},
    {"show", NOVA_USE_SERVER, "GET", SERVER, true, false, 1},
    {"update", NOVA_USE_SERVER, "PUT", SERVER, true, true, 1},
    {"delete", NOVA_USE_SERVER, "DELETE", SERVER, true, true, 1},
    {"console-log", NOVA_USE_SERVER, "POST", SERVER "/action", true, false, 1}, /* see is_console_log */
    {"action", NOVA_USE_SERVER, "POST", SERVER "/action", true, true, 1},
    {"metadata-read", NOVA_USE_SERVER, "GET", SERVER "/metadata", false, false, 1},
    {"metadata-write", NOVA_USE_SERVER, NULL, SERVER "/metadata", false, true, 1},
    {"tags-read", NOVA_USE_SERVER, "GET", SERVER "/tags", false, false, 26},
    {"tags-write", NOVA_USE_SERVER, NULL, SERVER "/tags", false, true, 26},
    {"read", NOVA_USE_SERVER, "GET", SERVER "/", false, false, 1},
    {"write", NOVA_USE_SERVER, NULL, SERVER "/", false, true, 1},
    {NULL, NOVA_USE_PROBE, "GET", "/compute/v2.1/os-zones/probe", true, false, 1},
    {NULL, NOVA_USE_TREE, "GET", "/compute/v2.1/os-zones/tree", true, false, 1},
    {NULL, NOVA_USE_FIND, "GET", "/compute/v2.1/os-zones/find", true, false, 1},
    {NULL, NOVA_USE_ACCEPTS, "POST", "/compute/v2.1/os-zones/revocations", true, false, 1},
    {NULL, NOVA_USE_LIMITS, "GET", NOVA_LIMITS, true, false, 1},
};

static const struct nova_operation nothing = {.use = NOVA_USE_NOTHING};

/* "/servers/detail" is no server. */
static bool segment_is_id(const char *segment, size_t length)
{
    return length > 0 && !(length == 6 && strncmp(segment, "detail", length) == 0);
}

/* The rest of the target behind the pattern; NULL: it does not fit. */
static const char *match(const char *pattern, const char *target)
{
    size_t at = 0;
    for (const char *want = pattern; *want;) {
        if (str_starts(want, "{id}")) {
            const size_t length = strcspn(target + at, "/?");
            if (!segment_is_id(target + at, length))
                return NULL;
            want += 4;
            at += length;
        } else if (*want == target[at]) {
            want++;
            at++;
        } else {
            return NULL;
        }
    }
    return target + at;
}

/* {"os-getConsoleOutput": …}: the one action that changes nothing. */
static bool is_console_log(const char *body, size_t length)
{
    static const char name[] = "\"os-getConsoleOutput\"";
    size_t at = 0;
    while (at < length && (body[at] == '{' || body[at] == ' ' || body[at] == '\n' || body[at] == '\t' || body[at] == '\r'))
        at++;
    return length - at > sizeof(name) && memcmp(body + at, name, sizeof(name) - 1) == 0;
}

static bool fits(const struct nova_operation *operation, const char *method, const char *target)
{
    if (operation->method && strcmp(operation->method, method) != 0)
        return false;
    const char *rest = match(operation->path, target);
    if (!rest)
        return false;
    if (operation->whole || operation->path[strlen(operation->path) - 1] == '/')
        return !operation->whole || *rest == '\0' || *rest == '?';
    return *rest == '\0' || *rest == '?' || *rest == '/';
}

const struct nova_operation *nova_operation_find(const char *method, const char *target, const void *body, size_t body_length)
{
    for (size_t i = 0; i < ARRAY_LEN(operations); i++) {
        const struct nova_operation *operation = &operations[i];
        if (!fits(operation, method, target))
            continue;
        if (str_equal(operation->name, "console-log") && !(body && is_console_log(body, body_length)))
            continue;
        return operation;
    }
    return &nothing;
}

const char *nova_server_id(struct arena *arena, const char *target)
{
    const char *id = target + sizeof(SERVERS);
    const size_t length = str_starts(target, SERVERS "/") ? strcspn(id, "/?") : 0;
    return segment_is_id(id, length) ? arena_strndup(arena, id, length) : NULL;
}

const struct nova_operation *nova_operation_at(size_t index)
{
    return index < ARRAY_LEN(operations) && operations[index].name ? &operations[index] : NULL;
}
