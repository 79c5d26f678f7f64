/*
 * A load generator for benchmarks: keep-alive connections on one epoll, one request in flight on each, every answer compared with
 * the expected status and, byte for byte, the expected body.
 *
 *   load HOST PORT TARGET CONNECTIONS SECONDS BODY_FILE [HEADER...]
 *
 * Prints one JSON line: requests, errors, seconds, rps, p50_ms, p99_ms; on stderr, how the first wrong answer began. Answers of the
 * first second are checked but not counted. An answer without Content-Length is an error, and so is a connection that the server
 * closes.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { HEAD_MAX = 16384, EVENTS = 64, WARM_UP_US = 1000000 };

struct plan {
    struct sockaddr_in address;
    char request[HEAD_MAX];
    size_t request_length;
    char *body;
    size_t body_length;
    size_t connections;
    int64_t seconds;
};

struct connection {
    int fd;
    size_t sent;
    char *buffer; /* the answer so far */
    size_t used;
    int64_t begin_us;
};

struct result {
    uint32_t *latencies_us;
    size_t count;
    size_t room;
    size_t errors;
    int64_t counted_from_us;
};

static int64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void die(const char *what)
{
    fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    exit(2);
}

static void *must_have(void *memory)
{
    if (!memory)
        die("memory");
    return memory;
}

static void read_body(struct plan *plan, const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END) != 0)
        die(path);
    const long length = ftell(file);
    if (length < 0 || fseek(file, 0, SEEK_SET) != 0)
        die(path);
    plan->body_length = (size_t)length;
    plan->body = must_have(malloc(plan->body_length + 1));
    if (fread(plan->body, 1, plan->body_length, file) != plan->body_length)
        die(path);
    (void)fclose(file);
}

static void write_request(struct plan *plan, const char *host, const char *port, const char *target, char **headers)
{
    int used = snprintf(plan->request, sizeof(plan->request), "GET %s HTTP/1.1\r\nHost: %s:%s\r\n", target, host, port);
    for (; *headers && used < HEAD_MAX; headers++)
        used += snprintf(plan->request + used, sizeof(plan->request) - (size_t)used, "%s\r\n", *headers);
    if (used < HEAD_MAX)
        used += snprintf(plan->request + used, sizeof(plan->request) - (size_t)used, "\r\n");
    if (used >= HEAD_MAX) {
        errno = E2BIG;
        die("request");
    }
    plan->request_length = (size_t)used;
}

static void connection_open(struct connection *connection, const struct plan *plan, int poll_fd)
{
    connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection->fd < 0 || connect(connection->fd, (const struct sockaddr *)&plan->address, sizeof(plan->address)) != 0)
        die("connect");
    if (fcntl(connection->fd, F_SETFL, O_NONBLOCK) != 0)
        die("fcntl");
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = connection};
    if (epoll_ctl(poll_fd, EPOLL_CTL_ADD, connection->fd, &event) != 0)
        die("epoll");
    connection->sent = connection->used = 0;
    connection->begin_us = now_us();
}

static void connection_reopen(struct connection *connection, const struct plan *plan, struct result *result, int poll_fd)
{
    const int shown = connection->used < 1500 ? (int)connection->used : 1500;
    if (result->errors++ == 0 && shown > 0)
        fprintf(stderr, "%.*s\n", shown, connection->buffer);
    else if (result->errors == 1)
        fprintf(stderr, "the server closed the connection\n");
    (void)close(connection->fd);
    connection_open(connection, plan, poll_fd);
}

static void result_add(struct result *result, int64_t begin_us)
{
    const int64_t now = now_us();
    if (now < result->counted_from_us)
        return;
    if (result->count == result->room) {
        result->room = result->room ? result->room * 2 : 65536;
        result->latencies_us = must_have(realloc(result->latencies_us, result->room * sizeof(*result->latencies_us)));
    }
    result->latencies_us[result->count++] = (uint32_t)(now - begin_us);
}

/* The value of Content-Length in a head that ends with a blank line, or -1. */
static long content_length(const char *head)
{
    for (const char *line = strstr(head, "\r\n"); line; line = strstr(line + 2, "\r\n")) {
        if (strncasecmp(line + 2, "Content-Length:", 15) == 0)
            return strtol(line + 17, NULL, 10);
    }
    return -1;
}

enum answer { ANSWER_PARTIAL, ANSWER_GOOD, ANSWER_BAD };

