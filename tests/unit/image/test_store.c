/* The store: complete or absent, its limit, its lock, what a dead writer leaves behind, and what it refuses to keep or to hand out.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#undef fail /* err.h has a function of that name */

#include "compute/image/store.h"
#include "gateway/base/seal.h"

#define LIMIT 1000

struct fixture {
    char directory[64];
    struct image_store *store;
    struct uuid id;
};

static void must(enum err result)
{
    if (result != OK)
        print_error("%s: %s\n", err_name(result), err_message());
    assert_int_equal(result, OK);
}

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    must(seal_setup());
    (void)snprintf(fixture->directory, sizeof(fixture->directory), "/tmp/zg-store.XXXXXX");
    assert_non_null(mkdtemp(fixture->directory));
    must(image_store_open(fixture->directory, LIMIT, &fixture->store));
    uuid_new(&fixture->id);
    *state = fixture;
    return 0;
}

static void path_of(const struct fixture *fixture, const char *suffix, char out[160])
{
    (void)snprintf(out, 160, "%s/images/%s%s", fixture->directory, uuid_to_text(&fixture->id).text, suffix);
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    char path[160];
    path_of(fixture, "", path);
    (void)unlink(path);
    path_of(fixture, ".part", path);
    (void)unlink(path);
    image_store_close(fixture->store);
    (void)snprintf(path, sizeof(path), "%s/images", fixture->directory);
    const bool empty = rmdir(path) == 0 && rmdir(fixture->directory) == 0;
    free(fixture);
    return empty ? 0 : -1; /* a file that should not be there */
}

static bool exists(const struct fixture *fixture, const char *suffix)
{
    char path[160];
    path_of(fixture, suffix, path);
    return access(path, F_OK) == 0;
}

static struct image_write *begin(const struct fixture *fixture)
{
    struct image_write *write = NULL;
    must(image_store_write_begin(fixture->store, &fixture->id, &write));
    return write;
}

static enum err open_it(const struct fixture *fixture, int *fd, uint64_t *size)
{
    return image_open(fixture->store, uuid_to_text(&fixture->id).text, fd, size);
}

static void test_written_and_read(void **state)
{
    const struct fixture *fixture = *state;
    struct image_write *write = begin(fixture);
    struct image_written written;
    char text[8] = {0};
    int fd = -1;
    uint64_t size = 0;
    must(image_store_write_add(write, "ab", 2));
    must(image_store_write_add(write, "", 0));
    must(image_store_write_add(write, "c", 1));
    assert_int_equal(open_it(fixture, &fd, &size), E_NOT_FOUND);
    must(image_store_write_finish(write, "raw", NULL, &written));
    image_store_write_close(write);
    assert_int_equal(written.size, 3);
    assert_int_equal(written.virtual_size, 3);
    assert_string_equal(written.digests.md5, "900150983cd24fb0d6963f7d28e17f72");
    must(open_it(fixture, &fd, &size));
    assert_int_equal(size, 3);
    assert_int_equal(read(fd, text, sizeof(text)), 3);
    assert_string_equal(text, "abc");
    (void)close(fd);
    assert_false(exists(fixture, ".part"));
    must(image_store_remove(fixture->store, &fixture->id));
    must(image_store_remove(fixture->store, &fixture->id));
    assert_int_equal(open_it(fixture, &fd, &size), E_NOT_FOUND);
}

static void test_no_path_from_an_id(void **state)
{
    static const char *const ids[] = {"", "..", "../../etc/passwd", "/etc/passwd", "x"};
    const struct fixture *fixture = *state;
    int fd = -1;
    uint64_t size = 0;
    for (size_t i = 0; i < ARRAY_LEN(ids); i++)
        assert_int_equal(image_open(fixture->store, ids[i], &fd, &size), E_NOT_FOUND);
}

static void test_the_limit(void **state)
{
    const struct fixture *fixture = *state;
    static const char bytes[LIMIT + 1];
    struct image_written written;
    struct image_write *write = begin(fixture);
    must(image_store_write_add(write, bytes, LIMIT));
    assert_int_equal(image_store_write_add(write, bytes, 1), E_TOO_LARGE);
    image_store_write_close(write);
    assert_false(exists(fixture, ".part"));
    write = begin(fixture);
    assert_int_equal(image_store_write_add(write, bytes, sizeof(bytes)), E_TOO_LARGE);
    image_store_write_close(write);
    write = begin(fixture);
    must(image_store_write_add(write, bytes, LIMIT));
    must(image_store_write_finish(write, "raw", NULL, &written));
    image_store_write_close(write);
    assert_int_equal(written.size, LIMIT);
}

