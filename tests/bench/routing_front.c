/*
 * Children whose time is known, for the cost of a fan-out. One front per child stands before a real zone and passes on what it is
 * asked (so the zone joins and is polled through it); from the command `answer` on it answers one path itself, DELAY_US after the
 * request was there, with the bytes of a file. `ask` then sends requests to the parent, one after the other, and prints per request
 * what its answer took beyond the slowest child: from the first byte sent to the last byte read, less the longest time between a
 * child's having read its request and its beginning to write the answer.
 *
 *   routing_front PATH CHILD_PORT:DELAY_US:FILE...    prints the ports of the fronts in one line, then obeys lines of standard
 * input answer                                          reads the files; prints "ok" ask PORT ROUNDS REQUEST_FILE BODY_FILE prints
 * {"errors": N, "total_us": [...], "overhead_us": [...]}
 *
 * A wrong status or body, or a round in which not every front of the parent was asked exactly once (the number that the first round
 * asked), is an error. Serves on 127.0.0.1; ends with its standard input. Not a proxy for anything else: messages have
 * Content-Length.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { ROOM = 1 << 20, ROUNDS_MOST = 100000 };

struct text {
    char *bytes;
    size_t length;
};

struct front {
    const char *path; /* what is answered here */
    atomic_bool answers;
    pthread_mutex_t lock; /* guards the two below */
    int64_t slowest_us;
    size_t answered;
};

struct child {
    struct front *front;
    int listener;
    uint16_t port; /* of the real zone */
    int64_t delay_us;
    const char *file;
    struct text answer;
};

struct talk { /* one connection to a child's front */
    struct child *child;
    int fd;
};

static int64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void die(const char *what)
{
    fprintf(stderr, "routing_front: %s: %s\n", what, strerror(errno));
    exit(2);
}

static void *must_have(void *memory)
{
    if (!memory)
        die("memory");
    return memory;
}

static struct text read_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        die(path);
    struct text text = {.bytes = must_have(malloc(ROOM))};
    text.length = fread(text.bytes, 1, ROOM, file);
    (void)fclose(file);
    return text;
}

static int connect_to(uint16_t port)
{
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    const struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (fd >= 0)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    if (fd >= 0)
        (void)close(fd);
    return -1;
}

static bool send_all(int fd, const char *bytes, size_t length)
{
    while (length > 0) {
        const ssize_t n = send(fd, bytes, length, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        bytes += n;
        length -= (size_t)n;
    }
    return true;
}

/* --- messages */

/* What a message in `buffer` needs in all, 0 while its head is not whole. */
static size_t message_needs(char *buffer, size_t used, size_t *head)
{
    buffer[used] = '\0';
    char *end = strstr(buffer, "\r\n\r\n");
    if (!end)
        return 0;
    *head = (size_t)(end - buffer) + 4;
    size_t body = 0;
    for (char *line = strstr(buffer, "\r\n"); line && line < end; line = strstr(line + 2, "\r\n")) {
        if (strncasecmp(line + 2, "Content-Length:", 15) == 0)
            body = strtoul(line + 17, NULL, 10);
    }
    return *head + body;
}

/* Reads one message; its length, 0 at the end of the connection. `buffer` has ROOM bytes and one more. */
static size_t message_read(int fd, char *buffer, size_t *head)
{
    size_t used = 0;
    for (;;) {
        const ssize_t n = used < ROOM ? recv(fd, buffer + used, ROOM - used, 0) : 0;
        if (n <= 0)
            return 0;
        used += (size_t)n;
        const size_t needs = message_needs(buffer, used, head);
        if (needs && used >= needs)
            return needs;
    }
}

/* --- the children */
static bool is_ours(const char *request, const char *path)
{
    const char *target = strchr(request, ' ');
    const size_t length = target ? strcspn(target + 1, " ?") : 0;
    return target && length == strlen(path) && strncmp(target + 1, path, length) == 0;
}

static bool answer_here(const struct talk *talk, int64_t begin_us)
{
    const struct child *child = talk->child;
    const int64_t at = begin_us + child->delay_us;
    const struct timespec until = {.tv_sec = at / 1000000, .tv_nsec = at % 1000000 * 1000};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
        continue;
    /* Counted before the answer is out: the parent may be done before this thread runs again. */
    struct front *front = child->front;
    pthread_mutex_lock(&front->lock);
    const int64_t took = now_us() - begin_us;
    front->slowest_us = took > front->slowest_us ? took : front->slowest_us;
    front->answered++;
    pthread_mutex_unlock(&front->lock);
    return send_all(talk->fd, child->answer.bytes, child->answer.length);
}

/* The real zone's answer to a request that is passed on as it is. */
static bool pass_on(const struct talk *talk, char *buffer, size_t length)
{
    const int zone = connect_to(talk->child->port);
    size_t head = 0;
    size_t answer = 0;
    if (zone >= 0 && send_all(zone, buffer, length))
        answer = message_read(zone, buffer, &head);
    if (zone >= 0)
        (void)close(zone);
    return answer > 0 && send_all(talk->fd, buffer, answer);
}

static void *talk_run(void *argument)
{
    struct talk *talk = argument;
    char *buffer = must_have(malloc(ROOM + 1));
    size_t head = 0;
    size_t length = 0;
    bool good = true;
    while (good && (length = message_read(talk->fd, buffer, &head)) > 0) {
        const int64_t begin_us = now_us();
        const struct front *front = talk->child->front;
        good = front->answers && is_ours(buffer, front->path) ? answer_here(talk, begin_us) : pass_on(talk, buffer, length);
    }
    (void)close(talk->fd);
    free(buffer);
    free(talk);
    return NULL;
}

static void thread_start(void *(*run)(void *), void *argument)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, run, argument) != 0)
        die("thread");
    pthread_detach(thread);
}

