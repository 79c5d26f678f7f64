/* See body.h. */
#include "gateway/api/body.h"

#include "gateway/base/err.h"
#include "gateway/base/text.h"

bool body_true_text(const char *text)
{
    static const char *const yes[] = {"1", "true", "on", "yes"};
    for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
        if (str_equal_nocase(text, yes[i]))
            return true;
    }
    return false;
}

bool body_true(const json_t *value)
{
    return json_is_true(value) || (json_is_string(value) && body_true_text(json_string_value(value)));
}

int64_t body_number(const json_t *value)
{
    int64_t number = json_integer_value(value);
    if (json_is_string(value) && !str_to_int(json_string_value(value), &number))
        return 0;
    return number;
}
