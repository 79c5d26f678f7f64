/* Limits and ends: a full queue, workers that cannot be opened, every way in which the server stops. */
#include "tests/unit/http_server/zone.h"

static int setup(void **state)
{
    (void)state;
    zone_set_gate(false);
    (void)pthread_mutex_lock(&zone.lock);
    zone.at_gate = 0;
    zone.workers_fail = false;
    (void)pthread_mutex_unlock(&zone.lock);
    return 0;
}

static struct client send_get(const struct http_server *server, const char *path)
{
    char request[256];
    struct client client = client_open(http_server_port(server));
    (void)snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", path);
    client_send(&client, request);
    return client;
}

static void check_and_close(struct client *client, int status, const char *part)
{
    struct answer answer = client_receive(client);
    assert_int_equal(answer.status, status);
    assert_non_null(strstr(text_str(&answer.body), part));
    answer_clear(&answer);
    client_close(client);
}

static void wait_queued(struct http_server *server, size_t queued)
{
    struct http_server_counts counts = {0};
    const int64_t deadline_ms = clock_mono_ms() + 20000;
    for (http_server_count(server, &counts); counts.queued != queued; http_server_count(server, &counts)) {
        assert_true(clock_mono_ms() < deadline_ms);
        (void)usleep(1000); /* the queue tells nobody of its length */
    }
}

static void test_full_queue(void **state)
{
    (void)state;
    char value[32];
    struct http_server *server = zone_start(1, 1);
    struct client running = send_get(server, "/gate");
    zone_wait(&zone.at_gate, 1);
    struct client waiting = send_get(server, "/gate");
    wait_queued(server, 1);
    struct client refused = client_open(http_server_port(server));
    struct answer answer = client_get(&refused, "/hello");
    assert_int_equal(answer.status, 503);
    assert_string_equal(answer_header(&answer, "Retry-After", value, sizeof(value)), "1");
    assert_string_equal(answer_header(&answer, "Connection", value, sizeof(value)), "");
    answer_clear(&answer);
    answer = client_get(&refused, "/inline"); /* needs no worker */
    assert_int_equal(answer.status, 200);
    answer_clear(&answer);
    zone_set_gate(true);
    check_and_close(&running, 200, "passed");
    check_and_close(&waiting, 200, "passed");
    answer = client_get(&refused, "/hello");
    assert_int_equal(answer.status, 200);
    answer_clear(&answer);
    client_close(&refused);
    zone_stop(server, 5000);
}

/* A stream that was taken in does not lose to a full queue. */
static void test_stream_and_full_queue(void **state)
{
    (void)state;
    struct http_server *server = zone_start(1, 1);
    struct client stream = client_open(http_server_port(server));
    client_send(&stream, "PUT /stream HTTP/1.1\r\nHost: a\r\nX-Auth-Token: t\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    struct answer answer = client_receive(&stream);
    assert_int_equal(answer.status, 100);
    answer_clear(&answer);
    struct client running = send_get(server, "/gate");
    zone_wait(&zone.at_gate, 1);
    struct client waiting = send_get(server, "/gate");
    wait_queued(server, 1);
    client_send(&stream, "abc");
    wait_queued(server, 2);
    zone_set_gate(true);
    check_and_close(&stream, 201, "3");
    check_and_close(&running, 200, "passed");
    check_and_close(&waiting, 200, "passed");
    zone_stop(server, 5000);
}

static void set_workers_fail(bool fails)
{
    (void)pthread_mutex_lock(&zone.lock);
    zone.workers_fail = fails;
    (void)pthread_mutex_unlock(&zone.lock);
}

static void test_workers_that_fail(void **state)
{
    (void)state;
    const int opened = zone_read(&zone.workers_opened);
    struct http_server *server = zone_start(1, 10);
    set_workers_fail(true);
    for (int i = 0; i < 3; i++) {
        struct client client = send_get(server, "/hello");
        check_and_close(&client, 503, "cannot reach");
    }
    struct client stream = client_open(http_server_port(server));
    client_send(&stream, "PUT /stream HTTP/1.1\r\nHost: a\r\nX-Auth-Token: t\r\nContent-Length: 3\r\n\r\nabc");
    check_and_close(&stream, 503, "cannot reach");
    set_workers_fail(false);
    struct client client = send_get(server, "/hello");
    check_and_close(&client, 200, "hello");
    assert_int_equal(zone_read(&zone.workers_opened), opened + 1);
    zone_stop(server, 5000);
    assert_int_equal(zone.workers_opened, zone.workers_closed);
}

static void test_stop_idle(void **state)
{
    (void)state;
    struct http_server *server = zone_start(2, 10);
    struct client client = send_get(server, "/hello");
    struct answer answer = client_receive(&client);
    assert_int_equal(answer.status, 200);
    answer_clear(&answer);
    const int64_t before_ms = clock_mono_ms();
    zone_stop(server, 60000); /* a kept connection without a request is not waited for */
    assert_true(clock_mono_ms() - before_ms < 10000);
    assert_true(client_is_closed(&client));
    client_close(&client);
}

struct stopping {
    struct http_server *server;
    int64_t grace_ms;
};

static void *stop_in_thread(void *argument)
{
    const struct stopping *stopping = argument;
    zone_stop(stopping->server, stopping->grace_ms);
    return NULL;
}

/* Until the server refuses: the port is closed for new connections. */
static void wait_draining(unsigned port)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int64_t deadline_ms = clock_mono_ms() + 20000;
    for (int refused = 0; !refused;) {
        const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        refused = connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0;
        (void)close(fd);
        assert_true(clock_mono_ms() < deadline_ms);
    }
}

