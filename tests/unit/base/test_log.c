/* Log lines as they leave the process: quoting, levels, zone and request id, one line whatever the length. */
#include <fcntl.h>
#include <unistd.h>

#include "gateway/base/log.h"
#include "gateway/base/text.h"
#include "tests/unit/base/check.h"

static void values_are_quoted(void **state)
{
    static const struct {
        const char *value;
        const char *quoted;
    } rows[] = {
        {NULL, "\"\""},
        {"", "\"\""},
        {"a b", "\"a b\""},
        {"say \"x\\y\"", "\"say \\\"x\\\\y\\\"\""},
        {"a\nb\tc\x7f\x01", "\"a\\x0ab\\x09c\\x7f\\x01\""},
        {"größe", "\"größe\""},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_string_equal(log_quote(rows[i].value).text, rows[i].quoted);
}

static void long_values_are_cut_within_their_quotes(void **state)
{
    static const char fillers[] = {'x', '"', '\n'};
    char value[2000];
    (void)state;
    value[sizeof(value) - 1] = '\0';
    for (size_t i = 0; i < sizeof(fillers); i++) {
        memset(value, fillers[i], sizeof(value) - 1);
        const struct log_text quoted = log_quote(value);
        const size_t length = strlen(quoted.text);
        assert_true(length >= 500 && length < sizeof(quoted.text));
        assert_int_equal(quoted.text[length - 1], '"');
        assert_int_equal((length - 2) % (fillers[i] == 'x' ? 1 : fillers[i] == '"' ? 2 : 4), 0);
    }
}

/* What `write_lines` writes to stderr, without the times. */
static void capture(void (*write_lines)(void), char *out, size_t size)
{
    int ends[2];
    const int former = dup(STDERR_FILENO);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
    write_lines();
    assert_int_equal(dup2(former, STDERR_FILENO), STDERR_FILENO);
    assert_int_equal(close(ends[1]), 0);
    assert_int_equal(close(former), 0);
    size_t used = 0;
    for (ssize_t got = 1; got > 0; used += (size_t)got) {
        got = read(ends[0], out + used, size - 1 - used);
        assert_true(got >= 0);
    }
    out[used] = '\0';
    assert_int_equal(close(ends[0]), 0);
}

static void write_some(void)
{
    log_setup(LOG_LEVEL_INFO, "");
    log_set_request(NULL);
    log_debug("not.seen", "a=%d", 1);
    log_info("bare", "%s", "");
    log_setup(LOG_LEVEL_WARN, "north");
    log_set_request("req-1");
    log_info("not.seen", "a=%d", 1);
    log_warn("seen", "a=%d b=%s", 1, log_quote("x y").text);
    log_set_request(NULL);
    log_error("seen.too", "c=%s", "2");
}

static void lines_carry_level_zone_and_request(void **state)
{
    char lines[4096];
    char *rest = lines;
    static const char *const tails[] = {"level=info event=bare ", "level=warn event=seen zone=north request=req-1 a=1 b=\"x y\"",
                                        "level=error event=seen.too zone=north c=2", ""};
    (void)state;
    capture(write_some, lines, sizeof(lines));
    for (size_t i = 0; i < ARRAY_LEN(tails); i++) {
        const char *line = strsep(&rest, "\n");
        assert_non_null(line);
        const char *tail = strstr(line, "level=");
        assert_true(*tails[i] == '\0' || (str_starts(line, "ts=20") && line[29] == 'Z'));
        assert_string_equal(tail ? tail : line, tails[i]);
    }
    assert_null(rest);
}

static void write_long(void)
{
    char value[9000];
    memset(value, 'v', sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    log_setup(LOG_LEVEL_INFO, "z");
    log_info("long", "v=%s", value);
}

static void a_long_line_is_cut_and_ended(void **state)
{
    static char lines[16384];
    (void)state;
    capture(write_long, lines, sizeof(lines));
    const size_t length = strlen(lines);
    assert_true(length > 4000 && length < 4097);
    assert_ptr_equal(strchr(lines, '\n'), lines + length - 1);
}

static void the_request_id_is_this_threads(void **state)
{
    char id[] = "req-2";
    (void)state;
    log_set_request(id);
    id[4] = '9';
    assert_string_equal(log_request(), "req-2");
    log_set_request(NULL);
    assert_string_equal(log_request(), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_quoted),
        cmocka_unit_test(long_values_are_cut_within_their_quotes),
        cmocka_unit_test(lines_carry_level_zone_and_request),
        cmocka_unit_test(a_long_line_is_cut_and_ended),
        cmocka_unit_test(the_request_id_is_this_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
