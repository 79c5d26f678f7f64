/* W3C trace context: what is taken over, what is begun anew. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#undef fail

#include "gateway/base/err.h"
#include "gateway/base/trace.h"

static const char good[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

static void test_a_trace_goes_on_with_a_new_span(void **state)
{
    (void)state;
    struct trace trace;
    trace_begin(good, &trace);
    assert_true(trace_is_valid(trace.parent));
    assert_memory_equal(trace.parent, good, 36);
    assert_memory_not_equal(trace.parent + 36, good + 36, 16);
    assert_string_equal(trace.parent + 52, "-01");
    assert_string_equal(trace.id, "4bf92f3577b34da6a3ce929d0e0e4736");
}

static void test_what_is_not_valid_begins_anew(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
        "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00-4bf92f3577b34da6a3ce929d0e0e473-000f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0g",
    };
    struct trace trace;
    struct trace other;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_false(trace_is_valid(bad[i]));
        trace_begin(bad[i], &trace);
        assert_true(trace_is_valid(trace.parent));
    }
    trace_begin(NULL, &trace);
    trace_begin(NULL, &other);
    assert_true(trace_is_valid(trace.parent));
    assert_string_not_equal(trace.id, other.id);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_trace_goes_on_with_a_new_span),
        cmocka_unit_test(test_what_is_not_valid_begins_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
