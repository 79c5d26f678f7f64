/* Tickets: only the zone that made one can open it, for the same child, server and order; it is no plan entry, nor the reverse. */
#include "gateway/base/clock.h"
#include "gateway/base/seal.h"
#include "gateway/conductor/sealed.h"
#include "gateway/conductor/ticket.h"
#include "gateway/gateway.h"
#include "tests/unit/schema/store.h"

#define SIZING    "{\"vcpus\":1,\"ram_mib\":64}"
#define EXCLUDING "{\"ram_mib\":64,\"vcpus\":1,\"excluded\":[\"x\"]}"
#define LARGER    "{\"vcpus\":2,\"ram_mib\":64}"

#define DAY_US (INT64_C(24) * 3600 * 1000000)

struct fixture {
    struct gateway gateway;
    struct arena arena;
    struct request request;
    struct uuid server;
    struct uuid child;
    json_t *ordered;
    json_t *embedded;
    struct record_parts parts;
};

static int setup(void **state)
{
    static const char *const roles[] = {"member"};
    struct fixture *f = calloc(1, sizeof(*f));
    *state = f;
    must(seal_setup());
    random_bytes(f->gateway.keys.plan, sizeof(f->gateway.keys.plan));
    f->server = uuid_of(1);
    f->child = uuid_of(2);
    f->ordered = json_pack("{s:s, s:{s:i}}", "name", "n\xc3\xbc", "metadata", "a", 1);
    f->embedded = json_pack("{s:{s:s}, s:n}", "flavor", "id", "1", "image");
    f->parts = (struct record_parts){&f->server, f->ordered, f->embedded, "r-1", 0};
    f->request = (struct request){.gateway = &f->gateway,
                                  .arena = &f->arena,
                                  .base_url = "http://root:1",
                                  .mount = "/compute/v2.1",
                                  .caller = {.user_id = "u", .project_id = "p", .roles = roles, .role_count = 1}};
    trace_begin(NULL, &f->request.trace);
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    arena_clear(&f->arena);
    json_decref(f->ordered);
    json_decref(f->embedded);
    free(f);
    return 0;
}

static void a_ticket_comes_back(void **state)
{
    struct fixture *f = *state;
    const struct ticket_from up = {"ours from above", uuid_of(9)};
    struct ticket ticket;
    struct ticket again;
    const int64_t before = clock_wall_us();
    const char *text = ticket_make(&f->request, &f->child, &f->parts, SIZING, NULL);
    must(ticket_open(&f->request, text, &f->child, &f->parts, SIZING, &ticket));
    assert_true(uuid_equal(&ticket.server, &f->server) && uuid_equal(&ticket.child, &f->child));
    assert_null(ticket.up.text);
    assert_string_equal(json_string_value(json_object_get(ticket.told, "project")), "p");
    assert_string_equal(json_string_value(json_array_get(json_object_get(ticket.told, "roles"), 0)), "member");
    assert_true(ticket.expires_us >= before + DAY_US && ticket.expires_us <= clock_wall_us() + DAY_US);
    must(ticket_open(&f->request, text, &f->child, &f->parts, SIZING, &again));
    assert_memory_equal(ticket.hash, again.hash, sizeof(ticket.hash));
    must(ticket_open(&f->request, ticket_make(&f->request, &f->child, &f->parts, SIZING, &up), &f->child, &f->parts, SIZING,
                     &again));
    assert_string_equal(again.up.text, "ours from above");
    assert_true(uuid_equal(&again.up.zone, &up.zone));
    assert_memory_not_equal(ticket.hash, again.hash, sizeof(ticket.hash));
}

/* The order may have been through somebody's JSON: members in another order, other blanks. */
static void the_same_order_written_anew_is_the_same(void **state)
{
    struct fixture *f = *state;
    struct ticket ticket;
    json_auto_t *anew = json_loads("{ \"metadata\" : {\"a\":1}, \"name\":\"n\\u00fc\"}", 0, NULL);
    const char *text = ticket_make(&f->request, &f->child, &f->parts, SIZING, NULL);
    const struct record_parts parts = {&f->server, anew, f->embedded, "r-1", 0};
    must(ticket_open(&f->request, text, &f->child, &parts, EXCLUDING, &ticket));
}

