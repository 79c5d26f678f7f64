/*
 * The formats, as a table. Each check is a pure function of a text that is valid UTF-8.
 * Where Nova takes a uuid in braces or as a URN, we do not: what is let through here must be readable everywhere behind.
 */
#include "schema/json/formats.h"

#include <arpa/inet.h>
#include <assert.h>
#include <string.h>

#include "gateway/base/clock.h"
#include "gateway/base/err.h"
#include "gateway/base/id.h"
#include "gateway/base/text.h"
#include "schema/json/json.h"
#include "schema/json/patterns.h"
#include "schema/json/unicode.h"

#define ALNUM "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

/* What a name's characters are, gathered in one pass. */
struct characters {
    bool all_printable;
    bool has_colon;
    bool has_ink; /* something that is not blank */
    bool blank_first;
    bool blank_last;
};

static struct characters look_at(const char *text)
{
    struct characters seen = {.all_printable = true};
    const char *next = text;
    for (uint32_t code = utf8_next(&next); code; code = utf8_next(&next)) {
        const bool blank = unicode_is_blank(code);
        if (!seen.has_ink && blank)
            seen.blank_first = true;
        seen.all_printable = seen.all_printable && unicode_is_printable(code);
        seen.has_colon = seen.has_colon || code == ':';
        seen.has_ink = seen.has_ink || !blank;
        seen.blank_last = blank;
    }
    return seen;
}

static bool is_printable(const char *text)
{
    return look_at(text).all_printable;
}

/* The empty text passes: minLength is to complain about it. */
static bool is_name(const char *text)
{
    const struct characters seen = look_at(text);
    return seen.all_printable && !seen.blank_first && !seen.blank_last;
}

static bool is_az_name(const char *text)
{
    return is_name(text) && !look_at(text).has_colon;
}

static bool is_spaced_name(const char *text)
{
    const struct characters seen = look_at(text);
    return seen.all_printable && seen.has_ink;
}

static bool is_spaced_az_name(const char *text)
{
    return is_spaced_name(text) && !look_at(text).has_colon;
}

static bool is_keypair_name(const char *text)
{
    return text[strspn(text, "_- " ALNUM)] == '\0';
}

static bool is_keypair_name_292(const char *text)
{
    return text[strspn(text, "@._- " ALNUM)] == '\0';
}

static bool is_uuid(const char *text)
{
    struct uuid uuid;
    return uuid_from_text(text, &uuid) == OK;
}

static bool is_ipv4(const char *text)
{
    struct in_addr address;
    return inet_pton(AF_INET, text, &address) == 1;
}

static bool is_ipv6(const char *text)
{
    struct in6_addr address;
    return inet_pton(AF_INET6, text, &address) == 1;
}

static bool is_ip(const char *text)
{
    return is_ipv4(text) || is_ipv6(text);
}

static bool is_cidr(const char *text)
{
    char address[INET6_ADDRSTRLEN];
    const char *slash = strchr(text, '/');
    const size_t length = slash ? (size_t)(slash - text) : sizeof(address);
    int64_t prefix = 0;
    if (length >= sizeof(address) || !str_to_int(slash + 1, &prefix) || prefix < 0)
        return false;
    memcpy(address, text, length);
    address[length] = '\0';
    return (is_ipv4(address) && prefix <= 32) || (is_ipv6(address) && prefix <= 128);
}

static bool is_date_time(const char *text)
{
    int64_t us;
    return time_parse_iso(text, &us) == OK;
}

static bool is_base64(const char *text)
{
    size_t length;
    return json_base64_decode(text, strlen(text), NULL, &length) == OK;
}

static bool is_regex(const char *text)
{
    return *text && pattern_is_valid(text);
}

/* Scheme and host must be there, and only the characters of RFC 3986. */
static bool is_uri(const char *text)
{
    const char *colon = strstr(text, "://");
    const size_t scheme = colon ? (size_t)(colon - text) : 0;
    if (!scheme || strspn(text, ALNUM "+-.") != scheme || strchr("0123456789+-.", text[0]))
        return false;
    const size_t host = strcspn(colon + 3, "/?#");
    return host && colon[3] != ':' && text[strspn(text, ALNUM "-._~:/?#[]@!$&'()*+,;=%")] == '\0';
}

static bool is_host_name(const char *text)
{
    return *text && strlen(text) <= 255 && text[strspn(text, ALNUM "-._")] == '\0';
}

static const struct {
    const char *name;
    bool (*matches)(const char *text);
    const char *reason;
} formats[] = {
    {"az_name", is_az_name, "printable characters except :.Can not start or end with whitespace."},
    {"az_name_with_leading_trailing_spaces", is_spaced_az_name,
     "printable characters except :, with at least one non space character"},
    {"base64", is_base64, NULL},
    {"cidr", is_cidr, NULL},
    {"date-time", is_date_time, NULL},
    {"hostname", is_host_name, NULL},
    {"ip", is_ip, NULL},
    {"ipv4", is_ipv4, NULL},
    {"ipv6", is_ipv6, NULL},
    {"keypair_name_20", is_keypair_name, "Only expected characters: [_- " ALNUM "]"},
    {"keypair_name_292", is_keypair_name_292, "Only expected characters: [@._- " ALNUM "]"},
    {"name", is_name, "printable characters. Can not start or end with whitespace."},
    {"name_with_leading_trailing_spaces", is_spaced_name, "printable characters with at least one non space character"},
    {"printable text", is_printable, NULL},
    {"regex", is_regex, NULL},
    {"uri", is_uri, NULL},
    {"uuid", is_uuid, NULL},
};

bool format_is_known(const char *format)
{
    for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
        if (str_equal(formats[i].name, format))
            return true;
    }
    return false;
}

bool format_matches(const char *format, const char *text, const char **out_reason)
{
    for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
        if (!str_equal(formats[i].name, format))
            continue;
        if (formats[i].matches(text))
            return true;
        if (formats[i].reason)
            *out_reason = formats[i].reason;
        return false;
    }
    assert(!"unknown format");
    return false;
}
