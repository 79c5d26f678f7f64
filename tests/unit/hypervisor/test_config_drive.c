/* The image is read back by libarchive, and its label is where ISO 9660 says (ECMA-119 8.4: sector 16, byte 40). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>
#include <cmocka.h>

#undef fail /* err.h has a function of that name */

#include "compute/hypervisor/config_drive.h"

static const char big[100000];

static const struct config_drive_file files[] = {
    {"openstack/latest/meta_data.json", "{\"uuid\": \"x\"}", 13},
    {"openstack/latest/user_data", "#!/bin/sh\n\0binary", 17},
    {"openstack/2012-08-10/meta_data.json", "{}", 2},
    {"openstack/content/0000", big, sizeof(big)},
    {"openstack/latest/a_name_that_is_much_longer_than_what_iso_level_one_allows.json", "", 0},
};

static void has_the_label(void **state)
{
    (void)state;
    int fd = -1;
    size_t length = 0;
    assert_int_equal(config_drive_make("/tmp", files, ARRAY_LEN(files), &fd, &length), OK);
    assert_int_equal(lseek(fd, 0, SEEK_CUR), 0);
    assert_int_equal(lseek(fd, 0, SEEK_END), (off_t)length);
    char sector[2048];
    assert_int_equal(pread(fd, sector, sizeof(sector), 16 * 2048), (ssize_t)sizeof(sector));
    assert_memory_equal(sector, "\1CD001\1", 7);
    assert_memory_equal(sector + 40, "config-2                        ", 32);
    assert_int_equal(close(fd), 0);
}

static const struct config_drive_file *find_file(const char *path)
{
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        if (strcmp(files[i].path, path) == 0)
            return &files[i];
    }
    print_error("%s was not asked for\n", path);
    assert_true(false);
    return NULL;
}

static void reads_back(void **state)
{
    (void)state;
    int fd = -1;
    size_t length = 0;
    assert_int_equal(config_drive_make("/tmp", files, ARRAY_LEN(files), &fd, &length), OK);
    struct archive *archive = archive_read_new();
    assert_int_equal(archive_read_support_format_iso9660(archive), ARCHIVE_OK);
    assert_int_equal(archive_read_open_fd(archive, fd, 2048), ARCHIVE_OK);
    struct archive_entry *entry;
    size_t seen = 0;
    static char bytes[sizeof(big) + 1];
    while (archive_read_next_header(archive, &entry) == ARCHIVE_OK) {
        if (archive_entry_filetype(entry) != AE_IFREG)
            continue;
        const struct config_drive_file *file = find_file(archive_entry_pathname(entry));
        assert_int_equal(archive_read_data(archive, bytes, sizeof(bytes)), (la_ssize_t)file->length);
        assert_memory_equal(bytes, file->bytes, file->length);
        seen++;
    }
    assert_int_equal(seen, ARRAY_LEN(files));
    assert_int_equal(archive_read_free(archive), ARCHIVE_OK);
    assert_int_equal(close(fd), 0);
}

static void says_what_went_wrong(void **state)
{
    (void)state;
    int fd = -7;
    size_t length = 7;
    assert_int_equal(config_drive_make("/nowhere/at/all", files, 1, &fd, &length), E_INTERNAL);
    assert_non_null(strstr(err_message(), "/nowhere/at/all"));
    assert_int_equal(fd, -7);
    assert_int_equal(length, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_the_label),
        cmocka_unit_test(reads_back),
        cmocka_unit_test(says_what_went_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
