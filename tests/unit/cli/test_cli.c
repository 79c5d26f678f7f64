/*
 * The command line from outside: cli_main in a process of its own, its output and exit code. Commands that only read the command
 * line or the configuration; with a database, what hosts, schema and users do.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <jansson.h>

#include "gateway/base/text.h"
#include "gateway/cli/cli.h"
#include "tests/unit/schema/store.h"

#define OUTPUT_SIZE 16384

struct shell {
    struct store store;
    char directory[64];
    char config[96];
    char password[96];
    char out[OUTPUT_SIZE];
    char err[OUTPUT_SIZE];
};

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void write_config(struct shell *shell, const char *url)
{
    CLEANUP(text_clear) struct text text = {0};
    text_add_format(&text, "[zone]\nname = north\nstate_dir = %s/state\n[database]\nconnection = %s\n", shell->directory, url);
    write_file(shell->config, text_str(&text));
}

static int setup(void **state)
{
    const char *url = getenv("ZONEGATE_TEST_DATABASE");
    struct shell *shell = calloc(1, sizeof(*shell));
    *state = shell;
    must(seal_setup());
    assert_int_equal(unsetenv("ZONEGATE_CONFIG"), 0);
    (void)snprintf(shell->directory, sizeof(shell->directory), "/tmp/zg-cli.XXXXXX");
    assert_non_null(mkdtemp(shell->directory));
    (void)snprintf(shell->config, sizeof(shell->config), "%s/config", shell->directory);
    (void)snprintf(shell->password, sizeof(shell->password), "%s/password", shell->directory);
    write_file(shell->password, "secret word\nsecond line\n");
    if (!url) {
        write_config(shell, "mariadb:///none?socket=/nonexistent&user=root");
        return 0;
    }
    store_open(&shell->store, url);
    CLEANUP(text_clear) struct text own = {0};
    text_add_format(&own, "mariadb:///%s?socket=%s&user=root", shell->store.target.name, shell->store.target.socket);
    write_config(shell, text_str(&own));
    return 0;
}

static int teardown(void **state)
{
    static const char *const files[] = {"config", "password", "state/zone.keys", "state"};
    struct shell *shell = *state;
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        char path[128];
        (void)snprintf(path, sizeof(path), "%s/%s", shell->directory, files[i]);
        (void)remove(path);
    }
    (void)rmdir(shell->directory);
    store_close(&shell->store);
    free(shell);
    return 0;
}

static void take_output(FILE *file, char *out)
{
    rewind(file);
    const size_t length = fread(out, 1, OUTPUT_SIZE - 1, file);
    out[length] = '\0';
    assert_int_equal(fclose(file), 0);
}

/* The words of `line`, separated by blanks, as argv; %c, %p: the paths of configuration and password. */
static int split_line(struct shell *shell, char *line, char **argv, int most)
{
    static char program[] = "zonegate";
    int argc = 0;
    argv[argc++] = program;
    for (char *word = strsep(&line, " "); word && *word; word = strsep(&line, " ")) {
        assert_true(argc + 1 < most);
        argv[argc++] = strcmp(word, "%c") == 0 ? shell->config : strcmp(word, "%p") == 0 ? shell->password : word;
    }
    argv[argc] = NULL;
    return argc;
}

/* Runs the line in a child process; its exit code, or 256 for another end. */
static int run_line(struct shell *shell, const char *line)
{
    char copy[512];
    char *argv[64];
    FILE *out = tmpfile();
    FILE *err = tmpfile();
    int status = -1;
    (void)snprintf(copy, sizeof(copy), "%s", line);
    const int argc = split_line(shell, copy, argv, 64);
    assert_true(out && err);
    (void)fflush(NULL);
    const pid_t pid = fork();
    if (pid == 0) {
        if (dup2(fileno(out), STDOUT_FILENO) < 0 || dup2(fileno(err), STDERR_FILENO) < 0)
            _exit(255);
        const int code = cli_main(argc, argv);
        (void)fflush(NULL);
        _exit(code);
    }
    assert_true(pid > 0 && waitpid(pid, &status, 0) == pid);
    take_output(out, shell->out);
    take_output(err, shell->err);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 256;
}

