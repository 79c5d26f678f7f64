/* The two questions that names ask about a character, as Nova's name rules do: only the Basic Multilingual Plane is printable. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The next code point of valid UTF-8; `*text` is moved behind it. 0 at the end. */
uint32_t utf8_next(const char **text);
/* Characters, not bytes. */
size_t utf8_length(const char *text);
/* Letters, marks, numbers, punctuation, symbols and blanks (Unicode 14 categories L M N P S Zs, up to U+FFFE). */
bool unicode_is_printable(uint32_t code);
/* The category Zs: blanks of any width, no tabs, no line breaks. */
bool unicode_is_blank(uint32_t code);
