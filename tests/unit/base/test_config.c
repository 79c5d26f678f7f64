/*
 * Settings: the table as config_print shows it is taken for what it is, so that every row is tested: its default, its bounds, its
 * choices. And what is refused, with file and line.
 */
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/base/config.h"
#include "gateway/base/text.h"
#include "tests/unit/base/check.h"

struct row {
    char section[32];
    char key[64];
    char standard[128];
    char right[256]; /* what the comment says of the values */
};

struct fixture {
    char path[64];
    struct row rows[128];
    size_t count;
};

static void write_file(const struct fixture *fixture, const char *text)
{
    FILE *file = fopen(fixture->path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
}

static enum err read_text(const struct fixture *fixture, const char *text, struct config *out)
{
    write_file(fixture, text);
    return config_open(fixture->path, out);
}

static void read_printed_line(struct fixture *fixture, const char *line)
{
    struct row *row = &fixture->rows[fixture->count];
    if (line[0] == '[') {
        assert_int_equal(sscanf(line, "[%31[a-z]]", row->section), 1);
    } else if (str_starts(line, "# ")) {
        assert_non_null(strrchr(line, ';'));
        assert_int_equal(sscanf(strrchr(line, ';'), "; %255[^\n]", row->right), 1);
    } else if (line[0] == '#') {
        assert_true(sscanf(line, "#%63s = %127[^\n]", row->key, row->standard) >= 1);
        fixture->count++;
        assert_true(fixture->count < ARRAY_LEN(fixture->rows));
        memcpy(fixture->rows[fixture->count].section, row->section, sizeof(row->section));
    }
}

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    *state = fixture;
    (void)snprintf(fixture->path, sizeof(fixture->path), "/tmp/zg-config.XXXXXX");
    const int fd = mkstemp(fixture->path);
    assert_true(fd >= 0);
    assert_int_equal(close(fd), 0);
    char *printed = NULL;
    size_t length = 0;
    FILE *stream = open_memstream(&printed, &length);
    config_print(stream);
    assert_int_equal(fclose(stream), 0);
    char *rest = printed;
    for (char *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n"))
        read_printed_line(fixture, line);
    free(printed);
    return fixture->count > 30 ? 0 : -1;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    (void)unlink(fixture->path);
    free(fixture);
    return 0;
}

/* One setting, in a file that is complete but for it. `tls_cert` and `tls_key` need each other. */
static enum err read_one(const struct fixture *fixture, const struct row *row, const char *value, struct config *out)
{
    CLEANUP(text_clear) struct text text = {0};
    text_add_format(&text, "[zone]\nname = z\nstate_dir = /s\n[%s]\n%s = %s\n", row->section, row->key, value);
    return read_text(fixture, text_str(&text), out);
}

static void expect(const struct fixture *fixture, const struct row *row, const char *value, bool good)
{
    struct config config = {0};
    char message[512];
    const enum err result = read_one(fixture, row, value, &config);
    if ((result == OK) != good)
        print_error("[%s] %s = '%s': %s\n", row->section, row->key, value, result == OK ? "taken" : err_message());
    assert_int_equal(result, good ? OK : E_INVALID);
    if (good) {
        config_clear(&config);
        return;
    }
    (void)snprintf(message, sizeof(message), "%s:5: [%s] %s = '%s' is wrong: it must be %s.", fixture->path, row->section, row->key,
                   value, row->right);
    assert_string_equal(err_message(), message);
}

static bool is_required(const struct row *row)
{
    return str_equal(row->key, "name") || str_equal(row->key, "state_dir");
}

static void every_default_passes_its_own_check(void **state)
{
    struct fixture *fixture = *state;
    struct config standard;
    config_init(&standard);
    for (size_t i = 0; i < fixture->count; i++) {
        if (!is_required(&fixture->rows[i]))
            expect(fixture, &fixture->rows[i], fixture->rows[i].standard, true);
    }
    assert_string_equal(standard.api.listen, "127.0.0.1:8774");
    assert_string_equal(standard.database.connection, "private");
    assert_string_equal(standard.zone.name, "");
    assert_int_equal(standard.api.max_body, 114688);
    assert_int_equal(standard.api.max_limit, 1000);
    assert_int_equal(standard.api.request_s, 60);
    assert_false(standard.zones.insecure);
    config_clear(&standard);
    config_clear(&standard);
    config_clear(NULL);
}

static void numbers_have_bounds(void **state)
{
    struct fixture *fixture = *state;
    static const char *const never[] = {"", "x", "5 apples", "1.5", "0x10", "99999999999999999999"};
    size_t seen = 0;
    for (size_t i = 0; i < fixture->count; i++) {
        const struct row *row = &fixture->rows[i];
        int64_t least = 0;
        int64_t most = 0;
        char value[32];
        if (sscanf(row->right, "a number from %" SCNd64 " to %" SCNd64, &least, &most) != 2) /* NOLINT(cert-err34-c) */
            continue;
        seen++;
        for (int j = 0; j < 4; j++) {
            const int64_t edges[] = {least, most, least - 1, most + 1};
            (void)snprintf(value, sizeof(value), "%" PRId64, edges[j]);
            expect(fixture, row, value, j < 2);
        }
        for (size_t j = 0; j < ARRAY_LEN(never); j++)
            expect(fixture, row, never[j], false);
    }
    assert_true(seen >= 15);
}

static void expect_all(struct fixture *fixture, const char *right, const char *const *values, size_t count, bool good)
{
    size_t seen = 0;
    for (size_t i = 0; i < fixture->count; i++) {
        if (!str_starts(fixture->rows[i].right, right))
            continue;
        seen++;
        for (size_t j = 0; j < count; j++)
            expect(fixture, &fixture->rows[i], values[j], good);
    }
    assert_true(seen > 0);
}

static void words_are_taken_only_as_they_are(void **state)
{
    static const char *const yes[] = {"true", "false", "yes", "no", "on", "off", "1", "0"};
    static const char *const no[] = {"", "True", "t", "2", "true yes", "yess"};
    static const char *const virt[] = {"auto", "kvm", "qemu"};
    static const char *const not_virt[] = {"", "xen", "kv", "KVM", "auto kvm", "kvm qemu"};
    static const char *const names[] = {"a", "Z9", "a_b.c-d", "9"};
    static const char *const not_names[] = {
        "", "_a", ".a", "-a", "a b", "a/b", "größe", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}; /* 64 */
    static const char *const paths[] = {"/", "/a b/c"};
    static const char *const not_paths[] = {"a", "./a", "~/a"};
    expect_all(*state, "true or false", yes, ARRAY_LEN(yes), true);
    expect_all(*state, "true or false", no, ARRAY_LEN(no), false);
    expect_all(*state, "one of: auto kvm qemu", virt, ARRAY_LEN(virt), true);
    expect_all(*state, "one of: auto kvm qemu", not_virt, ARRAY_LEN(not_virt), false);
    expect_all(*state, "up to 63 letters", names, ARRAY_LEN(names), true);
    expect_all(*state, "up to 63 letters", not_names, ARRAY_LEN(not_names), false);
    expect_all(*state, "an absolute path", not_paths, ARRAY_LEN(not_paths), false);
    struct config config;
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        char text[128];
        (void)snprintf(text, sizeof(text), "[zone]\nname=z\nstate_dir=%s\n", paths[i]);
        must(read_text(*state, text, &config));
        assert_string_equal(config.zone.state_dir, paths[i]);
        config_clear(&config);
    }
}