static void expect(struct shell *shell, const char *line, int code, const char *out, const char *err)
{
    const int got = run_line(shell, line);
    if (got != code || !strstr(shell->out, out) || !strstr(shell->err, err))
        print_error("%s\n  exit %d\n  stdout %s\n  stderr %s\n", line, got, shell->out, shell->err);
    assert_int_equal(got, code);
    must_contain(shell->out, out);
    must_contain(shell->err, err);
    if (!*out)
        assert_string_equal(shell->out, "");
    if (!*err)
        assert_string_equal(shell->err, "");
}

struct line {
    const char *line;
    int code;
    const char *out; /* a part of it; "" = nothing at all */
    const char *err;
};

static const struct line readings[] = {
    {"", 2, "", "Usage: zonegate"},
    {"--help", 0, "Usage: zonegate", ""},
    {"-h", 0, "zone list", ""},
    {"--version", 0, "zonegate " ZONEGATE_VERSION, ""},
    {"nonsense", 2, "", "Usage: zonegate"},
    {"db", 2, "", "Usage: zonegate"},
    {"db nonsense", 2, "", "Usage: zonegate"},
    {"host add --help", 0, "Usage: zonegate [--config FILE] host add NAME URI [--vcpus N]", ""},
    {"config --help", 0, "print every setting with its default.", ""},
    {"config", 0, "[zone]\n# name of this zone", ""},
    {"config more", 2, "", "zonegate: The arguments are: none"},
    {"db status", 2, "", "zonegate: a configuration is needed: --config FILE, or ZONEGATE_CONFIG in the environment."},
    {"db status --config", 2, "", "zonegate: --config takes a value."},
    {"db status -c", 2, "", "zonegate: -c takes a value."},
    {"host add h", 2, "", "zonegate: The arguments are: NAME URI"},
    {"host add a b c", 2, "", "zonegate: The arguments are: NAME URI"},
    {"host add a b --vcpus", 2, "", "zonegate: --vcpus takes a value."},
    {"db status --color", 2, "", "zonegate: There is no option --color here; the arguments are: none"},
    {"db status --color red", 2, "", "zonegate: There is no option --color here; the arguments are: none"},
    {"db status --vcpus 5", 2, "", "zonegate: There is no option --vcpus here; the arguments are: none"},
    {"zone list --check", 2, "", "zonegate: There is no option --check here"},
    {"serve --check=1", 2, "", "zonegate: --check takes no value."},
    {"db status --json=yes", 2, "", "zonegate: --json takes no value."},
    {"1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17", 2, "", "zonegate: Too many words."},
};

static void lines_are_read(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(readings); i++)
        expect(*state, readings[i].line, readings[i].code, readings[i].out, readings[i].err);
}

static const struct line configurations[] = {
    {"serve --check -c /nonexistent", 1, "", "zonegate: The configuration /nonexistent cannot be read: No such file or directory."},
    {"serve --check -c %p", 1, "", "this is not INI"},
    {"host add h nowhere -c %c", 1, "", "zonegate: 'nowhere' is not a libvirt URI"},
    {"host add h test:///default --vcpus many -c %c", 1, "", "zonegate: --vcpus takes a number, not 'many'."},
    {"host add h test:///default --ram-mib -5 -c %c", 1, "", "zonegate: --ram-mib takes a number, not '-5'."},
    {"user bootstrap -c %c", 1, "", "zonegate: --username NAME is required."},
    {"user bootstrap --username a -c %c", 1, "", "zonegate: --password-file FILE is required."},
    {"user bootstrap --username a --password-file /nonexistent -c %c", 1, "", "zonegate: /nonexistent cannot be read"},
    {"user bootstrap --username a --password-file /dev/null -c %c", 1, "", "zonegate: /dev/null holds no password."},
};