/* What runs ends; a kept connection is told to go. */
static void test_stop_gracefully(void **state)
{
    (void)state;
    char value[32];
    pthread_t thread;
    struct stopping stopping = {zone_start(1, 10), 20000};
    const unsigned port = http_server_port(stopping.server);
    struct client kept = send_get(stopping.server, "/inline");
    struct answer answer = client_receive(&kept);
    answer_clear(&answer);
    struct client running = send_get(stopping.server, "/gate");
    zone_wait(&zone.at_gate, 1);
    struct client waiting = send_get(stopping.server, "/hello");
    wait_queued(stopping.server, 1);
    assert_int_equal(pthread_create(&thread, NULL, stop_in_thread, &stopping), 0);
    wait_draining(port);
    answer = client_get(&kept, "/inline");
    assert_int_equal(answer.status, 503);
    assert_string_equal(answer_header(&answer, "Connection", value, sizeof(value)), "close");
    answer_clear(&answer);
    assert_true(client_is_closed(&kept));
    client_close(&kept);
    zone_set_gate(true);
    check_and_close(&running, 200, "passed");
    check_and_close(&waiting, 200, "hello");
    assert_int_equal(pthread_join(thread, NULL), 0);
}

/* After the grace period: what waits is refused, what runs is cut; its handler still ends before the server is gone. */
static void test_stop_hard(void **state)
{
    (void)state;
    pthread_t thread;
    struct stopping stopping = {zone_start(1, 10), 100};
    struct client running = send_get(stopping.server, "/gate");
    zone_wait(&zone.at_gate, 1);
    struct client waiting = send_get(stopping.server, "/gate");
    wait_queued(stopping.server, 1);
    struct client half = client_open(http_server_port(stopping.server));
    client_send(&half, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf");
    assert_int_equal(pthread_create(&thread, NULL, stop_in_thread, &stopping), 0);
    check_and_close(&waiting, 503, "stopping");
    assert_true(client_is_closed(&running));
    assert_true(client_is_closed(&half));
    zone_set_gate(true);
    assert_int_equal(pthread_join(thread, NULL), 0);
    client_close(&running);
    client_close(&half);
}

/* Stops while many requests come and go: every handler ends, nothing hangs, nothing is used after its end. */
static void *hammer(void *argument)
{
    const unsigned port = *(const unsigned *)argument;
    struct client client = client_open(port);
    for (int i = 0; i < 10000; i++) {
        struct answer answer = {0};
        const char *request = i % 2 ? "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"
                                    : "PUT /stream HTTP/1.1\r\nHost: a\r\nX-Auth-Token: t\r\nContent-Length: 3\r\n\r\nabc";
        if (client_send_bytes(&client, request, strlen(request)))
            answer = client_receive(&client);
        const int status = answer.status;
        answer_clear(&answer);
        if (status != 200 && status != 201)
            break;
    }
    client_close(&client);
    return NULL;
}

static void test_stop_under_load(void **state)
{
    (void)state;
    for (int round = 0; round < 5; round++) {
        pthread_t threads[8];
        struct http_server *server = zone_start(4, 100);
        unsigned port = http_server_port(server);
        const int ran = zone_read(&zone.ran);
        for (size_t i = 0; i < ARRAY_LEN(threads); i++)
            assert_int_equal(pthread_create(&threads[i], NULL, hammer, &port), 0);
        zone_wait(&zone.ran, ran + 50);
        zone_stop(server, round % 2 ? 0 : 1000);
        for (size_t i = 0; i < ARRAY_LEN(threads); i++)
            assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(zone.workers_opened, zone.workers_closed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_full_queue, setup),        cmocka_unit_test_setup(test_stream_and_full_queue, setup),
        cmocka_unit_test_setup(test_workers_that_fail, setup), cmocka_unit_test_setup(test_stop_idle, setup),
        cmocka_unit_test_setup(test_stop_gracefully, setup),   cmocka_unit_test_setup(test_stop_hard, setup),
        cmocka_unit_test_setup(test_stop_under_load, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
