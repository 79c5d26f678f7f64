/* The inspector on what qemu-img writes: every format that it shares with us, overlays, external data files. */
#include <fcntl.h>
#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#undef fail /* err.h has a function of that name */

#include "compute/image/inspect.h"

extern char **environ;

struct made {
    char directory[64];
};

static int make_directory(void **state)
{
    static struct made made;
    (void)snprintf(made.directory, sizeof(made.directory), "/tmp/zg-inspect.XXXXXX");
    *state = &made;
    return mkdtemp(made.directory) ? 0 : -1;
}

static int remove_directory(void **state)
{
    static const char *const names[] = {"base", "good", "bad"};
    const struct made *made = *state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char path[128];
        (void)snprintf(path, sizeof(path), "%s/%s", made->directory, names[i]);
        (void)unlink(path);
    }
    return rmdir(made->directory);
}

/* False when qemu-img is not there. */
static bool qemu_img(const char *const *arguments)
{
    pid_t child = 0;
    int status = 0;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    const int spawned = posix_spawnp(&child, "qemu-img", &actions, NULL, (char *const *)arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (spawned)
        return false;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
        return false;
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    return true;
}

static enum err check_path(const char *path, const char *declared, struct image_facts *facts)
{
    struct stat status = {0};
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0 && fstat(fd, &status) == 0);
    const enum err result = image_check_file(fd, (uint64_t)status.st_size, declared, facts);
    (void)close(fd);
    return result;
}

static const struct {
    const char *qemu;
    const char *declared;
    const char *options;
} written[] = {
    {"raw", "raw", NULL},
    {"qcow2", "qcow2", NULL},
    {"qcow2", "qcow2", "compat=0.10"},
    {"qcow2", "qcow2", "extended_l2=on,compression_type=zlib"},
    {"vmdk", "vmdk", "subformat=monolithicSparse"},
    {"vmdk", "vmdk", "subformat=streamOptimized"},
    {"vpc", "vhd", "force_size=on"},
    {"vpc", "vhd", "force_size=on,subformat=fixed"},
    {"vhdx", "vhdx", NULL},
    {"vdi", "vdi", NULL},
};

static void test_written_by_qemu_img(void **state)
{
    const struct made *made = *state;
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/good", made->directory);
    for (size_t i = 0; i < ARRAY_LEN(written); i++) {
        const char *plain[] = {"qemu-img", "create", "-f", written[i].qemu, path, "8M", NULL};
        const char *with[] = {"qemu-img", "create", "-f", written[i].qemu, "-o", written[i].options, path, "8M", NULL};
        struct image_facts facts = {0};
        if (!qemu_img(written[i].options ? with : plain))
            skip();
        const enum err result = check_path(path, written[i].declared, &facts);
        if (result != OK)
            print_error("%s %s: %s\n", written[i].qemu, written[i].options, err_message());
        assert_int_equal(result, OK);
        assert_int_equal(facts.virtual_bytes, 8U << 20);
        (void)unlink(path);
    }
}

static void test_overlay_by_qemu_img(void **state)
{
    const struct made *made = *state;
    char base[128];
    char path[128];
    char options[256];
    struct image_facts facts = {0};
    (void)snprintf(base, sizeof(base), "%s/base", made->directory);
    (void)snprintf(path, sizeof(path), "%s/bad", made->directory);
    const char *first[] = {"qemu-img", "create", "-f", "raw", base, "8M", NULL};
    const char *second[] = {"qemu-img", "create", "-f", "qcow2", "-b", base, "-F", "raw", path, NULL};
    (void)snprintf(options, sizeof(options), "data_file=%s,data_file_raw=on", base);
    const char *third[] = {"qemu-img", "create", "-f", "qcow2", "-o", options, path, "8M", NULL};
    if (!qemu_img(first) || !qemu_img(second))
        skip();
    assert_int_equal(check_path(path, "qcow2", &facts), E_INVALID);
    assert_non_null(strstr(err_message(), "has a backing file"));
    assert_true(qemu_img(third));
    assert_int_equal(check_path(path, "qcow2", &facts), E_INVALID);
    assert_non_null(strstr(err_message(), "external data file"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_written_by_qemu_img, make_directory, remove_directory),
        cmocka_unit_test_setup_teardown(test_overlay_by_qemu_img, make_directory, remove_directory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
