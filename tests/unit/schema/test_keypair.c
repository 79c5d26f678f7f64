/* Key pairs against a real server: users apart, the limit, paging by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#undef fail /* err.h has a function of that name */

#include "gateway/base/text.h"
#include "schema/embedded.h"
#include "schema/keypair.h"
#include "schema/migrate.h"

struct fixture {
    struct db_target target;
    struct db *db;
    struct arena arena;
};

static void must(enum err result)
{
    if (result != OK)
        print_error("%s: %s\n", err_name(result), err_message());
    assert_int_equal(result, OK);
}

static void must_fail(enum err result, enum err kind, const char *message)
{
    assert_int_equal(result, kind);
    assert_string_equal(err_message(), message);
}

static void open_database(struct fixture *fixture, const char *url)
{
    static const char drop[] = "DROP TABLE IF EXISTS keypairs;";
    must(db_target_parse(url, &fixture->target));
    free(fixture->target.name);
    fixture->target.name = strdup("zonegate_test_keypair");
    must(db_create_database(&fixture->target));
    must(db_open(&fixture->target, &fixture->db));
    must(db_script(fixture->db, drop, strlen(drop)));
    for (const struct embedded_file *file = embedded_migrations; file->name; file++) {
        if (str_starts(file->name, "0005_"))
            must(db_script(fixture->db, (const char *)file->bytes, file->length));
    }
}

static int setup(void **state)
{
    const char *url = getenv("ZONEGATE_TEST_DATABASE");
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    *state = fixture;
    if (url)
        open_database(fixture, url);
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    db_close(fixture->db);
    db_target_clear(&fixture->target);
    arena_clear(&fixture->arena);
    free(fixture);
    return 0;
}

static struct fixture *need_database(void **state)
{
    struct fixture *fixture = *state;
    if (!fixture->db)
        skip();
    return fixture;
}

static enum err add(struct fixture *fixture, const char *user, const char *name, int64_t limit)
{
    const struct keypair keypair = {
        .user_id = user, .name = name, .type = "ssh", .fingerprint = "aa:bb", .public_key = "ssh-ed25519 AAAA me"};
    return keypair_add(fixture->db, &keypair, limit);
}

static void users_have_their_own(void **state)
{
    struct fixture *fixture = need_database(state);
    struct keypair found;
    must(add(fixture, "u1", "k", 100));
    must(add(fixture, "u2", "k", 100));
    must(add(fixture, "u1", "K", 100));
    must_fail(add(fixture, "u1", "k", 100), E_CONFLICT, "Key pair 'k' already exists.");
    must(keypair_get(fixture->db, &fixture->arena, "u1", "k", &found));
    assert_string_equal(found.user_id, "u1");
    assert_string_equal(found.public_key, "ssh-ed25519 AAAA me");
    assert_string_equal(found.fingerprint, "aa:bb");
    assert_true(found.id > 0 && found.created_us > 0);
    must(keypair_delete(fixture->db, "u1", "k"));
    must_fail(keypair_delete(fixture->db, "u1", "k"), E_NOT_FOUND, "Keypair k not found for user u1");
    must_fail(keypair_get(fixture->db, &fixture->arena, "u1", "k", &found), E_NOT_FOUND, "Keypair k not found for user u1");
    must(keypair_get(fixture->db, &fixture->arena, "u2", "k", &found));
}

static void the_limit_is_per_user(void **state)
{
    struct fixture *fixture = need_database(state);
    must(add(fixture, "l", "1", 2));
    must(add(fixture, "l", "2", 2));
    must_fail(add(fixture, "l", "3", 2), E_FORBIDDEN, "Quota exceeded, too many key pairs.");
    must(add(fixture, "m", "1", 2));
    must(keypair_delete(fixture->db, "l", "1"));
    must(add(fixture, "l", "3", 2));
}

static void pages_go_by_name(void **state)
{
    struct fixture *fixture = need_database(state);
    struct keypairs page;
    for (int i = 6; i >= 0; i--) {
        char name[16];
        (void)snprintf(name, sizeof(name), "k%d", i);
        must(add(fixture, "p", name, 100));
    }
    must(keypair_list(fixture->db, &fixture->arena, "p", NULL, 100, &page));
    assert_int_equal(page.count, 7);
    assert_string_equal(page.items[0].name, "k0");
    must(keypair_list(fixture->db, &fixture->arena, "p", "k2", 3, &page));
    assert_int_equal(page.count, 3);
    assert_string_equal(page.items[0].name, "k3");
    must(keypair_list(fixture->db, &fixture->arena, "p", "k6", 3, &page));
    assert_int_equal(page.count, 0);
    must_fail(keypair_list(fixture->db, &fixture->arena, "p", "zz", 3, &page), E_INVALID, "Marker zz could not be found.");
    must(keypair_list(fixture->db, &fixture->arena, "nobody", NULL, 3, &page));
    assert_int_equal(page.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(users_have_their_own),
        cmocka_unit_test(the_limit_is_per_user),
        cmocka_unit_test(pages_go_by_name),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
