/*
 * A JSON grammar one byte at a time: what json_scan_object must say, written as plainly as can be. For the unit test and the fuzzer
 * of the scanner, which works in blocks.
 */
#pragma once

#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "gateway/base/text.h"
#include "schema/json/json.h"

struct scan {
    const char *at;
    const char *end;
    uint64_t kinds; /* bit n: bracket n is an object */
    int depth;
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
    if (scan->end - scan->at < 4)
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
        while (scan->at < scan->end && *scan->at != '"' && *scan->at != '\\' && (unsigned char)*scan->at >= 0x20)
            scan->at++;
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

static bool reference_scan(const char *bytes, size_t length)
{
    struct scan scan = {.at = bytes, .end = bytes + length};
    return length >= 2 && *bytes == '{' && scan_value(&scan) && scan.at == scan.end && str_is_utf8(bytes, length);
}
