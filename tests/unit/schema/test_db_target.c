/* The database URL: every good shape, every bad one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#undef fail /* err.h has a function of that name */

#include "schema/db.h"
#include "gateway/base/text.h"

#define TEN                 "0123456789"
#define NAME_OF_70_BYTES    TEN TEN TEN TEN TEN TEN TEN
#define SOCKET_OF_108_BYTES "/tmp/abc" NAME_OF_70_BYTES TEN TEN TEN

static const struct {
    const char *url;
    struct db_target expected;
} good[] = {
    {"mariadb://u:p@h:3307/n", {"h", NULL, "u", "p", "n", 3307, NULL}},
    {"mariadb://h/n", {"h", NULL, NULL, NULL, "n", 3306, NULL}},
    {"mariadb://u@10.0.0.1/zone_a-1", {"10.0.0.1", NULL, "u", NULL, "zone_a-1", 3306, NULL}},
    {"mariadb://u:p%40%3a%25@[::1]:99/n", {"::1", NULL, "u", "p@:%", "n", 99, NULL}},
    {"mariadb://u:a@b@h/n", {"h", NULL, "u", "a@b", "n", 3306, NULL}},
    {"mariadb://[fe80::1]/n", {"fe80::1", NULL, NULL, NULL, "n", 3306, NULL}},
    {"mariadb:///n?socket=/run/x.sock&user=root", {NULL, "/run/x.sock", "root", NULL, "n", 3306, NULL}},
    {"mariadb:///n?user=r&password=a%26b&socket=/s", {NULL, "/s", "r", "a&b", "n", 3306, NULL}},
};

static const char *const bad[] = {
    "",
    "mysql://u:geheim@h/n",
    "mariadb://u:geheim@h",
    "mariadb://u:geheim@h/",
    "mariadb:///n",
    "mariadb:///n?password=geheim",
    "mariadb://u:geheim@h:x/n",
    "mariadb://u:geheim@h/n?x=geheim",
    "mariadb://h:0/n",
    "mariadb://h:65536/n",
    "mariadb://h:33x/n",
    "mariadb://h:123456789/n",
    "mariadb://h/n`; DROP",
    "mariadb://h/n%2fm",
    "mariadb://[::1/n",
    "mariadb://[::1]x/n",
    "mariadb://u:geheim%4@h/n",
    "mariadb://u:geheim%zz@h/n",
    "mariadb://u:geheim%00@h/n",
    "mariadb://h/n?sockets=/x",
    "mariadb:///n?socket=" SOCKET_OF_108_BYTES,
    "mariadb://h/" NAME_OF_70_BYTES,
};

static void good_urls_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct db_target target = {0};
        assert_int_equal(db_target_parse(good[i].url, &target), OK);
        assert_true(str_equal(target.host, good[i].expected.host));
        assert_true(str_equal(target.socket, good[i].expected.socket));
        assert_true(str_equal(target.user, good[i].expected.user));
        assert_true(str_equal(target.password, good[i].expected.password));
        assert_true(str_equal(target.name, good[i].expected.name));
        assert_int_equal(target.port, good[i].expected.port);
        db_target_clear(&target);
        assert_null(target.name);
    }
}

static void bad_urls_are_refused_without_repeating_passwords(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct db_target target = {.port = 1};
        assert_int_equal(db_target_parse(bad[i], &target), E_INVALID);
        assert_int_equal(target.port, 1);
        assert_true(strlen(err_message()) > 20);
        assert_null(strstr(err_message(), "geheim"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_urls_are_read),
        cmocka_unit_test(bad_urls_are_refused_without_repeating_passwords),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
