/*
 * A zone for tests: a registry over a database of its own, and a small HTTP server in front of it that speaks just what neighbours
 * say to each other. One thread per connection; it can be told to be silent, to drop a request, to be gone.
 */
#pragma once

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/base/text.h"
#include "schema/json/json.h"
#include "schema/migrate.h"
#include "zones/inside.h"

#define STATION_PASSWORD "right \"word\""
#define STATION_TOKEN    "admin-token"
#define STATION_CLIENTS  64

struct station {
    struct zone_keys keys;
    struct db_target target;
    struct zones_options options;
    struct zones *zones;
    char url[64];
    int listener;
    int port;
    pthread_t acceptor;
    pthread_mutex_t lock; /* guards the clients */
    int clients[STATION_CLIENTS];
    pthread_t threads[STATION_CLIENTS];
    size_t client_count;
    atomic_bool silent;    /* requests are read and never answered */
    atomic_int drop_next;  /* so many requests on used connections are dropped together with the connection */
    atomic_int store_down; /* /os-zones/… answer 503 with this station's own reason */
    atomic_bool lose_keys; /* /os-zones/link is done, and the answer lost */
    atomic_int seen;       /* requests */
    atomic_int asked;      /* of those, for servers */
};

struct client {
    struct station *station;
    int fd;
};

struct message {
    char method[16];
    char target[2048];
    char *headers; /* lines, in `bytes` */
    char *body;
    size_t body_length;
    char bytes[65536];
};

static inline const char *message_header(const struct message *message, const char *name, struct arena *arena)
{
    const size_t length = strlen(name);
    for (const char *line = message->headers; line && *line;) {
        const char *end = strstr(line, "\r\n");
        if (!end)
            break;
        if (strncasecmp(line, name, length) == 0 && line[length] == ':') {
            const char *value = line + length + 1 + strspn(line + length + 1, " ");
            return arena_strndup(arena, value, (size_t)(end - value));
        }
        line = end + 2;
    }
    return NULL;
}

/* False: the connection is over. */
static inline bool message_read(int fd, struct message *message, struct arena *arena)
{
    size_t length = 0;
    char *end = NULL;
    while (!end) {
        const ssize_t got = recv(fd, message->bytes + length, sizeof(message->bytes) - 1 - length, 0);
        if (got <= 0)
            return false;
        length += (size_t)got;
        message->bytes[length] = '\0';
        end = strstr(message->bytes, "\r\n\r\n");
    }
    if (sscanf(message->bytes, "%15s %2047s", message->method, message->target) != 2)
        return false;
    message->headers = strstr(message->bytes, "\r\n") + 2;
    message->body = end + 4;
    const char *size = message_header(message, "Content-Length", arena);
    message->body_length = size ? strtoul(size, NULL, 10) : 0;
    while ((size_t)(message->bytes + length - message->body) < message->body_length) {
        const ssize_t got = recv(fd, message->bytes + length, sizeof(message->bytes) - 1 - length, 0);
        if (got <= 0)
            return false;
        length += (size_t)got;
    }
    return true;
}

static inline void reply(int fd, int status, const char *headers, const char *body)
{
    struct text out = {0};
    text_add_format(&out, "HTTP/1.1 %d X\r\nContent-Length: %zu\r\n%s\r\n%s", status, strlen(body), headers, body);
    (void)!send(fd, out.bytes, out.length, MSG_NOSIGNAL);
    text_clear(&out);
}

static inline void reply_json(int fd, int status, json_t *json)
{
    char *text = json_dumps(json, JSON_COMPACT);
    reply(fd, status, "Content-Type: application/json\r\n", text);
    free(text);
    json_decref(json);
}

static inline void reply_error(int fd, enum err kind)
{
    reply_json(fd, err_status(kind), json_pack("{s:{s:i,s:s}}", "fault", "code", err_status(kind), "message", err_message()));
}

static inline void serve_login(int fd, const struct message *message)
{
    json_t *body = json_loadb(message->body, message->body_length, 0, NULL);
    const char *password = NULL;
    (void)json_unpack(body, "{s:{s:{s:{s:{s:s}}}}}", "auth", "identity", "password", "user", "password", &password);
    if (str_equal(password, STATION_PASSWORD))
        reply(fd, 201, "X-Subject-Token: " STATION_TOKEN "\r\n", "{}");
    else
        reply(fd, 401, "", "{\"error\":{\"message\":\"no\"}}");
    json_decref(body);
}

