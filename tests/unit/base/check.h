/* What unit tests share: cmocka with what it needs, and checks of errors that say what went wrong. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#undef fail /* err.h has one of its own */

#include "gateway/base/err.h"

static inline void must(enum err result)
{
    if (result != OK)
        print_error("%s: %s\n", err_name(result), err_message());
    assert_int_equal(result, OK);
}

static inline void must_fail(enum err result, enum err kind, const char *message)
{
    if (result != kind)
        print_error("%s instead of %s: %s\n", err_name(result), err_name(kind), err_message());
    assert_int_equal(result, kind);
    assert_string_equal(err_message(), message);
}

/* Fails unless `part` stands in `text`. */
static inline void must_contain(const char *text, const char *part)
{
    if (!strstr(text, part))
        print_error("'%s' lacks '%s'\n", text, part);
    assert_non_null(strstr(text, part));
}
