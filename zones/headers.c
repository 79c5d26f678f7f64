/* Which headers cross a link; see headers.h. */
#include "zones/headers.h"

#include <string.h>
#include <strings.h>

#include "gateway/base/err.h"
#include "gateway/base/text.h"
#include "gateway/base/trace.h"

/* Secrets of this zone's users, hop-by-hop (RFC 9110 section 7.6.1), and what every hop says for itself. */
static const char *const never[] = {
    "Authorization",
    "Connection",
    "Content-Length",
    "Cookie",
    "Expect",
    "Host",
    "Idempotency-Key",
    "Keep-Alive",
    "Proxy-Authenticate",
    "Proxy-Authorization",
    "Proxy-Connection",
    "Set-Cookie",
    "TE",
    "Trailer",
    "Transfer-Encoding",
    "Upgrade",
    "X-Auth-Token",
    "X-Service-Token",
    "X-Subject-Token",
};

/* Only for requests: the user's words about its own connection, and about what every hop makes anew. */
static const char *const never_asked[] = {"Accept-Encoding", "Forwarded", TRACE_HEADER, "X-Auth-Key", "X-Auth-User"};

/* Only for answers: this zone has its own. */
static const char *const never_answered[] = {"Date", "Server", "WWW-Authenticate"};

void headers_add(struct arena *arena, struct link_headers *headers, const char *name, const char *value)
{
    if (headers->count == headers->capacity) {
        const size_t capacity = headers->capacity ? 2 * headers->capacity : 16;
        struct link_header *items = arena_alloc(arena, capacity * sizeof(*items));
        if (headers->count)
            memcpy(items, headers->items, headers->count * sizeof(*items));
        headers->items = items;
        headers->capacity = capacity;
    }
    headers->items[headers->count++] = (struct link_header){name, value};
}

const char *headers_get(const struct link_headers *headers, const char *name)
{
    for (size_t i = 0; i < headers->count; i++) {
        if (str_equal_nocase(headers->items[i].name, name))
            return headers->items[i].value;
    }
    return NULL;
}

static bool is_in(const char *name, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (str_equal_nocase(name, list[i]))
            return true;
    }
    return false;
}

static bool starts_nocase(const char *name, const char *prefix)
{
    return strncasecmp(name, prefix, strlen(prefix)) == 0;
}

/* Is `name` one of the comma-separated words of a Connection header? */
static bool word_is_in(const char *name, const char *words)
{
    const size_t length = strlen(name);
    for (const char *word = words; *word;) {
        word += strspn(word, " \t,");
        const size_t size = strcspn(word, " \t,");
        if (size == length && size > 0 && strncasecmp(word, name, size) == 0)
            return true;
        word += size;
    }
    return false;
}

static bool is_for_this_hop(const struct link_headers *headers, const char *name)
{
    for (size_t i = 0; i < headers->count; i++) {
        if (str_equal_nocase(headers->items[i].name, "Connection") && word_is_in(name, headers->items[i].value))
            return true;
    }
    return false;
}

/* A line end in a value would make it two headers. */
static bool is_one_line(const struct link_header *header)
{
    return header->name[0] && !strpbrk(header->name, "\r\n:") && !strpbrk(header->value, "\r\n");
}

static bool may_cross(const struct link_headers *in, const struct link_header *header)
{
    return is_one_line(header) && !is_in(header->name, never, ARRAY_LEN(never)) && !is_for_this_hop(in, header->name);
}

void link_copy_headers(struct arena *arena, const struct link_headers *in, struct link_headers *out)
{
    for (size_t i = 0; i < in->count; i++) {
        const struct link_header *header = &in->items[i];
        if (may_cross(in, header) && !is_in(header->name, never_asked, ARRAY_LEN(never_asked)) &&
            !starts_nocase(header->name, "X-Zone-") && !starts_nocase(header->name, "X-Forwarded-"))
            headers_add(arena, out, header->name, header->value);
    }
}

void link_copy_answer_headers(struct arena *arena, const struct link_headers *in, struct link_headers *out)
{
    for (size_t i = 0; i < in->count; i++) {
        const struct link_header *header = &in->items[i];
        if (may_cross(in, header) && !is_in(header->name, never_answered, ARRAY_LEN(never_answered)) &&
            !starts_nocase(header->name, "X-Zone-"))
            headers_add(arena, out, header->name, header->value);
    }
}