#define LONG "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" /* 50 */
#define HEAD "[zone]\nname = z\nstate_dir = /s\n"

static void mistakes_are_named_with_file_and_line(void **state)
{
    static const struct {
        const char *text;
        const char *message; /* behind the path */
    } rows[] = {
        {HEAD "[zones]\nx = 1\n", ":5: there is no setting 'x' in [zones]; did you mean 'poll_interval_ms'?"},
        {HEAD "\n# c\n; c\n[api]\nlisen = 1\n", ":8: there is no setting 'lisen' in [api]; did you mean 'listen'?"},
        {HEAD "[apis]\n\nlisten = 1\n", ":6: there is no section [apis]; known are zone, api, database, identity, image, compute, "
                                        "scheduler, placement, zones, quota, log, debug."},
        {"name = z\n",
         ":1: there is no section []; known are zone, api, database, identity, image, compute, scheduler, placement, zones, "
         "quota, log, debug."},
        {HEAD "nonsense\n", ":4: this is not INI; a line is [section], key = value, or # comment."},
        {HEAD "[api\n", ":4: this is not INI; a line is [section], key = value, or # comment."},
        {"", ": [zone] name is missing."},
        {"[zone]\nname = z\n", ": [zone] state_dir is missing."},
        {HEAD "[api]\ntls_cert = /c\n", ": [api] tls_cert and tls_key belong together; one of them is missing."},
        {HEAD "[api]\ntls_key = /c\n", ": [api] tls_cert and tls_key belong together; one of them is missing."},
        {HEAD "[database]\nconnection = " LONG LONG LONG LONG "\n", ":5: the line is longer than 198 bytes."},
        {HEAD "[image]\nmax_size_gib = 0\n[apis]\nx = 1\n",
         ":5: [image] max_size_gib = '0' is wrong: it must be a number from 1 to 65536."}, /* the first mistake */
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct config config = {0};
        char message[512];
        (void)snprintf(message, sizeof(message), "%s%s", fixture->path, rows[i].message);
        must_fail(read_text(fixture, rows[i].text, &config), E_INVALID, message);
        assert_null(config.path);
    }
}

static void a_missing_file_is_named(void **state)
{
    struct config config = {0};
    (void)state;
    must_fail(config_open("/nonexistent/zonegate.conf", &config), E_INVALID,
              "The configuration /nonexistent/zonegate.conf cannot be read: No such file or directory.");
}

static void a_whole_file_is_read(void **state)
{
    struct fixture *fixture = *state;
    struct config config;
    must(read_text(fixture,
                   "# a zone\n[zone]\n  name = north-1\n\tstate_dir = /var/lib/z\n  expose_names = yes\n\n"
                   "[api]\nlisten=[::1]:80\nworkers =  8\nworkers = 9 ; the last one counts\ntls_cert=/c\ntls_key=/k\n"
                   "[database]\nconnection = mariadb://u:p@h:3306/n\n[log]\nlevel = debug",
                   &config));
    assert_string_equal(config.path, fixture->path);
    assert_string_equal(config.zone.name, "north-1");
    assert_string_equal(config.zone.state_dir, "/var/lib/z");
    assert_true(config.zone.expose_names);
    assert_string_equal(config.api.listen, "[::1]:80");
    assert_int_equal(config.api.workers, 9);
    assert_string_equal(config.api.tls_key, "/k");
    assert_string_equal(config.database.connection, "mariadb://u:p@h:3306/n");
    assert_string_equal(config.log.level, "debug");
    assert_int_equal(config.api.queue, 1024);
    config_clear(&config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_default_passes_its_own_check),
        cmocka_unit_test(numbers_have_bounds),
        cmocka_unit_test(words_are_taken_only_as_they_are),
        cmocka_unit_test(mistakes_are_named_with_file_and_line),
        cmocka_unit_test(a_missing_file_is_named),
        cmocka_unit_test(a_whole_file_is_read),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