static inline void serve_link(struct station *station, int fd, const struct message *message, struct db *db,
                              const struct link_caller *link, struct arena *arena)
{
    json_t *body = json_loadb(message->body, message->body_length, 0, NULL);
    json_t *out = NULL;
    const struct join_proof proof = {str_equal(message_header(message, "X-Auth-Token", arena), STATION_TOKEN), link};
    const enum err result = zones_accept_parent(station->zones, db, arena, body, &proof, &out);
    if (result == OK && atomic_load(&station->lose_keys))
        json_decref(out); /* and no answer: the connection ends */
    else if (result == OK)
        reply_json(fd, 200, out);
    else
        reply_error(fd, result);
    if (atomic_load(&station->lose_keys))
        (void)shutdown(fd, SHUT_RDWR);
    json_decref(body);
}

static inline void serve_info(struct station *station, int fd, const struct message *message, struct arena *arena)
{
    const char *digest = strstr(message->target, "zone.digest=");
    const struct zones_view *view = zones_view(station->zones, arena);
    json_t *directory = directory_json(&view->directory, digest ? digest + 12 : NULL);
    reply_json(fd, 200,
               json_pack("{s:{s:s,s:s,s:I,s:o}}", "zone", "name", station->options.name, "uuid",
                         uuid_to_text(&station->keys.zone).text, "incarnation", (json_int_t)station->options.incarnation,
                         "directory", directory));
}

static inline void serve_directory(struct station *station, int fd, const struct message *message, struct db *db,
                                   const struct link_caller *link, struct arena *arena)
{
    json_t *body = json_loadb(message->body, message->body_length, 0, NULL);
    const enum err result = zones_accept_directory(station->zones, db, arena, link, body);
    if (result == OK)
        reply(fd, 204, "", "");
    else
        reply_error(fd, result);
    json_decref(body);
}

/* What comes over the link; everything else that is asked for is told who asked. */
static inline void serve_linked(struct station *station, int fd, const struct message *message, struct db *db, struct arena *arena)
{
    const char *delegation = message_header(message, LINK_DELEGATION, arena);
    const struct link_question question = {.method = message->method,
                                           .target = message->target,
                                           .body = message->body_length ? message->body : NULL,
                                           .body_length = message->body_length,
                                           .delegation = delegation ? delegation : "",
                                           .idempotency = message_header(message, LINK_IDEMPOTENCY, arena)};
    struct caller caller;
    struct link_caller *link = NULL;
    const enum err result = link_check(station->zones, &question, db, arena, &caller, &link);
    if (result != OK)
        reply_error(fd, result);
    else if (atomic_load(&station->store_down))
        reply(fd, 503, "X-Zone-Missing: .;reason=store\r\n", "{}");
    else if (strstr(message->target, "/os-zones/info"))
        serve_info(station, fd, message, arena);
    else if (strstr(message->target, "/os-zones/link"))
        serve_link(station, fd, message, db, link, arena);
    else if (strstr(message->target, "/os-zones/directory"))
        serve_directory(station, fd, message, db, link, arena);
    else
        reply_json(fd, 200, json_pack("{s:s,s:s,s:i}", "user", caller.user_id, "from", link->name, "hops", link->hops));
}

static inline void serve_message(struct station *station, int fd, const struct message *message, struct db *db, struct arena *arena)
{
    if (strstr(message->target, "/identity/v3/auth/tokens"))
        serve_login(fd, message);
    else if (strstr(message->target, "/os-zones/link") && !message_header(message, LINK_DELEGATION, arena))
        serve_link(station, fd, message, db, NULL, arena);
    else
        serve_linked(station, fd, message, db, arena);
}

static inline void *serve_client(void *context)
{
    struct client *client = context;
    struct station *station = client->station;
    struct message *message = malloc(sizeof(*message));
    struct db *db = NULL;
    if (db_open(&station->target, &db) != OK)
        abort();
    for (int number = 0;; number++) {
        struct arena arena = {0};
        const bool good = message_read(client->fd, message, &arena);
        atomic_fetch_add(&station->seen, good ? 1 : 0);
        atomic_fetch_add(&station->asked, good && str_starts(message->target, "/compute/v2.1/servers") ? 1 : 0);
        if (!good || (number > 0 && atomic_load(&station->drop_next) > 0)) {
            atomic_fetch_sub(&station->drop_next, good ? 1 : 0);
            arena_clear(&arena);
            break;
        }
        if (!atomic_load(&station->silent))
            serve_message(station, client->fd, message, db, &arena);
        arena_clear(&arena);
    }
    (void)shutdown(client->fd, SHUT_RDWR);
    db_close(db);
    db_thread_end();
    free(message);
    free(client);
    return NULL;
}