static void it_is_good_for_nothing_else(void **state)
{
    struct fixture *f = *state;
    const struct uuid other = uuid_of(3);
    json_auto_t *changed = json_deep_copy(f->ordered);
    json_auto_t *larger = json_pack("{s:{s:s}, s:n}", "flavor", "id", "2", "image");
    struct ticket ticket;
    assert_int_equal(json_object_set_new(changed, "name", json_string("m")), 0);
    const char *text = ticket_make(&f->request, &f->child, &f->parts, SIZING, NULL);
    const struct {
        const struct uuid *child;
        struct record_parts parts;
        const char *why;
        const char *sizing;
    } cases[] = {
        {&other, f->parts, "The ticket was made for another zone.", SIZING},
        {&f->child, {&other, f->ordered, f->embedded, "r-1", 0}, "The ticket was made for another server.", SIZING},
        {&f->child, {&f->server, changed, f->embedded, "r-1", 0}, "The ticket was made for another order.", SIZING},
        {&f->child, {&f->server, f->ordered, larger, "r-1", 0}, "The ticket was made for another order.", SIZING},
        {&f->child, {&f->server, f->ordered, f->embedded, "r-2", 0}, "The ticket was made for another order.", SIZING},
        {&f->child, {&f->server, f->ordered, f->embedded, "r-1", 1}, "The ticket was made for another order.", SIZING},
        {&f->child, f->parts, "The ticket was made for another order.", LARGER},
        {&f->child, f->parts, "The ticket was made for another order.", "not JSON"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        must_fail(ticket_open(&f->request, text, cases[i].child, &cases[i].parts, cases[i].sizing, &ticket), E_INVALID,
                  cases[i].why);
}

static void a_forged_one_does_not_open(void **state)
{
    struct fixture *f = *state;
    struct ticket ticket;
    struct sealed_entry entry;
    const struct plan_entry place = {.host = uuid_of(4)};
    char *text = arena_strdup(&f->arena, ticket_make(&f->request, &f->child, &f->parts, SIZING, NULL));
    const size_t length = strlen(text);
    for (size_t i = 0; i + 4 < length; i += 7) {
        const char kept = text[i];
        text[i] = kept == 'A' ? 'B' : 'A';
        assert_int_equal(ticket_open(&f->request, text, &f->child, &f->parts, SIZING, &ticket), E_INVALID);
        text[i] = kept;
    }
    must(ticket_open(&f->request, text, &f->child, &f->parts, SIZING, &ticket));
    assert_int_equal(ticket_open(&f->request, "", &f->child, &f->parts, SIZING, &ticket), E_INVALID);
    assert_int_equal(ticket_open(&f->request, "*", &f->child, &f->parts, SIZING, &ticket), E_INVALID);
    /* Neither is taken for the other, though both are sealed with one key. */
    const char *blob = sealed_make(&f->arena, &f->gateway, &place, "{}", "p");
    assert_int_equal(ticket_open(&f->request, blob, &f->child, &f->parts, SIZING, &ticket), E_INVALID);
    assert_int_equal(sealed_open(&f->arena, &f->gateway, text, "{}", "p", &entry), E_INVALID);
    random_bytes(f->gateway.keys.plan, sizeof(f->gateway.keys.plan));
    assert_int_equal(ticket_open(&f->request, text, &f->child, &f->parts, SIZING, &ticket), E_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_ticket_comes_back, setup, teardown),
        cmocka_unit_test_setup_teardown(the_same_order_written_anew_is_the_same, setup, teardown),
        cmocka_unit_test_setup_teardown(it_is_good_for_nothing_else, setup, teardown),
        cmocka_unit_test_setup_teardown(a_forged_one_does_not_open, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
