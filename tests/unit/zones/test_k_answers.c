/* Bytes on the wire, and what http_call makes of them: an answer, or words for what is wrong with it. */
#include <arpa/inet.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#undef fail

#include "gateway/base/text.h"
#include "zones/http_client.h"

#define LIMIT 1000

/* Answers one request with these bytes, and closes. */
struct speaker {
    int listener;
    char url[64];
    const char *bytes;
    pthread_t thread;
};

static void *speak(void *context)
{
    struct speaker *speaker = context;
    char request[4096];
    size_t length = 0;
    const int fd = accept(speaker->listener, NULL, NULL);
    while (fd >= 0 && length < sizeof(request) - 1) {
        const ssize_t got = recv(fd, request + length, sizeof(request) - 1 - length, 0);
        if (got <= 0)
            break;
        length += (size_t)got;
        request[length] = '\0';
        if (strstr(request, "\r\n\r\n"))
            break;
    }
    (void)!send(fd, speaker->bytes, strlen(speaker->bytes), MSG_NOSIGNAL);
    (void)close(fd);
    return NULL;
}

static void call(const char *method, const char *bytes, struct arena *arena, struct http_answer *out)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    struct speaker speaker = {.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), .bytes = bytes};
    assert_int_equal(bind(speaker.listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(speaker.listener, 1), 0);
    assert_int_equal(getsockname(speaker.listener, (struct sockaddr *)&address, &size), 0);
    (void)snprintf(speaker.url, sizeof(speaker.url), "http://127.0.0.1:%d/", ntohs(address.sin_port));
    assert_int_equal(pthread_create(&speaker.thread, NULL, speak, &speaker), 0);
    const struct http_request request = {.url = speaker.url, .method = method, .answer_limit = LIMIT};
    http_call(arena, &request, budget_from_ms(20000), out);
    assert_int_equal(pthread_join(speaker.thread, NULL), 0);
    (void)close(speaker.listener);
}

#define HEAD "HTTP/1.1 200 OK\r\nX-A: b\r\n"

static void only_whole_answers_are_answers(void **state)
{
    static const struct {
        const char *method;
        const char *bytes;
        enum zone_kind_of_answer kind;
        int status;
        const char *says; /* the body, or in the words */
    } rows[] = {
        {"GET", HEAD "Content-Length: 2\r\n\r\n{}", ZONE_ANSWERED, 200, "{}"},
        {"GET", HEAD "\r\n{}", ZONE_ANSWERED, 200, "{}"},
        {"GET", "HTTP/1.1 100 Continue\r\n\r\n" HEAD "Content-Length: 0\r\n\r\n", ZONE_ANSWERED, 200, ""},
        {"GET", HEAD "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX-B: c\r\n\r\n", ZONE_ANSWERED, 200, "{}"},
        {"HEAD", HEAD "Content-Length: 100000\r\n\r\n", ZONE_ANSWERED, 200, ""},
        {"GET", "HTTP/1.1 599 X\r\nContent-Length: 0\r\n\r\n", ZONE_ANSWERED, 599, ""},
        /* broken off */
        {"GET", HEAD, ZONE_GARBAGE, 0, "within its headers"},
        {"GET", "HTTP/1.1 200 OK\r\nX-A", ZONE_GARBAGE, 0, "within its headers"},
        {"DELETE", HEAD "Content-Length: 0\r\n", ZONE_GARBAGE, 0, "within its headers"},
        {"GET", HEAD "Content-Length: 3\r\n\r\n{}", ZONE_GARBAGE, 0, "closed"},
        /* no status of an answer */
        {"GET", "HTTP/1.1 999 X\r\nContent-Length: 0\r\n\r\n", ZONE_GARBAGE, 0, "status"},
        {"GET", "HTTP/1.1 600 X\r\nContent-Length: 0\r\n\r\n", ZONE_GARBAGE, 0, "status"},
        /* lengths */
        {"GET", HEAD "Content-Length: 1001\r\n\r\n", ZONE_GARBAGE, 0, "too large"},
        {"DELETE", HEAD "Content-Length: 1180591620717411303424\r\n\r\n{}", ZONE_GARBAGE, 0, "too large"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena arena = {0};
        struct http_answer answer;
        call(rows[i].method, rows[i].bytes, &arena, &answer);
        print_message("%s %s -> %s %d %s%s\n", rows[i].method, rows[i].bytes, zone_kind_word(answer.kind), answer.status,
                      answer.body, answer.why ? answer.why : "");
        assert_int_equal(answer.kind, rows[i].kind);
        assert_int_equal(answer.status, rows[i].status);
        if (rows[i].kind == ZONE_ANSWERED)
            assert_string_equal(answer.body, rows[i].says);
        else
            assert_non_null(strstr(answer.why, rows[i].says));
        arena_clear(&arena);
    }
}

static int setup(void **state)
{
    (void)state;
    return http_client_setup() == OK ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(only_whole_answers_are_answers)};
    return cmocka_run_group_tests(tests, setup, NULL);
}
