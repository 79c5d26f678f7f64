/*
 * The pattern cache. Its list is written only while the schemas are opened and closed (one thread), and read by all afterwards
 * without a lock. What regcomp makes of a pattern can be large (a count to 255 is some 50 KiB), and most zones use few of them: it
 * is made by the first thread that needs it, and kept; regexec does not change it.
 */
#include "schema/json/patterns.h"

#include <regex.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct pattern {
    char *text;
    _Atomic(regex_t *) regex; /* NULL: not used yet */
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

static struct pattern *find_pattern(const char *text)
{
    return cache.count ? bsearch(text, cache.items, cache.count, sizeof(*cache.items), compare_text) : NULL;
}

enum err patterns_add(const char *pattern)
{
    regex_t regex;
    if (find_pattern(pattern))
        return OK;
    const int code = regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB);
    if (code) {
        char reason[128];
        regerror(code, &regex, reason, sizeof(reason));
        return fail(E_INVALID, "pattern '%s': %s", pattern, reason);
    }
    regfree(&regex);
    struct pattern *grown = realloc(cache.items, (cache.count + 1) * sizeof(*grown));
    char *text = strdup(pattern);
    if (!grown || !text)
        abort();
    cache.items = grown;
    cache.items[cache.count++] = (struct pattern){.text = text};
    qsort(cache.items, cache.count, sizeof(*cache.items), compare_patterns);
    return OK;
}

static void drop_regex(regex_t *regex)
{
    if (regex)
        regfree(regex);
    free(regex);
}

/* NULL: it is none. */
static regex_t *compile(const char *pattern)
{
    regex_t *regex = malloc(sizeof(*regex));
    if (!regex)
        abort();
    if (regcomp(regex, pattern, REG_EXTENDED | REG_NOSUB) == 0)
        return regex;
    free(regex);
    return NULL;
}

static const regex_t *regex_of(struct pattern *pattern)
{
    regex_t *known = atomic_load(&pattern->regex);
    if (known)
        return known;
    regex_t *made = compile(pattern->text);
    if (!made || atomic_compare_exchange_strong(&pattern->regex, &known, made))
        return made;
    drop_regex(made); /* another thread was faster */
    return known;
}

bool pattern_matches(const char *pattern, const char *text)
{
    struct pattern *known = find_pattern(pattern);
    regex_t *once = known ? NULL : compile(pattern);
    const regex_t *regex = known ? regex_of(known) : once;
    const bool found = regex && regexec(regex, text, 0, NULL, 0) == 0;
    drop_regex(once);
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
        drop_regex(atomic_load(&cache.items[i].regex));
    }
    free(cache.items);
    cache.items = NULL;
    cache.count = 0;
}