static void mistakes_are_told_before_the_database_is_asked(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(configurations); i++)
        expect(*state, configurations[i].line, configurations[i].code, configurations[i].out, configurations[i].err);
}

static void the_environment_names_the_configuration(void **state)
{
    assert_int_equal(setenv("ZONEGATE_CONFIG", "/nonexistent/from-environment", 1), 0);
    expect(*state, "db status", 1, "", "/nonexistent/from-environment cannot be read");
    expect(*state, "db status -c /nonexistent/from-line", 1, "", "/nonexistent/from-line cannot be read");
    assert_int_equal(unsetenv("ZONEGATE_CONFIG"), 0);
}

static struct shell *need_database(void **state)
{
    struct shell *shell = *state;
    if (!shell->store.db)
        skip();
    return shell;
}

static const struct line conversation[] = {
    {"db upgrade -c %c", 0, "The schema is at version ", ""},
    {"db status -c %c", 0, "current", ""},
    {"host list -c %c", 0, "name", ""},
    {"host add --config=%c h1 test:///default", 1, "", "cannot be read"}, /* %c is not replaced there */
    {"host add h1 test:///default --vcpus=4 --ram-mib 512 --availability-zone east -c %c", 0, "Host h1 is registered", ""},
    {"host add h1 test:///default -c %c", 4, "", "zonegate: Host 'h1' exists already."},
    {"-c %c host list", 0, "h1", ""},
    {"host delete h2 -c %c", 3, "", "zonegate: Compute host h2 could not be found."},
    {"user bootstrap --username root --password-file %p -c %c", 0, "User root is admin of project admin.", ""},
    {"user bootstrap --username root --password-file %p --project ops -c %c", 0, "User root is admin of project ops.", ""},
    {"zone list -c %c", 0, "name", ""},
    {"zone show none -c %c", 3, "", "zonegate: "},
};

static void commands_work_on_the_database(void **state)
{
    struct shell *shell = need_database(state);
    struct stat info;
    char path[128];
    for (size_t i = 0; i < ARRAY_LEN(conversation); i++)
        expect(shell, conversation[i].line, conversation[i].code, conversation[i].out, conversation[i].err);
    assert_string_equal(ask_text(&shell->store, "SELECT CONCAT_WS(' ', vcpus, ram_mib, availability_zone) FROM hosts"),
                        "4 512 east");
    (void)snprintf(path, sizeof(path), "%s/state", shell->directory);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0700);
    expect(shell, "host delete h1 -c %c", 0, "Host h1 is forgotten.", "");
    assert_int_equal(ask_int(&shell->store, "SELECT COUNT(*) FROM hosts"), 0);
}

static void json_is_for_machines(void **state)
{
    struct shell *shell = need_database(state);
    expect(shell, "host add h\"1 test:///default -c %c", 0, "Host", "");
    expect(shell, "host list --json -c %c", 0, "test:///default", "");
    json_auto_t *json = json_loads(shell->out, 0, NULL);
    assert_int_equal(json_array_size(json), 1);
    const json_t *host = json_array_get(json, 0);
    assert_string_equal(json_string_value(json_object_get(host, "name")), "h\"1");
    assert_string_equal(json_string_value(json_object_get(host, "availability_zone")), "north");
    assert_string_equal(json_string_value(json_object_get(host, "state")), "down");
    assert_string_equal(json_string_value(json_object_get(host, "servers")), "0");
    assert_true(json_is_null(json_object_get(host, "last_error")));
    assert_int_equal(json_object_size(host), 7);
    expect(shell, "zone list --json -c %c", 0, "[]", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_read),
        cmocka_unit_test(mistakes_are_told_before_the_database_is_asked),
        cmocka_unit_test(the_environment_names_the_configuration),
        cmocka_unit_test(commands_work_on_the_database),
        cmocka_unit_test(json_is_for_machines),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
