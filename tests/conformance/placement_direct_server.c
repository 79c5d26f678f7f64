/*
 * placement_direct_server PORT DATABASE_URL PROFILE: HTTP on 127.0.0.1:PORT, each request answered by one call of placement_direct.
 *
 * For the conformance tests only: one connection at a time and one request on each, Content-Length bodies, no TLS, no limits. It
 * shows that what the direct interface answers is what the socket answers. Users come from headers as with auth_strategy = noauth2.
 */
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "compute/placement/resource_class.h"
#include "gateway/api/placement/direct.h"
#include "gateway/api/placement/service.h"
#include "gateway/base/log.h"
#include "gateway/base/seal.h"
#include "schema/json/json.h"
#include "schema/migrate.h"

#define HEAD_MAX 262144

struct connection {
    int fd;
    struct text input;
};

static const struct profile {
    const char *name;
    bool secure;
    bool open;
    const char *origin;
} profiles[] = {{"default", false, false, ""},
                {"legacy-rbac", false, false, ""},
                {"secure-rbac", true, false, ""},
                {"open-policy", false, true, ""},
                {"cors", false, false, "http://valid.example.com"}};

static char *copy(const char *text)
{
    char *copied = strdup(text);
    if (!copied)
        abort();
    return copied;
}

static bool apply_profile(struct config *config, const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(profiles); i++) {
        if (strcmp(profiles[i].name, name) != 0)
            continue;
        config->placement.enforce_scope = profiles[i].secure;
        config->placement.new_defaults = profiles[i].secure;
        config->placement.open_policy = profiles[i].open;
        free(config->placement.allowed_origin);
        free(config->placement.allow_headers);
        config->placement.allowed_origin = copy(profiles[i].origin);
        config->placement.allow_headers = copy("openstack-api-version");
        return true;
    }
    return false;
}

static bool receive(struct connection *connection)
{
    char buffer[65536];
    const ssize_t got = recv(connection->fd, buffer, sizeof(buffer), 0);
    if (got <= 0)
        return false;
    text_add(&connection->input, buffer, (size_t)got);
    return true;
}

/* The length of the head with its blank line; 0: the peer is done. */
static size_t receive_head(struct connection *connection)
{
    for (;;) {
        const char *end = strstr(text_str(&connection->input), "\r\n\r\n");
        if (end)
            return (size_t)(end - connection->input.bytes) + 4;
        if (connection->input.length > HEAD_MAX || !receive(connection))
            return 0;
    }
}

static void read_headers(struct arena *arena, const char *head, struct http_pairs *out)
{
    const char *line = strstr(head, "\r\n") + 2;
    while (strncmp(line, "\r\n", 2) != 0 && *line) {
        const char *end = strstr(line, "\r\n");
        const char *colon = memchr(line, ':', (size_t)(end - line));
        if (colon) {
            const char *value = colon + 1 + strspn(colon + 1, " \t");
            pairs_add(arena, out, arena_strndup(arena, line, (size_t)(colon - line)),
                      arena_strndup(arena, value, (size_t)(end - value)));
        }
        line = end + 2;
    }
}

static void send_all(int fd, const char *bytes, size_t length)
{
    while (length) {
        const ssize_t sent = send(fd, bytes, length, MSG_NOSIGNAL);
        if (sent <= 0)
            return;
        bytes += sent;
        length -= (size_t)sent;
    }
}

static void send_answer(int fd, const struct placement_answer *answer, bool head_only)
{
    CLEANUP(text_clear) struct text out = {0};
    text_add_format(&out, "HTTP/1.1 %d Answer\r\n", answer->status);
    for (size_t i = 0; i < answer->headers->count; i++)
        text_add_format(&out, "%s: %s\r\n", answer->headers->items[i].name, answer->headers->items[i].value);
    text_add_format(&out, "Connection: close\r\nContent-Length: %zu\r\n\r\n", answer->body_length);
    if (!head_only)
        text_add(&out, answer->body, answer->body_length);
    send_all(fd, text_str(&out), out.length);
}