static void *child_run(void *argument)
{
    struct child *child = argument;
    for (;;) {
        const int fd = accept4(child->listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0)
            continue;
        const int on = 1;
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        struct talk *talk = must_have(malloc(sizeof(*talk)));
        *talk = (struct talk){.child = child, .fd = fd};
        thread_start(talk_run, talk);
    }
    return NULL;
}

/* Opens the front of "PORT:DELAY_US:FILE" and prints its port. */
static void child_open(struct child *child, struct front *front, char *words)
{
    char *rest = NULL;
    child->front = front;
    child->port = (uint16_t)strtoul(words, &rest, 10);
    child->delay_us = *rest ? strtol(rest + 1, &rest, 10) : 0;
    child->file = *rest ? rest + 1 : "";
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    child->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (child->listener < 0 || bind(child->listener, (struct sockaddr *)&address, length) != 0 ||
        listen(child->listener, 64) != 0 || getsockname(child->listener, (struct sockaddr *)&address, &length) != 0)
        die("listen");
    printf("%u ", ntohs(address.sin_port));
    thread_start(child_run, child);
}

/* --- the client */
struct ask {
    struct text request;
    struct text body;
    size_t children; /* that the first round asked */
    size_t errors;
    size_t rounds;
    int64_t *total_us;
    int64_t *overhead_us;
};

static bool is_right(const struct ask *ask, const char *buffer, size_t length, size_t head)
{
    return length == head + ask->body.length && strncmp(buffer, "HTTP/1.1 200 ", 13) == 0 &&
           memcmp(buffer + head, ask->body.bytes, ask->body.length) == 0;
}

static void ask_round(struct ask *ask, struct front *front, int fd, char *buffer)
{
    pthread_mutex_lock(&front->lock);
    front->slowest_us = 0;
    front->answered = 0;
    pthread_mutex_unlock(&front->lock);
    size_t head = 0;
    const int64_t begin_us = now_us();
    const size_t length = send_all(fd, ask->request.bytes, ask->request.length) ? message_read(fd, buffer, &head) : 0;
    const int64_t total_us = now_us() - begin_us;
    pthread_mutex_lock(&front->lock);
    const int64_t slowest_us = front->slowest_us;
    const size_t answered = front->answered;
    pthread_mutex_unlock(&front->lock);
    ask->children = ask->children ? ask->children : answered;
    if (!length || !is_right(ask, buffer, length, head) || answered != ask->children || answered == 0) {
        if (ask->errors++ == 0)
            fprintf(stderr, "%zu children asked, answer:\n%.*s\n", answered, (int)(length < 2000 ? length : 2000), buffer);
        return;
    }
    ask->total_us[ask->rounds] = total_us;
    ask->overhead_us[ask->rounds++] = total_us - slowest_us;
}

static void print_list(const char *name, const int64_t *values, size_t count)
{
    printf(", \"%s\": [", name);
    for (size_t i = 0; i < count; i++)
        printf("%s%lld", i ? ", " : "", (long long)values[i]);
    printf("]");
}

static void ask_run(struct front *front, const char *line)
{
    unsigned port = 0;
    unsigned rounds = 0;
    char request[1024];
    char body[1024];
    if (sscanf(line, "ask %u %u %1023s %1023s", &port, &rounds, request, body) != 4 || rounds > ROUNDS_MOST) {
        errno = EINVAL;
        die(line);
    }
    struct ask ask = {.request = read_file(request),
                      .body = read_file(body),
                      .total_us = must_have(calloc(rounds, sizeof(int64_t))),
                      .overhead_us = must_have(calloc(rounds, sizeof(int64_t)))};
    char *buffer = must_have(malloc(ROOM + 1));
    const int fd = connect_to((uint16_t)port);
    if (fd < 0)
        die("connect");
    for (unsigned i = 0; i < rounds; i++)
        ask_round(&ask, front, fd, buffer);
    (void)close(fd);
    printf("{\"errors\": %zu, \"children\": %zu", ask.errors, ask.children);
    print_list("total_us", ask.total_us, ask.rounds);
    print_list("overhead_us", ask.overhead_us, ask.rounds);
    printf("}\n");
    free(buffer);
    free(ask.request.bytes);
    free(ask.body.bytes);
    free(ask.total_us);
    free(ask.overhead_us);
}

static void answer_from_now(struct front *front, struct child *children, size_t count)
{
    for (size_t i = 0; i < count; i++)
        children[i].answer = read_file(children[i].file);
    front->answers = true;
    printf("ok\n");
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: routing_front PATH CHILD_PORT:DELAY_US:FILE...\n");
        return 2;
    }
    struct front front = {.path = argv[1], .lock = PTHREAD_MUTEX_INITIALIZER};
    const size_t count = (size_t)argc - 2;
    struct child *children = must_have(calloc(count, sizeof(*children)));
    for (size_t i = 0; i < count; i++)
        child_open(&children[i], &front, argv[i + 2]);
    printf("\n");
    (void)fflush(stdout);
    char line[4096];
    while (fgets(line, sizeof(line), stdin)) {
        if (strncmp(line, "answer", 6) == 0)
            answer_from_now(&front, children, count);
        else
            ask_run(&front, line);
        (void)fflush(stdout);
    }
    exit(0); /* the fronts' threads still listen */
}
