/* Growing text, and the few string questions that the whole program asks. Binary safe; always NUL-terminated behind `length`. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Empty is `{0}`. `bytes` is NULL until something was added. Owned by the holder; released by text_clear. */
struct text {
    char *bytes;
    size_t length;
    size_t capacity;
};

void text_clear(struct text *text);
void text_reset(struct text *text);                /* length 0, memory kept */
void text_reserve(struct text *text, size_t more); /* room for so many bytes behind `length`, whoever writes them */
void text_add(struct text *text, const void *bytes, size_t length);
void text_add_str(struct text *text, const char *string);
void text_add_char(struct text *text, char c);
void text_add_format(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Borrowed; "" for an empty text. */
const char *text_str(const struct text *text);

/* As a part of a URL (RFC 3986, section 2.3): letters, digits, "-._~" and the characters of `also` stay, all else becomes %XX. */
void text_add_percent(struct text *text, const char *value, const char *also);

/* JSON pieces: a quoted and escaped string (NULL becomes null), an integer. The input must be UTF-8. */
void text_add_json(struct text *text, const char *string);
void text_add_json_n(struct text *text, const char *string, size_t length);
void text_add_int(struct text *text, int64_t number);

bool str_equal(const char *a, const char *b); /* NULL equals only NULL */
bool str_equal_nocase(const char *a, const char *b);
bool str_starts(const char *string, const char *prefix);
bool str_ends(const char *string, const char *suffix);
bool str_is_utf8(const char *bytes, size_t length);
/* True when the whole string is a decimal number that fits; `out` untouched otherwise. */
bool str_to_int(const char *string, int64_t *out);