static inline void *accept_clients(void *context)
{
    struct station *station = context;
    for (;;) {
        const int fd = accept(station->listener, NULL, NULL);
        if (fd < 0)
            return NULL;
        struct client *client = malloc(sizeof(*client));
        *client = (struct client){station, fd};
        (void)pthread_mutex_lock(&station->lock);
        if (station->client_count == STATION_CLIENTS)
            abort();
        station->clients[station->client_count] = fd;
        (void)pthread_create(&station->threads[station->client_count++], NULL, serve_client, client);
        (void)pthread_mutex_unlock(&station->lock);
    }
}

/* Listens on its port; the first time on one that the system gives. */
static inline void station_listen(struct station *station)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)station->port)};
    socklen_t size = sizeof(address);
    const int on = 1;
    station->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)setsockopt(station->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(station->listener, (struct sockaddr *)&address, sizeof(address)) != 0 || listen(station->listener, 64) != 0 ||
        getsockname(station->listener, (struct sockaddr *)&address, &size) != 0)
        abort();
    station->port = ntohs(address.sin_port);
    (void)pthread_create(&station->acceptor, NULL, accept_clients, station);
}

/* Nobody is there any more: connections end, new ones are refused. */
static inline void station_vanish(struct station *station)
{
    if (station->listener < 0)
        return;
    (void)shutdown(station->listener, SHUT_RDWR);
    (void)pthread_join(station->acceptor, NULL);
    (void)close(station->listener);
    station->listener = -1;
    for (size_t i = 0; i < station->client_count; i++) {
        (void)shutdown(station->clients[i], SHUT_RDWR);
        (void)pthread_join(station->threads[i], NULL);
        (void)close(station->clients[i]);
    }
    station->client_count = 0;
}

static inline void station_must(enum err result)
{
    if (result == OK)
        return;
    (void)fprintf(stderr, "%s: %s\n", err_name(result), err_message());
    abort();
}

static inline void station_database(struct station *station, const char *name)
{
    struct db *db = NULL;
    char script[256];
    int from = 0;
    int to = 0;
    station_must(db_target_parse(getenv("ZONEGATE_TEST_DATABASE"), &station->target));
    station_must(db_create_database(&station->target));
    station_must(db_open(&station->target, &db));
    (void)snprintf(script, sizeof(script), "DROP DATABASE IF EXISTS zones_test_%d_%s; CREATE DATABASE zones_test_%d_%s",
                   (int)getpid(), name, (int)getpid(), name);
    station_must(db_script(db, script, strlen(script)));
    db_close(db);
    free(station->target.name);
    (void)snprintf(script, sizeof(script), "zones_test_%d_%s", (int)getpid(), name);
    station->target.name = strdup(script);
    station_must(db_open(&station->target, &db));
    station_must(db_upgrade(db, &from, &to));
    db_close(db);
}

static inline void station_keys(struct station *station)
{
    char path[] = "/tmp/zonegate-station-XXXXXX";
    char file[sizeof(path) + 8];
    if (!mkdtemp(path))
        abort();
    (void)snprintf(file, sizeof(file), "%s/keys", path);
    station_must(zone_keys_open(file, &station->keys));
    (void)unlink(file);
    (void)rmdir(path);
}

static inline struct station *station_open(const char *name)
{
    struct station *station = calloc(1, sizeof(*station));
    (void)pthread_mutex_init(&station->lock, NULL);
    station_database(station, name);
    station_keys(station);
    station_listen(station);
    (void)snprintf(station->url, sizeof(station->url), "http://127.0.0.1:%d", station->port);
    station->options = (struct zones_options){.name = name,
                                              .url = station->url,
                                              .keys = &station->keys,
                                              .database = &station->target,
                                              .poll_interval_ms = 300,
                                              .child_timeout_ms = 800,
                                              .incarnation = 1};
    station_must(zones_open(&station->options, &station->zones));
    station_must(zones_start(station->zones));
    return station;
}

static inline void station_close(struct station *station)
{
    if (!station)
        return;
    station_vanish(station);
    zones_close(station->zones);
    db_target_clear(&station->target);
    (void)pthread_mutex_destroy(&station->lock);
    free(station);
}
