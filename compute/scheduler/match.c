/* Operators of extra specs; see match.h. */
#include "compute/scheduler/match.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/arena.h"
#include "gateway/base/err.h"
#include "gateway/base/text.h"

#define BLANKS " \t"

static bool read_number(const char *text, double *out)
{
    char *end = NULL;
    *out = strtod(text, &end);
    return end != text && end[strspn(end, BLANKS)] == '\0';
}

/* The next word, or NULL at the end. */
static const char *next_word(struct arena *arena, const char **at)
{
    *at += strspn(*at, BLANKS);
    const size_t length = strcspn(*at, BLANKS);
    const char *word = arena_strndup(arena, *at, length);
    *at += length;
    return length ? word : NULL;
}

enum relation { BELOW = 1, SAME = 2, ABOVE = 4 };

static enum relation relation_of(double a, double b)
{
    return a < b ? BELOW : a > b ? ABOVE : SAME;
}

struct operator
{
    const char *word;
    bool numbers;
    unsigned relations; /* that hold */
};

static const struct operator operators[] = {
    {"=", true, ABOVE | SAME},    {"==", true, SAME},   {"!=", true, BELOW | ABOVE},   {">=", true, ABOVE | SAME},
    {"<=", true, BELOW | SAME},   {"s==", false, SAME}, {"s!=", false, BELOW | ABOVE}, {"s<", false, BELOW},
    {"s<=", false, BELOW | SAME}, {"s>", false, ABOVE}, {"s>=", false, ABOVE | SAME},
};

static bool compare(const struct operator* op, const char *value, const char *operand)
{
    double left = 0;
    double right = 0;
    if (!op->numbers)
        return op->relations & relation_of((double)strcmp(value, operand), 0);
    return read_number(value, &left) && read_number(operand, &right) && (op->relations & relation_of(left, right));
}

static bool has_all(struct arena *arena, const char *value, const char *rest)
{
    for (const char *word = next_word(arena, &rest); word; word = next_word(arena, &rest)) {
        if (!strstr(value, word))
            return false;
    }
    return true;
}

/* "x <or> y <or> z", behind the first <or>. */
static bool is_one_of(struct arena *arena, const char *value, const char *rest)
{
    for (const char *word = next_word(arena, &rest); word; word = next_word(arena, &rest)) {
        if (strcmp(word, "<or>") != 0 && strcmp(word, value) == 0)
            return true;
    }
    return false;
}

bool match_extra_spec(const char *value, const char *wanted)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    const char *rest = wanted;
    const char *word = next_word(&arena, &rest);
    if (!word)
        return strcmp(value, wanted) == 0;
    rest += strspn(rest, BLANKS);
    if (strcmp(word, "<or>") == 0)
        return is_one_of(&arena, value, rest);
    if (strcmp(word, "<all-in>") == 0)
        return has_all(&arena, value, rest);
    if (strcmp(word, "<in>") == 0)
        return strstr(value, rest) != NULL;
    for (size_t i = 0; i < ARRAY_LEN(operators); i++) {
        if (strcmp(operators[i].word, word) == 0)
            return compare(&operators[i], value, rest);
    }
    return strcmp(value, wanted) == 0;
}
