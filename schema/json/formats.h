/* `format` of JSON Schema: the words that Nova's schemas use. */
#pragma once

#include <stdbool.h>

bool format_is_known(const char *format);
/* `*out_reason` is set for name formats that explain themselves, else untouched. An unknown format is a bug (assert). */
bool format_matches(const char *format, const char *text, const char **out_reason);