static void test_one_writer(void **state)
{
    const struct fixture *fixture = *state;
    struct image_write *write = begin(fixture);
    struct image_write *second = NULL;
    struct image_written written;
    assert_int_equal(image_store_write_begin(fixture->store, &fixture->id, &second), E_CONFLICT);
    assert_true(image_store_is_writing(fixture->store, &fixture->id));
    must(image_store_sweep(fixture->store));
    assert_true(exists(fixture, ".part"));
    must(image_store_write_finish(write, "raw", NULL, &written));
    assert_true(image_store_is_writing(fixture->store, &fixture->id)); /* until close: the row is not active yet */
    image_store_write_close(write);
    assert_false(image_store_is_writing(fixture->store, &fixture->id));
}

static void test_not_what_was_declared(void **state)
{
    const struct fixture *fixture = *state;
    struct image_written written;
    struct image_write *write = begin(fixture);
    must(image_store_write_add(write, "QFI\xfb", 4));
    assert_int_equal(image_store_write_finish(write, "raw", NULL, &written), E_INVALID);
    image_store_write_close(write);
    write = begin(fixture);
    must(image_store_write_add(write, "abc", 3));
    assert_int_equal(image_store_write_finish(write, "raw", "00", &written), E_INVALID);
    image_store_write_close(write);
    assert_false(exists(fixture, ""));
    assert_false(exists(fixture, ".part"));
}

static void test_announced_digest(void **state)
{
    static const char sha512[] = "DDAF35A193617ABACC417349AE20413112E6FA4E89A97EA20A9EEEE64B55D39A"
                                 "2192992A274FC1A836BA3C23A3FEEBBD454D4423643CE80E2A9AC94FA54CA49F";
    const struct fixture *fixture = *state;
    struct image_written written;
    struct image_write *write = begin(fixture);
    must(image_store_write_add(write, "abc", 3));
    must(image_store_write_finish(write, "raw", sha512, &written));
    image_store_write_close(write);
}

/* A file that came by another way than the store's own is looked at before it is used. */
static void test_unsafe_file_is_not_handed_out(void **state)
{
    const struct fixture *fixture = *state;
    uint8_t header[1024] = "QFI\xfb\0\0\0\2\0\0\0\0\0\0\2\0\0\0\0\13";
    char path[160];
    int fd = -1;
    uint64_t size = 0;
    path_of(fixture, "", path);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(header, 1, sizeof(header), file), sizeof(header));
    assert_int_equal(fclose(file), 0);
    assert_int_equal(open_it(fixture, &fd, &size), E_INVALID);
    assert_non_null(strstr(err_message(), "backing file"));
}

static void test_symbolic_link_is_not_followed(void **state)
{
    const struct fixture *fixture = *state;
    char path[160];
    int fd = -1;
    uint64_t size = 0;
    path_of(fixture, "", path);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    assert_int_equal(open_it(fixture, &fd, &size), E_INTERNAL);
}

static void tell(int fd)
{
    if (write(fd, "r", 1) != 1)
        _exit(1);
}

/* A writer in another process, killed in the middle. */
static void test_killed_writer(void **state)
{
    const struct fixture *fixture = *state;
    int ready[2];
    char byte = 0;
    assert_int_equal(pipe(ready), 0);
    const pid_t child = fork();
    if (child == 0) {
        struct image_write *half = NULL;
        if (image_store_write_begin(fixture->store, &fixture->id, &half) == OK && image_store_write_add(half, "half", 4) == OK)
            tell(ready[1]);
        for (;;)
            (void)pause();
    }
    assert_true(child > 0);
    (void)close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    (void)close(ready[0]);
    assert_true(image_store_is_writing(fixture->store, &fixture->id));
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_true(exists(fixture, ".part"));
    assert_false(image_store_is_writing(fixture->store, &fixture->id));
    struct image_write *write = begin(fixture); /* nothing of the half is left in it */
    struct image_written written;
    must(image_store_write_finish(write, "raw", NULL, &written));
    image_store_write_close(write);
    assert_int_equal(written.size, 0);
}

static void test_sweep_takes_leftovers(void **state)
{
    const struct fixture *fixture = *state;
    char path[160];
    path_of(fixture, ".part", path);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
    must(image_store_sweep(fixture->store));
    assert_false(exists(fixture, ".part"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_written_and_read),
        TEST(test_no_path_from_an_id),
        TEST(test_the_limit),
        TEST(test_one_writer),
        TEST(test_not_what_was_declared),
        TEST(test_announced_digest),
        TEST(test_unsafe_file_is_not_handed_out),
        TEST(test_symbolic_link_is_not_followed),
        TEST(test_killed_writer),
        TEST(test_sweep_takes_leftovers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
