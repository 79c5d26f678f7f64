/* What answers about an id mean, one by one and together: the table that promises "never a false 404", row by row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#undef fail

#include "gateway/base/err.h"
#include "zones/resolve.h"

/* Written down a second time, as sentences and not as the table of resolve.c. */
static void every_row_is_as_promised(void **state)
{
    static const struct {
        enum resolved a;
        enum resolved b;
        enum resolved both;
    } rows[] = {
        {RESOLVED_NEUTRAL, RESOLVED_NEUTRAL, RESOLVED_NEUTRAL},   /* nobody could be asked */
        {RESOLVED_NEUTRAL, RESOLVED_NOT_HERE, RESOLVED_NOT_HERE}, /* the one that could be asked says no */
        {RESOLVED_NEUTRAL, RESOLVED_REFUSED, RESOLVED_REFUSED},
        {RESOLVED_NEUTRAL, RESOLVED_UNKNOWN, RESOLVED_UNKNOWN},
        {RESOLVED_NEUTRAL, RESOLVED_FOUND, RESOLVED_FOUND},
        {RESOLVED_NOT_HERE, RESOLVED_NOT_HERE, RESOLVED_NOT_HERE}, /* all say no: the only 404 */
        {RESOLVED_NOT_HERE, RESOLVED_REFUSED, RESOLVED_REFUSED},   /* it may be there */
        {RESOLVED_NOT_HERE, RESOLVED_UNKNOWN, RESOLVED_UNKNOWN},   /* it may be there */
        {RESOLVED_NOT_HERE, RESOLVED_FOUND, RESOLVED_FOUND},       /* a stranger's 404 never outranks the owner */
        {RESOLVED_REFUSED, RESOLVED_REFUSED, RESOLVED_REFUSED},
        {RESOLVED_REFUSED, RESOLVED_UNKNOWN, RESOLVED_UNKNOWN}, /* asking again may help */
        {RESOLVED_REFUSED, RESOLVED_FOUND, RESOLVED_FOUND},
        {RESOLVED_UNKNOWN, RESOLVED_UNKNOWN, RESOLVED_UNKNOWN},
        {RESOLVED_UNKNOWN, RESOLVED_FOUND, RESOLVED_FOUND}, /* who is silent does not hide the owner */
        {RESOLVED_FOUND, RESOLVED_FOUND, RESOLVED_FOUND},
    };
    (void)state;
    _Static_assert(ARRAY_LEN(rows) == RESOLVED_COUNT * (RESOLVED_COUNT + 1) / 2, "every pair once");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(resolve_reduce(rows[i].a, rows[i].b), rows[i].both);
        assert_int_equal(resolve_reduce(rows[i].b, rows[i].a), rows[i].both);
    }
}

static void answers_say_one_of_five_things(void **state)
{
    static const struct {
        int status;
        enum resolved wanted;
    } rows[] = {{200, RESOLVED_FOUND},   {202, RESOLVED_FOUND},    {204, RESOLVED_FOUND},   {400, RESOLVED_FOUND},
                {403, RESOLVED_REFUSED}, {404, RESOLVED_NOT_HERE}, {406, RESOLVED_FOUND},   {409, RESOLVED_FOUND},
                {413, RESOLVED_FOUND},   {500, RESOLVED_FOUND},    {502, RESOLVED_UNKNOWN}, {503, RESOLVED_UNKNOWN},
                {504, RESOLVED_UNKNOWN}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(resolve_answer(ZONE_ANSWERED, rows[i].status), rows[i].wanted);
    for (int kind = ZONE_ANSWERED + 1; kind < ZONE_KIND_COUNT; kind++)
        assert_int_equal(resolve_answer((enum zone_kind_of_answer)kind, 404),
                         kind == ZONE_LOOP ? RESOLVED_NEUTRAL : RESOLVED_UNKNOWN);
}

/* All combinations of up to five answers, in every order, against the sentence that the table stands for. */
static void every_combination_reduces_as_promised(void **state)
{
    (void)state;
    for (int count = 1; count <= 5; count++) {
        int total = 1;
        for (int i = 0; i < count; i++)
            total *= RESOLVED_COUNT;
        for (int code = 0; code < total; code++) {
            bool has[RESOLVED_COUNT] = {false};
            enum resolved result = (enum resolved)(code % RESOLVED_COUNT);
            int rest = code;
            for (int i = 0; i < count; i++, rest /= RESOLVED_COUNT) {
                has[rest % RESOLVED_COUNT] = true;
                result = resolve_reduce(result, (enum resolved)(rest % RESOLVED_COUNT));
            }
            enum resolved wanted = RESOLVED_NEUTRAL; /* nobody could be asked */
            if (has[RESOLVED_NOT_HERE])
                wanted = RESOLVED_NOT_HERE; /* only when all who could be asked say so: never a false 404 */
            if (has[RESOLVED_REFUSED])
                wanted = RESOLVED_REFUSED;
            if (has[RESOLVED_UNKNOWN])
                wanted = RESOLVED_UNKNOWN;
            if (has[RESOLVED_FOUND])
                wanted = RESOLVED_FOUND;
            assert_int_equal(result, wanted);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_as_promised),
        cmocka_unit_test(answers_say_one_of_five_things),
        cmocka_unit_test(every_combination_reduces_as_promised),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