/* What the head of a request says beside its headers. */
static struct placement_call read_call(struct arena *arena, const char *head, struct http_pairs *headers)
{
    const size_t method = strcspn(head, " ");
    const size_t target = strcspn(head + method + 1, " ");
    read_headers(arena, head, headers);
    const char *host = pairs_get_nocase(headers, "Host");
    return (struct placement_call){.method = arena_strndup(arena, head, method),
                                   .target = arena_strndup(arena, head + method + 1, target),
                                   .headers = headers,
                                   .base_url = arena_printf(arena, "http://%s", host ? host : "127.0.0.1")};
}

/* One request per connection: a client that keeps one open must not keep others waiting. */
static void serve_one(struct placement_direct *direct, struct connection *connection)
{
    CLEANUP(arena_clear) struct arena arena = {0};
    struct http_pairs headers = {0};
    struct placement_answer answer;
    const size_t head = receive_head(connection);
    if (!head)
        return;
    const char *bytes = arena_strndup(&arena, connection->input.bytes, head);
    struct placement_call call = read_call(&arena, bytes, &headers);
    const char *length_text = pairs_get_nocase(&headers, "Content-Length");
    int64_t length = 0;
    const bool readable = !length_text || (str_to_int(length_text, &length) && length >= 0);
    while (readable && connection->input.length < head + (size_t)length)
        if (!receive(connection))
            return;
    call.body = length ? arena_strndup(&arena, connection->input.bytes + head, (size_t)length) : NULL;
    call.body_length = (size_t)length;
    if (placement_direct(direct, &call, &answer) != OK)
        return;
    send_answer(connection->fd, &answer, strcmp(call.method, "HEAD") == 0);
}

static int open_socket(const char *port)
{
    const int on = 1;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)strtol(port, NULL, 10)), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) != 0 || listen(fd, 64) != 0) {
        perror("listen");
        return -1;
    }
    return fd;
}

static enum err prepare(const struct db_target *target)
{
    int from = 0;
    int to = 0;
    struct db *db = NULL;
    TRY(db_create_database(target));
    TRY(db_open(target, &db));
    enum err result = db_upgrade(db, &from, &to);
    if (result == OK)
        result = placement_sync(db);
    db_close(db);
    return result;
}

static enum err serve(const struct config *config, const struct db_target *target, const char *port)
{
    const struct placement_direct_options options = {
        .config = config, .database = target, .authenticate = placement_authenticate_noauth};
    struct placement_direct *direct = NULL;
    TRY(prepare(target));
    TRY(placement_direct_open(&options, &direct));
    const int fd = open_socket(port);
    for (int peer = fd < 0 ? -1 : accept(fd, NULL, NULL); peer >= 0; peer = accept(fd, NULL, NULL)) {
        struct connection connection = {.fd = peer};
        serve_one(direct, &connection);
        text_clear(&connection.input);
        (void)close(peer);
    }
    placement_direct_close(direct);
    return fail(E_UNAVAILABLE, "The port cannot be listened on.");
}

int main(int argc, char **argv)
{
    struct config config;
    struct db_target target = {0};
    config_init(&config);
    if (argc != 4 || !apply_profile(&config, argv[3])) {
        (void)fprintf(stderr, "usage: %s PORT DATABASE_URL PROFILE\n", argv[0]);
        config_clear(&config);
        return 2;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    log_setup(LOG_LEVEL_WARN, "direct");
    enum err result = seal_setup();
    if (result == OK)
        result = json_schemas_open();
    if (result == OK)
        result = db_target_parse(argv[2], &target);
    if (result == OK)
        result = serve(&config, &target, argv[1]);
    (void)fprintf(stderr, "placement_direct_server: %s: %s\n", err_name(result), err_message());
    config_clear(&config);
    db_target_clear(&target);
    return 1;
}
