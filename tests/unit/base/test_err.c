/* Errors: every kind's row, the way back from a status, the message of each thread. */
#include <pthread.h>

#include "tests/unit/base/check.h"

static const struct {
    enum err kind;
    const char *name;
    int status;
    const char *fault;
    enum err back; /* what the status alone says */
} rows[] = {
    {OK, "OK", 200, "", OK},
    {E_INVALID, "E_INVALID", 400, "badRequest", E_INVALID},
    {E_UNAUTHORIZED, "E_UNAUTHORIZED", 401, "unauthorized", E_UNAUTHORIZED},
    {E_FORBIDDEN, "E_FORBIDDEN", 403, "forbidden", E_FORBIDDEN},
    {E_NOT_FOUND, "E_NOT_FOUND", 404, "itemNotFound", E_NOT_FOUND},
    {E_BAD_METHOD, "E_BAD_METHOD", 405, "badMethod", E_BAD_METHOD},
    {E_NOT_ACCEPTABLE, "E_NOT_ACCEPTABLE", 406, "computeFault", E_NOT_ACCEPTABLE},
    {E_CONFLICT, "E_CONFLICT", 409, "conflictingRequest", E_CONFLICT},
    {E_GONE, "E_GONE", 410, "computeFault", E_GONE},
    {E_TOO_LARGE, "E_TOO_LARGE", 413, "overLimit", E_TOO_LARGE},
    {E_MEDIA_TYPE, "E_MEDIA_TYPE", 415, "badMediaType", E_MEDIA_TYPE},
    {E_UNPROCESSABLE, "E_UNPROCESSABLE", 422, "computeFault", E_UNPROCESSABLE},
    {E_TOO_MANY, "E_TOO_MANY", 429, "overLimit", E_TOO_MANY},
    {E_HEADERS_TOO_LARGE, "E_HEADERS_TOO_LARGE", 431, "computeFault", E_HEADERS_TOO_LARGE},
    {E_INTERNAL, "E_INTERNAL", 500, "computeFault", E_INTERNAL},
    {E_NOT_IMPLEMENTED, "E_NOT_IMPLEMENTED", 501, "notImplemented", E_NOT_IMPLEMENTED},
    {E_BAD_GATEWAY, "E_BAD_GATEWAY", 502, "computeFault", E_BAD_GATEWAY},
    {E_UNAVAILABLE, "E_UNAVAILABLE", 503, "serviceUnavailable", E_UNAVAILABLE},
    {E_TIMEOUT, "E_TIMEOUT", 504, "computeFault", E_TIMEOUT},
    {E_LOOP, "E_LOOP", 508, "computeFault", E_LOOP},
    {E_LOST, "E_LOST", 500, "computeFault", E_INTERNAL},
    {E_RETRY, "E_RETRY", 503, "serviceUnavailable", E_UNAVAILABLE},
};

_Static_assert(ARRAY_LEN(rows) == ERR_COUNT, "every kind is tested");

static void every_kind_has_its_status_and_fault(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_string_equal(err_name(rows[i].kind), rows[i].name);
        assert_int_equal(err_status(rows[i].kind), rows[i].status);
        assert_string_equal(err_fault(rows[i].kind), rows[i].fault);
        assert_int_equal(err_from_status(rows[i].status), rows[i].back);
    }
}

static void a_foreign_status_is_internal(void **state)
{
    static const int statuses[] = {0, 100, 201, 204, 300, 402, 418, 507, 599, -1};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++)
        assert_int_equal(err_from_status(statuses[i]), E_INTERNAL);
}

static enum err passes_up(enum err inner, int *reached)
{
    TRY(inner);
    (*reached)++;
    return fail(E_GONE, "after");
}

static void try_passes_errors_and_goes_on_after_ok(void **state)
{
    int reached = 0;
    (void)state;
    assert_int_equal(passes_up(E_LOOP, &reached), E_LOOP);
    assert_int_equal(reached, 0);
    assert_int_equal(passes_up(OK, &reached), E_GONE);
    assert_int_equal(reached, 1);
}

static void a_message_may_quote_the_last_one_and_is_cut(void **state)
{
    char longest[3000];
    (void)state;
    must_fail(fail(E_INVALID, "one %d", 1), E_INVALID, "one 1");
    must_fail(fail(E_CONFLICT, "again: %s", err_message()), E_CONFLICT, "again: one 1");
    must_fail((fail)(E_GONE, "function: %s", err_message()), E_GONE, "function: again: one 1");
    memset(longest, 'x', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    assert_int_equal(fail(E_INVALID, "%s", longest), E_INVALID);
    assert_int_equal(strlen(err_message()), 1023);
}

/* Messages become JSON: what the cut leaves of a character, and what never was one, does not break it. */
static void a_message_is_always_utf8(void **state)
{
    (void)state;
    must_fail(fail(E_INVALID, "%.3s.", "ab\xc3\xa9"), E_INVALID, "ab?.");
    must_fail(fail(E_INVALID, "%.7s", "\xf0\x9f\x98\x80\xe2\x82\xac"), E_INVALID, "\xf0\x9f\x98\x80\xe2\x82\xac");
    must_fail(fail(E_INVALID, "%.6s!", "\xf0\x9f\x98\x80\xe2\x82\xac"), E_INVALID,
              "\xf0\x9f\x98\x80?"
              "?!");
    must_fail(fail(E_INVALID, "%s", "\xff\xc0\xaf\xed\xa0\x80x\xc3"), E_INVALID, "??????x?");
}

static void *fail_elsewhere(void *context)
{
    const char **seen = context;
    *seen = *err_message() ? "not empty" : "empty";
    (void)fail(E_INVALID, "of another thread");
    return NULL;
}

static void threads_do_not_see_each_others_messages(void **state)
{
    pthread_t thread;
    const char *seen = NULL;
    (void)state;
    assert_int_equal(fail(E_INVALID, "mine"), E_INVALID);
    assert_int_equal(pthread_create(&thread, NULL, fail_elsewhere, &seen), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_string_equal(seen, "empty");
    assert_string_equal(err_message(), "mine");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_has_its_status_and_fault),     cmocka_unit_test(a_foreign_status_is_internal),
        cmocka_unit_test(try_passes_errors_and_goes_on_after_ok),  cmocka_unit_test(a_message_may_quote_the_last_one_and_is_cut),
        cmocka_unit_test(threads_do_not_see_each_others_messages), cmocka_unit_test(a_message_is_always_utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
