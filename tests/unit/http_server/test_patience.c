/* Slow clients: whoever drips a head, a body or a stream is cut off, and nobody else is. */
#include "tests/unit/http_server/zone.h"

#define REQUEST_MS 400
#define PAUSE_US   20000
#define DRIPS_MOST 1000 /* 20 s */

static int start(void **state)
{
    const struct http_server_options options = {.listen = "127.0.0.1:0", .workers = 4, .queue = 16, .request_ms = REQUEST_MS};
    struct http_server *server = NULL;
    log_setup(LOG_LEVEL_ERROR, "test");
    zone_core = (struct http_core){
        .services = zone_services, .hooks = {authenticate, locate}, .max_body = ZONE_MAX_BODY, .budget_ms = 10000};
    assert_int_equal(core_setup(&zone_core), OK);
    assert_int_equal(http_server_start(&options, &zone_core, &zone_hooks, &server), OK);
    *state = server;
    return 0;
}

static int stop(void **state)
{
    zone_stop(*state, 1000);
    return 0;
}

static bool is_over(struct client *client)
{
    char byte = 0;
    return recv(client->fd, &byte, 1, MSG_DONTWAIT) == 0;
}

/* A byte, a pause, a byte …: until the server has enough of it. Returns how many bytes it took. */
static int drip(struct client *client, char byte)
{
    int sent = 0;
    while (sent < DRIPS_MOST && !is_over(client) && client_send_bytes(client, &byte, 1)) {
        (void)usleep(PAUSE_US);
        sent++;
    }
    return sent;
}

static void assert_cut_off(struct http_server *server, const char *start_of_it, char byte)
{
    struct client client = client_open(http_server_port(server));
    client_send(&client, start_of_it);
    const int sent = drip(&client, byte);
    assert_in_range(sent, 1, DRIPS_MOST - 1);
    client_close(&client);
}

static void test_dripped_heads(void **state)
{
    assert_cut_off(*state, "GET /he", 'l');
    assert_cut_off(*state, "GET /hello HTTP/1.1\r\nHost: a\r\nX-Slow: ", 'x');
    assert_cut_off(*state, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 50000\r\nX-Slow: ", 'x');
}

static void test_dripped_bodies(void **state)
{
    assert_cut_off(*state, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 50000\r\n\r\n", 'x');
    assert_cut_off(*state, "GET /none HTTP/1.1\r\nHost: a\r\nContent-Length: 50000\r\n\r\n", 'x');
}

static void test_silence(void **state)
{
    struct client client = client_open(http_server_port(*state));
    assert_true(client_is_closed(&client));
    client_close(&client);
    client = client_open(http_server_port(*state));
    client_send(&client, "GET /hello HTTP/1.1\r\n");
    assert_true(client_is_closed(&client));
    client_close(&client);
}

static void test_dripped_stream(void **state)
{
    const int cut = zone_read(&zone.sinks_cut);
    assert_cut_off(*state, "PUT /stream HTTP/1.1\r\nHost: a\r\nX-Auth-Token: t\r\nContent-Length: 50000\r\n\r\n", 'x');
    zone_wait(&zone.sinks_cut, cut + 1);
}

/* It lasts several times as long as a head may, and is fast enough. */
static void test_long_stream(void **state)
{
    static const char piece[4096] = {0};
    struct client client = client_open(http_server_port(*state));
    client_send(&client, "PUT /stream HTTP/1.1\r\nHost: a\r\nX-Auth-Token: t\r\nContent-Length: 409600\r\n\r\n");
    for (int i = 0; i < 100; i++) {
        assert_true(client_send_bytes(&client, piece, sizeof(piece)));
        (void)usleep(PAUSE_US);
    }
    struct answer answer = client_receive(&client);
    assert_int_equal(answer.status, 201);
    answer_clear(&answer);
    client_close(&client);
}

/* While a handler works the client's time stands still; a kept connection may be quiet for longer than a request may last. */
static void test_our_own_time(void **state)
{
    struct client kept = client_open(http_server_port(*state));
    struct client waiting = client_open(http_server_port(*state));
    struct answer answer = client_get(&kept, "/hello");
    assert_int_equal(answer.status, 200);
    answer_clear(&answer);
    const int at_gate = zone_read(&zone.at_gate);
    zone_set_gate(false);
    client_send(&waiting, "GET /gate HTTP/1.1\r\nHost: a\r\n\r\n");
    zone_wait(&zone.at_gate, at_gate + 1);
    assert_cut_off(*state, "GET /he", 'l'); /* so the time of a request has passed */
    zone_set_gate(true);
    answer = client_receive(&waiting);
    assert_int_equal(answer.status, 200);
    answer_clear(&answer);
    answer = client_get(&kept, "/hello");
    assert_int_equal(answer.status, 200);
    answer_clear(&answer);
    client_close(&waiting);
    client_close(&kept);
}

/* On a kept connection the next request has its own time. */
static void test_dripped_second_head(void **state)
{
    struct client client = client_open(http_server_port(*state));
    struct answer answer = client_get(&client, "/hello");
    assert_int_equal(answer.status, 200);
    answer_clear(&answer);
    client_send(&client, "GET /hello HTTP/1.1\r\nX-Slow: ");
    assert_in_range(drip(&client, 'x'), 1, DRIPS_MOST - 1);
    client_close(&client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dripped_heads),       cmocka_unit_test(test_dripped_bodies), cmocka_unit_test(test_silence),
        cmocka_unit_test(test_dripped_stream),      cmocka_unit_test(test_long_stream),    cmocka_unit_test(test_our_own_time),
        cmocka_unit_test(test_dripped_second_head),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
