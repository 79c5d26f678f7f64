/* A JSON grammar without recursion: one bit per open bracket. See json_scan.h. */
#include "zones/json_scan.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "gateway/base/text.h"
#include "schema/json/json.h"
#include "zones/json_run.h"

_Static_assert(JSON_MAX_DEPTH <= 64, "brackets are kept as bits");

/*
 * Digits of \uXXXX that must be there before they are read. ZONEGATE_SEEDED_BUG makes it one too few, so that an escape at the very
 * end of a child's bytes is read over it: the fuzzers are proved to find such a thing (tests/fuzz/run.sh --seeded-bug). It is the
 * only place that knows the switch, and a program without AddressSanitizer cannot be built with it.
 */
#ifndef ZONEGATE_SEEDED_BUG
#define UNIT_DIGITS 4
#elif defined(__SANITIZE_ADDRESS__)
#define UNIT_DIGITS 3
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define UNIT_DIGITS 3
#endif
#endif
#ifndef UNIT_DIGITS
#error "ZONEGATE_SEEDED_BUG is for fuzzers only: it needs -fsanitize=address"
#endif

struct scan {
    const char *at;
    const char *end;
    uint64_t kinds; /* bit n: bracket n is an object */
    int depth;
    uint64_t high; /* not 0: a string may have bytes beyond ASCII */
};

static void skip_blanks(struct scan *scan)
{
    while (scan->at < scan->end && (*scan->at == ' ' || *scan->at == '\t' || *scan->at == '\n' || *scan->at == '\r'))
        scan->at++;
}

static bool take(struct scan *scan, char c)
{
    if (scan->at == scan->end || *scan->at != c)
        return false;
    scan->at++;
    return true;
}

static bool take_digits(struct scan *scan)
{
    const char *start = scan->at;
    while (scan->at < scan->end && isdigit((unsigned char)*scan->at))
        scan->at++;
    return scan->at > start;
}

static bool scan_number(struct scan *scan)
{
    (void)take(scan, '-');
    if (!take(scan, '0') && !take_digits(scan))
        return false;
    if (take(scan, '.') && !take_digits(scan))
        return false;
    if (take(scan, 'e') || take(scan, 'E')) {
        if (!take(scan, '+'))
            (void)take(scan, '-');
        return take_digits(scan);
    }
    return true;
}

/* Four hex digits behind \u. */
static bool take_unit(struct scan *scan, unsigned *out)
{
    if (scan->end - scan->at < UNIT_DIGITS)
        return false;
    *out = 0;
    for (int i = 0; i < 4; i++) {
        const unsigned char c = (unsigned char)*scan->at++;
        if (!isxdigit(c))
            return false;
        *out = *out << 4 | (unsigned)(isdigit(c) ? c - '0' : tolower(c) - 'a' + 10);
    }
    return true;
}

/* NUL and lone surrogates are refused, as jansson does. */
static bool scan_unicode(struct scan *scan)
{
    unsigned unit = 0;
    if (!take_unit(scan, &unit) || unit == 0 || (unit >= 0xdc00 && unit <= 0xdfff))
        return false;
    if (unit < 0xd800 || unit > 0xdbff)
        return true;
    return take(scan, '\\') && take(scan, 'u') && take_unit(scan, &unit) && unit >= 0xdc00 && unit <= 0xdfff;
}

static bool scan_string(struct scan *scan)
{
    if (!take(scan, '"'))
        return false;
    for (;;) {
        scan->at = json_run_end(scan->at, scan->end, &scan->high);
        if (take(scan, '"'))
            return true;
        if (!take(scan, '\\') || scan->at == scan->end)
            return false;
        const char escaped = *scan->at++;
        if (escaped == 'u' ? !scan_unicode(scan) : !strchr("\"\\/bfnrt", escaped) || !escaped)
            return false;
    }
}

static bool scan_word(struct scan *scan, const char *word)
{
    const size_t length = strlen(word);
    if ((size_t)(scan->end - scan->at) < length || memcmp(scan->at, word, length) != 0)
        return false;
    scan->at += length;
    return true;
}

static bool scan_leaf(struct scan *scan)
{
    switch (*scan->at) {
    case '"':
        return scan_string(scan);
    case 't':
        return scan_word(scan, "true");
    case 'f':
        return scan_word(scan, "false");
    case 'n':
        return scan_word(scan, "null");
    default:
        return scan_number(scan);
    }
}

