/* Reading Accept (RFC 9110 section 12.5.1) for two questions: is JSON welcome, and in which form is an error told. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "gateway/api/placement/inside.h"

#define BLANKS " \t"

struct range {
    const char *text; /* "type/subtype" */
    size_t length;
    bool has_parameters; /* others than q: then it does not mean the plain type */
    double quality;
};

static size_t trimmed(const char *text, size_t length)
{
    while (length && strchr(BLANKS, text[length - 1]))
        length--;
    return length;
}

static void read_parameter(const char *text, size_t length, struct range *range)
{
    const size_t blanks = strspn(text, BLANKS);
    if (blanks >= length)
        return;
    if (strncasecmp(text + blanks, "q=", 2) == 0)
        range->quality = strtod(text + blanks + 2, NULL);
    else
        range->has_parameters = true;
}

static struct range read_range(const char *text, size_t length)
{
    const size_t blanks = strspn(text, BLANKS);
    struct range range = {.quality = 1};
    if (blanks >= length)
        return range;
    text += blanks;
    length -= blanks;
    size_t at = strcspn(text, ";");
    at = at < length ? at : length;
    range.text = text;
    range.length = trimmed(text, at);
    while (at < length) {
        const char *parameter = text + at + 1;
        const size_t rest = length - at - 1;
        const size_t size = strcspn(parameter, ";");
        read_parameter(parameter, size < rest ? size : rest, &range);
        at += 1 + (size < rest ? size : rest);
    }
    return range;
}

/* 3: the type itself, 2: its family, 1: anything, 0: another. */
static int specificity(const struct range *range, const char *type)
{
    const size_t family = strcspn(type, "/") + 1;
    if (range->has_parameters || !range->text)
        return 0;
    if (range->length == strlen(type) && strncasecmp(range->text, type, range->length) == 0)
        return 3;
    if (range->length == family + 1 && strncasecmp(range->text, type, family) == 0 && range->text[family] == '*')
        return 2;
    return range->length == 3 && strncmp(range->text, "*/*", 3) == 0;
}

/* What the most specific range says; 0 when none names the type. */
static double quality_of(const char *accept, const char *type)
{
    int best = 0;
    double quality = 0;
    while (*accept) {
        const size_t length = strcspn(accept, ",");
        const struct range range = read_range(accept, length);
        const int fits = specificity(&range, type);
        if (fits > best) {
            best = fits;
            quality = range.quality;
        }
        accept += length + (accept[length] == ',');
    }
    return quality;
}

/* An absent header, and one that is none (no slash in it), allow all. */
static bool says_nothing(const char *accept)
{
    return !accept || !strchr(accept, '/');
}

bool placement_accepts_json(const char *accept)
{
    return says_nothing(accept) || quality_of(accept, "application/json") > 0;
}

const char *placement_error_type(const char *accept)
{
    if (says_nothing(accept) || strcmp(accept, "*/*") == 0)
        return "application/json";
    const double html = quality_of(accept, "text/html");
    const double json = quality_of(accept, "application/json");
    if (html > 0 && html >= json)
        return "text/html";
    return json > 0 ? "application/json" : "text/plain";
}
