/* Heads that never become a request: cut off, or refused by the library itself. They leave nothing behind, and the refusal speaks.
 */
#include "tests/unit/http_server/zone.h"

#define PATIENCE_MS 1000

static void wait_inactive(struct http_server *server)
{
    struct http_server_counts counts = {0};
    const int64_t deadline_ms = clock_mono_ms() + 20000;
    for (http_server_count(server, &counts); counts.active; http_server_count(server, &counts)) {
        assert_true(clock_mono_ms() < deadline_ms);
        (void)usleep(1000); /* nobody is told that a connection ended */
    }
}

/* A head whose end came with it in one edge of epoll is a silent client to the library: then patience ends it. */
static void test_cut_heads(void **state)
{
    static const char *const heads[] = {"GET /hello HTTP/1.1\r\n", "GET /hello HTTP/1.1\r\nHost: a\r\n",
                                        "POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nX: "};
    (void)state;
    struct http_server *server = zone_start_patient(1, 1, PATIENCE_MS);
    for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
        struct client client = client_open(http_server_port(server));
        client_send(&client, heads[i]);
        client_close(&client);
    }
    wait_inactive(server);
    zone_stop(server, 1000);
}

static void test_bad_length(void **state)
{
    (void)state;
    struct http_server *server = zone_start(1, 1);
    struct client client = client_open(http_server_port(server));
    client_send(&client, "POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: hi mom\r\n\r\nxxx");
    struct answer answer = client_receive(&client);
    assert_int_equal(answer.status, 400);
    assert_non_null(strstr(text_str(&answer.body), "content-length header must be an integer"));
    assert_true(client_is_closed(&client));
    answer_clear(&answer);
    client_close(&client);
    wait_inactive(server);
    zone_stop(server, 1000);
}

/* More arguments than the library's memory of a connection holds. */
static void test_too_many_arguments(void **state)
{
    (void)state;
    CLEANUP(text_clear) struct text request = {0};
    struct http_server *server = zone_start(1, 1);
    struct client client = client_open(http_server_port(server));
    text_add_str(&request, "GET /hello?a=1");
    for (int i = 0; i < 1000; i++)
        text_add_format(&request, "&resources%d=VCPU:1", i);
    text_add_str(&request, " HTTP/1.1\r\nHost: a\r\n\r\n");
    client_send(&client, text_str(&request));
    struct answer answer = client_receive(&client);
    assert_in_range(answer.status, 400, 499);
    answer_clear(&answer);
    client_close(&client);
    wait_inactive(server);
    zone_stop(server, 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cut_heads), cmocka_unit_test(test_bad_length),
                                       cmocka_unit_test(test_too_many_arguments)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
