/* Requests over a socket: keep-alive, pipelines, bodies of all kinds, refusals, replies of all kinds, many at once. */
#include "tests/unit/http_server/zone.h"

#define PARALLEL 100
#define EACH     10

static int setup(void **state)
{
    *state = zone_start(8, 2000);
    return 0;
}

static int teardown(void **state)
{
    zone_stop(*state, 5000);
    assert_int_equal(zone.workers_opened, zone.workers_closed);
    assert_true(zone.workers_opened <= 8);
    return 0;
}

static void check(struct answer answer, int status, const char *body)
{
    assert_int_equal(answer.status, status);
    if (body)
        assert_string_equal(text_str(&answer.body), body);
    answer_clear(&answer);
}

static void exchange_text(struct client *client, const char *request, int status, const char *body)
{
    client_send(client, request);
    check(client_receive(client), status, body);
}

static void test_keep_alive(void **state)
{
    struct client client = client_open(http_server_port(*state));
    check(client_get(&client, "/inline"), 200, "hello GET http://test:1 127.0.0.1 server");
    check(client_get(&client, "/hello"), 200, "hello GET http://test:1 127.0.0.1 worker");
    check(client_get(&client, "/hello?x=%20"), 200, NULL);
    check(client_get(&client, "/nowhere"), 404, NULL);
    check(client_get(&client, "/a%2fb"), 400, NULL);
    check(client_get(&client, "/secret"), 401, NULL);
    check(client_get(&client, "/inline"), 200, NULL);
    client_close(&client);
}

static void test_pipeline(void **state)
{
    struct client client = client_open(http_server_port(*state));
    client_send(&client, "GET /hello HTTP/1.1\r\nHost: a\r\n\r\nGET /inline HTTP/1.1\r\nHost: b\r\n\r\n"
                         "POST /echo HTTP/1.1\r\nHost: c\r\nContent-Length: 3\r\n\r\nabcGET /hello HTTP/1.1\r\nHost: d\r\n\r\n");
    check(client_receive(&client), 200, "hello GET http://a 127.0.0.1 worker");
    check(client_receive(&client), 200, "hello GET http://b 127.0.0.1 server");
    check(client_receive(&client), 200, "abc");
    check(client_receive(&client), 200, "hello GET http://d 127.0.0.1 worker");
    client_close(&client);
}

static void test_hosts(void **state)
{
    char expected[128];
    struct client client = client_open(http_server_port(*state));
    (void)snprintf(expected, sizeof(expected), "hello GET http://127.0.0.1:%u 127.0.0.1 server", http_server_port(*state));
    exchange_text(&client, "GET /inline HTTP/1.1\r\nHost: [2001:db8::1]:80\r\n\r\n", 200,
                  "hello GET http://[2001:db8::1]:80 127.0.0.1 server");
    exchange_text(&client, "GET /inline HTTP/1.1\r\nHost: a/b\"<c>\r\n\r\n", 200, expected);
    exchange_text(&client, "GET /inline HTTP/1.1\r\nHost:\r\n\r\n", 200, expected);
    client_close(&client);
}

static void test_replies(void **state)
{
    char value[64];
    struct client client = client_open(http_server_port(*state));
    struct answer answer = client_get(&client, "/json");
    assert_string_equal(answer_header(&answer, "Content-Type", value, sizeof(value)), "application/json");
    assert_string_equal(answer_header(&answer, "Location", value, sizeof(value)), "http://x/");
    check(answer, 202, "{\"a\":1}");
    client_send(&client, "HEAD /json HTTP/1.1\r\nHost: a\r\n\r\n");
    answer = client_receive_as(&client, true);
    assert_string_equal(answer_header(&answer, "Content-Length", value, sizeof(value)), "7");
    check(answer, 202, NULL);
    client_send(&client, "DELETE /nothing HTTP/1.1\r\nHost: a\r\n\r\n");
    answer = client_receive(&client);
    assert_string_equal(answer_header(&answer, "Content-Type", value, sizeof(value)), "");
    check(answer, 204, "");
    answer = client_get(&client, "/file");
    assert_int_equal(answer.body.length, 1000000);
    assert_memory_equal(answer.body.bytes + 999990, "0123456789", 10);
    assert_string_equal(answer_header(&answer, "Content-Type", value, sizeof(value)), "application/octet-stream");
    check(answer, 200, NULL);
    check(client_get(&client, "/headers"), 502, NULL);
    check(client_get(&client, "/json"), 202, NULL);
    client_close(&client);
}