static enum answer answer_check(struct connection *connection, const struct plan *plan)
{
    connection->buffer[connection->used] = '\0';
    char *end = strstr(connection->buffer, "\r\n\r\n");
    if (!end)
        return connection->used >= HEAD_MAX ? ANSWER_BAD : ANSWER_PARTIAL;
    const size_t head = (size_t)(end - connection->buffer) + 4;
    end[2] = '\0'; /* the head alone, for the search */
    const long length = content_length(connection->buffer);
    end[2] = '\r';
    if (strncmp(connection->buffer, "HTTP/1.1 200 ", 13) != 0 || length < 0 || (size_t)length != plan->body_length)
        return ANSWER_BAD;
    if (connection->used < head + plan->body_length)
        return ANSWER_PARTIAL;
    return memcmp(connection->buffer + head, plan->body, plan->body_length) == 0 ? ANSWER_GOOD : ANSWER_BAD;
}

static bool connection_send(struct connection *connection, const struct plan *plan)
{
    while (connection->sent < plan->request_length) {
        const ssize_t n =
            send(connection->fd, plan->request + connection->sent, plan->request_length - connection->sent, MSG_NOSIGNAL);
        if (n < 0)
            return errno == EAGAIN;
        connection->sent += (size_t)n;
    }
    return true;
}

/* False when the connection is of no more use. */
static bool connection_go_on(struct connection *connection, const struct plan *plan, struct result *result)
{
    const size_t room = HEAD_MAX + plan->body_length;
    for (;;) {
        if (!connection_send(connection, plan))
            return false;
        const ssize_t n = recv(connection->fd, connection->buffer + connection->used, room - connection->used, 0);
        if (n < 0 && errno == EAGAIN)
            return true;
        if (n <= 0)
            return false;
        connection->used += (size_t)n;
        const enum answer answer = answer_check(connection, plan);
        if (answer == ANSWER_BAD)
            return false;
        if (answer == ANSWER_PARTIAL)
            continue;
        result_add(result, connection->begin_us);
        connection->sent = connection->used = 0;
        connection->begin_us = now_us();
    }
}

static void run(const struct plan *plan, struct result *result)
{
    const int poll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (poll_fd < 0)
        die("epoll");
    struct connection *connections = must_have(calloc(plan->connections, sizeof(*connections)));
    for (size_t i = 0; i < plan->connections; i++) {
        connections[i].buffer = must_have(malloc(HEAD_MAX + plan->body_length + 1));
        connection_open(&connections[i], plan, poll_fd);
    }
    result->counted_from_us = now_us() + WARM_UP_US;
    const int64_t end_us = result->counted_from_us + plan->seconds * 1000000;
    while (now_us() < end_us) {
        struct epoll_event events[EVENTS];
        const int count = epoll_wait(poll_fd, events, EVENTS, 100);
        for (int i = 0; i < count; i++) {
            struct connection *connection = events[i].data.ptr;
            if (!connection_go_on(connection, plan, result))
                connection_reopen(connection, plan, result, poll_fd);
        }
    }
    for (size_t i = 0; i < plan->connections; i++) {
        (void)close(connections[i].fd);
        free(connections[i].buffer);
    }
    free(connections);
    (void)close(poll_fd);
}

static int compare(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a;
    const uint32_t y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static double quantile_ms(const struct result *result, double quantile)
{
    return result->count ? result->latencies_us[(size_t)((double)(result->count - 1) * quantile)] / 1000.0 : 0;
}

int main(int argc, char **argv)
{
    if (argc < 7) {
        fprintf(stderr, "usage: load HOST PORT TARGET CONNECTIONS SECONDS BODY_FILE [HEADER...]\n");
        return 2;
    }
    struct plan plan = {.address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)strtoul(argv[2], NULL, 10))},
                        .connections = strtoul(argv[4], NULL, 10),
                        .seconds = strtol(argv[5], NULL, 10)};
    if (inet_pton(AF_INET, argv[1], &plan.address.sin_addr) != 1 || plan.connections == 0 || plan.seconds <= 0) {
        errno = EINVAL;
        die("arguments");
    }
    read_body(&plan, argv[6]);
    write_request(&plan, argv[1], argv[2], argv[3], argv + 7);
    struct result result = {0};
    run(&plan, &result);
    qsort(result.latencies_us, result.count, sizeof(*result.latencies_us), compare);
    printf("{\"requests\": %zu, \"errors\": %zu, \"seconds\": %ld, \"rps\": %.1f, \"p50_ms\": %.3f, \"p99_ms\": %.3f}\n",
           result.count, result.errors, (long)plan.seconds, (double)result.count / (double)plan.seconds, quantile_ms(&result, 0.5),
           quantile_ms(&result, 0.99));
    free(result.latencies_us);
    free(plan.body);
    return 0;
}
