/*
 * The pattern cache. Written only while the schemas are opened and closed (one thread), read by all afterwards without a lock:
 * regexec does not change what regcomp made.
 */
#include "schema/json/patterns.h"

#include <regex.h>
#include <stdlib.h>
#include <string.h>

struct pattern {
    char *text;
    regex_t regex;
};

/* Process state, made once at start: the schemas are embedded in the binary, so their patterns are as old as the process. */
static struct {
    struct pattern *items; /* sorted by text */
    size_t count;
} cache;

static int compare_patterns(const void *a, const void *b)
{
    const struct pattern *left = a;
    const struct pattern *right = b;
    return strcmp(left->text, right->text);
}

static int compare_text(const void *text, const void *item)
{
    const struct pattern *pattern = item;
    return strcmp(text, pattern->text);
}

static const struct pattern *find_pattern(const char *text)
{
    return cache.count ? bsearch(text, cache.items, cache.count, sizeof(*cache.items), compare_text) : NULL;
}

enum err patterns_add(const char *pattern)
{
    if (find_pattern(pattern))
        return OK;
    struct pattern added = {0};
    const int code = regcomp(&added.regex, pattern, REG_EXTENDED | REG_NOSUB);
    if (code) {
        char reason[128];
        regerror(code, &added.regex, reason, sizeof(reason));
        return fail(E_INVALID, "pattern '%s': %s", pattern, reason);
    }
    struct pattern *grown = realloc(cache.items, (cache.count + 1) * sizeof(*grown));
    added.text = strdup(pattern);
    if (!grown || !added.text)
        abort();
    cache.items = grown;
    cache.items[cache.count++] = added;
    qsort(cache.items, cache.count, sizeof(*cache.items), compare_patterns);
    return OK;
}

bool pattern_matches(const char *pattern, const char *text)
{
    const struct pattern *known = find_pattern(pattern);
    if (known)
        return regexec(&known->regex, text, 0, NULL, 0) == 0;
    regex_t regex;
    if (regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB))
        return false;
    const bool found = regexec(&regex, text, 0, NULL, 0) == 0;
    regfree(&regex);
    return found;
}

bool pattern_is_valid(const char *pattern)
{
    regex_t regex;
    if (regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB))
        return false;
    regfree(&regex);
    return true;
}

void patterns_clear(void)
{
    for (size_t i = 0; i < cache.count; i++) {
        free(cache.items[i].text);
        regfree(&cache.items[i].regex);
    }
    free(cache.items);
    cache.items = NULL;
    cache.count = 0;
}