static bool in_object(const struct scan *scan)
{
    return scan->kinds >> (scan->depth - 1) & 1;
}

/* `"name":` */
static bool scan_name(struct scan *scan)
{
    skip_blanks(scan);
    if (!scan_string(scan))
        return false;
    skip_blanks(scan);
    if (!take(scan, ':'))
        return false;
    skip_blanks(scan);
    return true;
}

/* At '{' or '['. */
static bool open_bracket(struct scan *scan)
{
    if (scan->depth == JSON_MAX_DEPTH)
        return false;
    const uint64_t bit = (uint64_t)1 << scan->depth;
    scan->kinds = *scan->at++ == '{' ? scan->kinds | bit : scan->kinds & ~bit;
    scan->depth++;
    return true;
}

static bool close_bracket(struct scan *scan)
{
    if (!take(scan, in_object(scan) ? '}' : ']'))
        return false;
    scan->depth--;
    return true;
}

/* Behind a value: closes brackets until a comma, behind which the next value begins; or until all are closed. */
static bool scan_behind(struct scan *scan)
{
    while (scan->depth > 0) {
        skip_blanks(scan);
        if (take(scan, ',')) {
            if (in_object(scan))
                return scan_name(scan);
            skip_blanks(scan);
            return true;
        }
        if (!close_bracket(scan))
            return false;
    }
    return true;
}

/* One value, at whose first byte `scan` stands; the brackets it opens are closed again. */
static bool scan_value(struct scan *scan)
{
    do {
        if (scan->at == scan->end)
            return false;
        if (*scan->at != '{' && *scan->at != '[') {
            if (!scan_leaf(scan) || !scan_behind(scan))
                return false;
            continue;
        }
        if (!open_bracket(scan))
            return false;
        skip_blanks(scan);
        if (close_bracket(scan)) {
            if (!scan_behind(scan))
                return false;
        } else if (in_object(scan) && !scan_name(scan)) {
            return false;
        }
    } while (scan->depth > 0);
    return true;
}

bool json_scan_object(const char *bytes, size_t length)
{
    struct scan scan = {.at = bytes, .end = bytes + length};
    return length >= 2 && *bytes == '{' && scan_value(&scan) && scan.at == scan.end &&
           (scan.high == 0 || str_is_utf8(bytes, length));
}

bool json_scan_string(const char *bytes, size_t length, const char *name, const char **out, size_t *out_length)
{
    struct scan scan = {.at = bytes + 1, .end = bytes + length};
    const size_t name_length = strlen(name);
    while (scan.at < scan.end) {
        skip_blanks(&scan);
        const char *key = scan.at + 1;
        if (!scan_name(&scan))
            return false;
        const bool wanted = (size_t)(scan.at - key) > name_length && memcmp(key, name, name_length) == 0 && key[name_length] == '"';
        const char *value = scan.at;
        if (!scan_value(&scan))
            return false;
        if (wanted && (*value != '"' || memchr(value, '\\', (size_t)(scan.at - value))))
            return false;
        if (wanted) {
            *out = value + 1;
            *out_length = (size_t)(scan.at - value) - 2;
            return true;
        }
        skip_blanks(&scan);
        if (!take(&scan, ','))
            return false;
    }
    return false;
}

static bool in_string(struct json_depth *depth, char c)
{
    if (depth->escaped)
        depth->escaped = false;
    else if (c == '\\')
        depth->escaped = true;
    else if (c == '"')
        depth->in_string = false;
    return true;
}

static bool outside_string(struct json_depth *depth, char c)
{
    depth->in_string = c == '"';
    if (c == '{' || c == '[')
        return ++depth->depth <= JSON_MAX_DEPTH;
    if ((c == '}' || c == ']') && depth->depth > 0)
        depth->depth--;
    return true;
}

bool json_depth_scan(struct json_depth *depth, const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (!(depth->in_string ? in_string(depth, bytes[i]) : outside_string(depth, bytes[i])))
            return false;
    }
    return true;
}

bool json_is_content_type(const char *type)
{
    static const char json[] = "application/json";
    const size_t length = sizeof(json) - 1;
    return type && strncasecmp(type, json, length) == 0 && (type[length] == '\0' || strchr("; \t", type[length]));
}