static void test_bodies(void **state)
{
    struct client client = client_open(http_server_port(*state));
    exchange_text(&client, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", 200, "hello");
    exchange_text(&client, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", 200, "");
    exchange_text(&client, "POST /echo HTTP/1.1\r\nHost: a\r\n\r\n", 200, "");
    exchange_text(&client,
                  "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n7;x=y\r\n chunks\r\n0\r\n\r\n",
                  200, "hello chunks");
    exchange_text(&client, "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 200, "");
    exchange_text(&client, "POST /json HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}", 202, "{\"a\":1}");
    exchange_text(&client, "POST /json HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n{", 400, NULL);
    client_send(&client, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    check(client_receive(&client), 100, NULL);
    exchange_text(&client, "abc", 200, "abc");
    client_close(&client);
}

/* A body that comes byte by byte. */
static void test_slow_body(void **state)
{
    struct client client = client_open(http_server_port(*state));
    client_send(&client, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n");
    for (int i = 0; i < 10; i++) {
        struct client other = client_open(http_server_port(*state));
        client_send(&client, "x");
        check(client_get(&other, "/inline"), 200, NULL); /* a full turn of the server in between */
        client_close(&other);
    }
    check(client_receive(&client), 200, "xxxxxxxxxx");
    client_close(&client);
}

static void send_filler(struct client *client, size_t length)
{
    char block[4096];
    memset(block, 'x', sizeof(block));
    for (; length; length -= length < sizeof(block) ? length : sizeof(block))
        if (!client_send_bytes(client, block, length < sizeof(block) ? length : sizeof(block)))
            return;
}

static void test_too_large(void **state)
{
    char head[256];
    struct client client = client_open(http_server_port(*state));
    (void)snprintf(head, sizeof(head), "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n", ZONE_MAX_BODY);
    client_send(&client, head);
    send_filler(&client, ZONE_MAX_BODY);
    check(client_receive(&client), 200, NULL);
    (void)snprintf(head, sizeof(head), "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n", ZONE_MAX_BODY + 1);
    client_send(&client, head);
    send_filler(&client, ZONE_MAX_BODY + 1);
    check(client_receive(&client), 413, NULL);
    check(client_get(&client, "/inline"), 200, NULL); /* the rest was read: the connection lives */
    client_send(&client, "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n11000\r\n");
    send_filler(&client, 0x11000);
    exchange_text(&client, "\r\n0\r\n\r\n", 413, NULL);
    check(client_get(&client, "/inline"), 200, NULL);
    client_send(&client, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 99999\r\nExpect: 100-continue\r\n\r\n");
    check(client_receive(&client), 413, NULL); /* at once, without 100 */
    assert_true(client_is_closed(&client));
    client_close(&client);
    client = client_open(http_server_port(*state));
    client_send(&client, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n");
    check(client_receive(&client), 413, NULL); /* at once: nobody waits for that much */
    client_close(&client);
}

/* What never ends is cut, after some patience. */
static void test_endless_chunks(void **state)
{
    struct client client = client_open(http_server_port(*state));
    client_send(&client, "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n7fffffff\r\n");
    send_filler(&client, (size_t)4 * 1024 * 1024);
    assert_int_equal(client_receive(&client).status, 0);
    client_close(&client);
}

static void test_refused_with_body(void **state)
{
    struct client client = client_open(http_server_port(*state));
    exchange_text(&client, "POST /nowhere HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", 404, NULL);
    check(client_get(&client, "/inline"), 200, NULL);
    client_close(&client);
}

/* One request on a connection of its own, which ends with the answer. */
static struct answer ask_once(struct http_server *server, const char *head, size_t filler)
{
    struct client client = client_open(http_server_port(server));
    client_send(&client, head);
    if (filler)
        send_filler(&client, filler);
    struct answer answer = client_receive(&client);
    client_close(&client);
    return answer;
}

/* What the library refuses by itself is answered in the service's own form, as soon as nobody else is there: the connections of
 * former tests may not have ended yet. */
static void test_malformed_heads(void **state)
{
    static const struct {
        const char *head;
        size_t filler;
        int status;
        const char *says;
    } rows[] = {
        {"GET /inline HTTP/1.1\r\n\r\n", 0, 400, "{\"badRequest\":"},
        {"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: many\r\n\r\n", 0, 400, "{\"badRequest\":"},
        {"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 0, 400, "{\"badRequest\":"},
        {"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1180591620717411303424\r\n\r\n", 0, 413, "{\"overLimit\":"},
        {"GET /inline HTTP/1.1\r\nHost: a\r\nnonsense\r\n\r\n", 0, 400, "{\"badRequest\":"},
        {"GET /inline HTTP/1.1\r\nHost: a\r\nX-Long: ", (size_t)64 * 1024, 431, "{\"computeFault\":"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        bool good = false;
        for (int attempt = 0; attempt < 200 && !good; attempt++) {
            struct answer answer = ask_once(*state, rows[i].head, rows[i].filler);
            assert_int_equal(answer.status, rows[i].status);
            good = strstr(text_str(&answer.body), rows[i].says) != NULL;
            answer_clear(&answer);
        }
        assert_true(good);
    }
}

/* With others there it is the library's page, and theirs is not touched. */
static void test_malformed_heads_beside_others(void **state)
{
    struct client other = client_open(http_server_port(*state));
    client_send(&other, "GET /inline HTTP/1.1\r\nHost: b\r\n");
    for (int i = 0; i < 20; i++) {
        struct answer answer = ask_once(*state, "GET /inline HTTP/1.1\r\nHost: a\r\nnonsense\r\n\r\n", 0);
        assert_int_equal(answer.status, 400);
        answer_clear(&answer);
        answer = ask_once(*state, "nonsense\r\n\r\n", 0);
        answer_clear(&answer);
    }
    client_send(&other, "\r\n");
    check(client_receive(&other), 200, NULL);
    client_close(&other);
}

static void test_stream(void **state)
{
    const int complete = zone_read(&zone.sinks_complete);
    struct client client = client_open(http_server_port(*state));
    client_send(&client, "PUT /stream HTTP/1.1\r\nHost: a\r\nX-Auth-Token: t\r\nContent-Length: 1000000\r\n\r\n");
    send_filler(&client, 1000000);
    check(client_receive(&client), 201, "1000000");
    exchange_text(&client, "PUT /stream HTTP/1.1\r\nHost: a\r\nX-Auth-Token: t\r\nContent-Length: 0\r\n\r\n", 201, "0");
    exchange_text(&client,
                  "PUT /stream HTTP/1.1\r\nHost: a\r\nX-Auth-Token: t\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
                  201, "3");
    client_send(&client, "PUT /stream HTTP/1.1\r\nHost: a\r\nX-Auth-Token: t\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    check(client_receive(&client), 100, NULL);
    exchange_text(&client, "abc", 201, "3");
    assert_int_equal(zone_read(&zone.sinks_complete), complete + 4);
    client_close(&client);
}

static void test_refused_stream(void **state)
{
    const int ran = zone_read(&zone.ran);
    const int cut = zone_read(&zone.sinks_cut);
    struct client client = client_open(http_server_port(*state));
    exchange_text(&client, "PUT /stream HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", 401, NULL);
    check(client_get(&client, "/inline"), 200, NULL);
    client_send(&client, "PUT /stream HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    check(client_receive(&client), 401, NULL); /* no byte of the body was asked for */
    client_close(&client);
    client = client_open(http_server_port(*state));
    client_send(&client, "PUT /stream?most=1 HTTP/1.1\r\nHost: a\r\nX-Auth-Token: t\r\nContent-Length: 5000\r\n\r\n");
    send_filler(&client, 5000);
    check(client_receive(&client), 413, NULL);
    check(client_get(&client, "/inline"), 200, NULL);
    assert_int_equal(zone_read(&zone.ran), ran);
    assert_int_equal(zone_read(&zone.sinks_cut), cut + 1);
    client_close(&client);
}

static void test_client_leaves(void **state)
{
    const int ran = zone_read(&zone.ran);
    const int cut = zone_read(&zone.sinks_cut);
    struct client client = client_open(http_server_port(*state));
    client_send(&client, "PUT /stream HTTP/1.1\r\nHost: a\r\nX-Auth-Token: t\r\nContent-Length: 100\r\n\r\nhalf");
    client_close(&client);
    zone_wait(&zone.sinks_cut, cut + 1);
    client = client_open(http_server_port(*state));
    client_send(&client, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf");
    client_close(&client);
    client = client_open(http_server_port(*state));
    client_send(&client, "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
    client_close(&client);
    client = client_open(http_server_port(*state));
    client_send(&client, "GET /hel");
    client_close(&client);
    assert_int_equal(zone_read(&zone.ran), ran);
}

static void *talk(void *server)
{
    struct client client = client_open(http_server_port(server));
    for (int i = 0; i < EACH; i++) {
        char request[256];
        char body[32];
        (void)snprintf(body, sizeof(body), "%p-%d", (void *)&client, i);
        (void)snprintf(request, sizeof(request), "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n%s", strlen(body),
                       body);
        client_send(&client, request);
        struct answer answer = client_receive(&client);
        CLIENT_CHECK(answer.status == 200 && strcmp(text_str(&answer.body), body) == 0);
        answer_clear(&answer);
    }
    client_close(&client);
    return NULL;
}

static void test_parallel(void **state)
{
    pthread_t threads[PARALLEL];
    struct http_server_counts counts;
    for (int i = 0; i < PARALLEL; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, talk, *state), 0);
    for (int i = 0; i < PARALLEL; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    http_server_count(*state, &counts);
    assert_true(counts.workers <= 8);
    assert_int_equal(counts.queued, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keep_alive),
        cmocka_unit_test(test_pipeline),
        cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_replies),
        cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_slow_body),
        cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_endless_chunks),
        cmocka_unit_test(test_malformed_heads_beside_others),
        cmocka_unit_test(test_malformed_heads),
        cmocka_unit_test(test_refused_with_body),
        cmocka_unit_test(test_stream),
        cmocka_unit_test(test_refused_stream),
        cmocka_unit_test(test_client_leaves),
        cmocka_unit_test(test_parallel),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
