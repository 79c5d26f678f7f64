/* Operators of extra specs. */
#include "compute/scheduler/match.h"
#include "tests/unit/base/check.h"

static void values_match_or_do_not(void **state)
{
    static const struct {
        const char *value;
        const char *wanted;
        bool matches;
    } rows[] = {
        {"x", "x", true},
        {"x", "y", false},
        {"X", "x", false},
        {"", "", true},
        {"4", "= 4", true},
        {"5", "= 4", true},
        {"3", "= 4", false},
        {"x", "= 4", false},
        {"4.0", "== 4", true},
        {"5", "== 4", false},
        {"5", "!= 4", true},
        {"4", "!= 4", false},
        {"4", ">= 4", true},
        {"3", ">= 4", false},
        {"4", "<= 4", true},
        {"5", "<= 4", false},
        {"b", "s== b", true},
        {"b", "s== a", false},
        {"b", "s!= a", true},
        {"b", "s!= b", false},
        {"a", "s< b", true},
        {"b", "s< b", false},
        {"b", "s<= b", true},
        {"c", "s<= b", false},
        {"c", "s> b", true},
        {"b", "s> b", false},
        {"b", "s>= b", true},
        {"a", "s>= b", false},
        {"abc", "<in> b", true},
        {"abc", "<in> d", false},
        {"abc", "<all-in> a c", true},
        {"abc", "<all-in> a d", false},
        {"b", "<or> a <or> b", true},
        {"c", "<or> a <or> b", false},
        {"<or>", "<or> a <or> b", false},
        {"=4", "=4", true},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (match_extra_spec(rows[i].value, rows[i].wanted) != rows[i].matches)
            print_error("'%s' and '%s'", rows[i].value, rows[i].wanted);
        assert_false(match_extra_spec(rows[i].value, rows[i].wanted) != rows[i].matches);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(values_match_or_do_not)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
