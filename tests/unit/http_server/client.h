/* A client on a plain socket that sees every byte, for the tests of the server only. Fails the test after 20 s of silence. */
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>
#undef fail /* err.h has a function of that name */

#include "gateway/base/text.h"

struct client {
    int fd;
    struct text input; /* read, not yet used */
};

struct answer {
    int status; /* 0: the connection was closed instead */
    char head[4096];
    struct text body;
};

/* Threads other than the test's may not use cmocka's asserts. */
#define CLIENT_CHECK(condition)                                                                                                    \
    do {                                                                                                                           \
        if (!(condition)) {                                                                                                        \
            (void)fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                                                  \
            abort();                                                                                                               \
        }                                                                                                                          \
    } while (0)

static inline struct client client_open(unsigned port)
{
    struct client client = {.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const struct timeval patience = {20, 0};
    CLIENT_CHECK(client.fd >= 0);
    CLIENT_CHECK(setsockopt(client.fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) == 0);
    CLIENT_CHECK(connect(client.fd, (const struct sockaddr *)&address, sizeof(address)) == 0);
    return client;
}

static inline void client_close(struct client *client)
{
    (void)close(client->fd);
    text_clear(&client->input);
}

/* False: the server closed the connection. */
static inline bool client_send_bytes(struct client *client, const char *bytes, size_t length)
{
    while (length) {
        const ssize_t sent = send(client->fd, bytes, length, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        bytes += sent;
        length -= (size_t)sent;
    }
    return true;
}

static inline void client_send(struct client *client, const char *text)
{
    CLIENT_CHECK(client_send_bytes(client, text, strlen(text)));
}

static inline bool client_read_more(struct client *client)
{
    char buffer[16384];
    const ssize_t got = recv(client->fd, buffer, sizeof(buffer), 0);
    if (got > 0)
        text_add(&client->input, buffer, (size_t)got);
    return got > 0;
}

static inline void client_use(struct client *client, size_t length)
{
    memmove(client->input.bytes, client->input.bytes + length, client->input.length - length + 1);
    client->input.length -= length;
}

/* The value of a header, copied; "" when absent. */
static inline const char *answer_header(const struct answer *answer, const char *name, char *out, size_t size)
{
    out[0] = '\0';
    for (const char *line = strstr(answer->head, "\r\n"); line; line = strstr(line + 2, "\r\n")) {
        const size_t length = strlen(name);
        if (strncasecmp(line + 2, name, length) == 0 && line[2 + length] == ':')
            (void)snprintf(out, size, "%.*s", (int)strcspn(line + 4 + length, "\r"), line + 4 + length);
    }
    return out;
}

static inline void answer_clear(struct answer *answer)
{
    text_clear(&answer->body);
}

/* `bodiless`: the answer to HEAD. */
static inline struct answer client_receive_as(struct client *client, bool bodiless)
{
    struct answer answer = {0};
    char length[32];
    while (!client->input.length || !strstr(client->input.bytes, "\r\n\r\n"))
        if (!client_read_more(client))
            return answer;
    const size_t head = (size_t)(strstr(client->input.bytes, "\r\n\r\n") + 4 - client->input.bytes);
    CLIENT_CHECK(head < sizeof(answer.head));
    memcpy(answer.head, client->input.bytes, head);
    answer.status = (int)strtol(answer.head + 9, NULL, 10);
    client_use(client, head);
    const size_t wanted =
        bodiless ? 0 : (size_t)strtoul(answer_header(&answer, "Content-Length", length, sizeof(length)), NULL, 10);
    while (client->input.length < wanted)
        CLIENT_CHECK(client_read_more(client));
    text_add(&answer.body, client->input.bytes, wanted);
    if (wanted)
        client_use(client, wanted);
    return answer;
}

static inline struct answer client_receive(struct client *client)
{
    return client_receive_as(client, false);
}

/* True when the server closed the connection and sent nothing more. */
static inline bool client_is_closed(struct client *client)
{
    return client->input.length == 0 && !client_read_more(client);
}

static inline struct answer client_get(struct client *client, const char *path)
{
    char request[512];
    (void)snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: test:1\r\n\r\n", path);
    client_send(client, request);
    return client_receive(client);
}
