/* Start and stop: the socket, libmicrohttpd's options, the order in which everything ends. See server.h. */
#include "gateway/http/server/server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <fcntl.h>
#include <unistd.h>

#include "gateway/base/clock.h"
#include "gateway/base/log.h"
#include "gateway/http/server/inside.h"
#include "gateway/http/server/listen.h"

#define CONNECTION_MEMORY   ((intptr_t)32 * 1024)
#define CONNECTIONS_DEFAULT 10000U
#define REQUEST_MS_DEFAULT  60000
#define PEM_MAX             ((size_t)1024 * 1024)
#define LAST_REPLIES_MS     500 /* for the refusals that the end of the grace period makes */
#define DAEMON_FLAGS        (MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG)

static bool is_set(const char *text)
{
    return text && *text;
}

static enum err read_descriptor(int fd, const char *path, struct text *out)
{
    char buffer[4096];
    ssize_t got = read(fd, buffer, sizeof(buffer));
    for (; got > 0 && out->length <= PEM_MAX; got = read(fd, buffer, sizeof(buffer)))
        text_add(out, buffer, (size_t)got);
    explicit_bzero(buffer, sizeof(buffer));
    if (got != 0)
        return fail(E_INVALID, "%s cannot be read, or is too large for a PEM file", path);
    return OK;
}

static enum err read_pem(const char *path, struct text *out)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail(E_INVALID, "%s cannot be opened", path);
    const enum err result = read_descriptor(fd, path, out);
    (void)close(fd);
    return result;
}

static void wipe(struct text *text)
{
    if (text->bytes)
        explicit_bzero(text->bytes, text->capacity);
    text_clear(text);
}

__attribute__((format(printf, 2, 0))) static void hear_library(void *context, const char *format, va_list arguments)
{
    struct http_server *server = context;
    char words[sizeof(server->complaint)];
    (void)vsnprintf(words, sizeof(words), format, arguments);
    words[strcspn(words, "\r\n")] = '\0';
    if (!atomic_load(&server->started)) {
        memcpy(server->complaint, words, sizeof(words));
        return;
    }
    malformed_answer(server, words);
    const struct log_text quoted = log_quote(words);
    log_debug("http.library", "text=%s", quoted.text);
}

static enum err start_daemon(struct http_server *server, unsigned connections, const struct text *cert, const struct text *key)
{
    const bool tls = cert->length > 0;
    const struct MHD_OptionItem tls_options[] = {
        {MHD_OPTION_HTTPS_MEM_CERT, 0, cert->bytes},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, key->bytes},
        {MHD_OPTION_END, 0, NULL},
    };
    const struct MHD_OptionItem options[] = {
        {MHD_OPTION_EXTERNAL_LOGGER, (intptr_t)hear_library, server}, /* first: it hears the rest */
        {MHD_OPTION_LISTEN_SOCKET, server->listen_fd, NULL},
        {MHD_OPTION_URI_LOG_CALLBACK, (intptr_t)exchange_start, server},
        {MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)exchange_end, server},
        {MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)patience_notice, server},
        {MHD_OPTION_CONNECTION_LIMIT, connections, NULL},
        {MHD_OPTION_CONNECTION_TIMEOUT, CONNECTION_TIMEOUT_S, NULL},
        {MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY, NULL},
        {MHD_OPTION_STRICT_FOR_CLIENT, 1, NULL},
        {MHD_OPTION_ARRAY, 0, (void *)(tls ? tls_options : tls_options + 2)},
        {MHD_OPTION_END, 0, NULL},
    };
    server->daemon = MHD_start_daemon(DAEMON_FLAGS | (tls ? MHD_USE_TLS : 0), 0, NULL, NULL, exchange_continue, server,
                                      MHD_OPTION_ARRAY, options, MHD_OPTION_END);
    atomic_store(&server->started, true);
    if (!server->daemon && tls)
        return fail(E_INVALID, "the certificate and key (tls_cert, tls_key) cannot be used: %s", server->complaint);
    if (!server->daemon)
        return fail(E_INTERNAL, "the HTTP server does not start: %s", server->complaint);
    return OK;
}

static enum err start_with_tls(struct http_server *server, const struct http_server_options *options)
{
    struct text cert = {0};
    struct text key = {0};
    enum err result = OK;
    if (is_set(options->tls_cert) != is_set(options->tls_key))
        return fail(E_INVALID, "tls_cert and tls_key go together: set both or none");
    if (is_set(options->tls_cert)) {
        result = read_pem(options->tls_cert, &cert);
        if (result == OK)
            result = read_pem(options->tls_key, &key);
    }
    if (result == OK)
        result = start_daemon(server, options->connections ? (unsigned)options->connections : CONNECTIONS_DEFAULT, &cert, &key);
    text_clear(&cert);
    wipe(&key);
    return result;
}

static char *copy_url(const char *url)
{
    if (!is_set(url))
        return NULL;
    char *copy = strdup(url);
    if (!copy)
        abort();
    for (size_t length = strlen(copy); length && copy[length - 1] == '/'; length--)
        copy[length - 1] = '\0';
    return copy;
}

/* "host:port" with the real port: base URL for a client that sends no usable Host header. */
static char *copy_address(const char *listen, unsigned port)
{
    char *copy = NULL;
    if (asprintf(&copy, "%.*s:%u", (int)(strrchr(listen, ':') - listen), listen, port) < 0)
        abort();
    return copy;
}

static void free_server(struct http_server *server)
{
    patience_stop(server);
    pool_free(server->own);
    pool_free(server->pool);
    if (server->listen_fd >= 0)
        (void)close(server->listen_fd);
    (void)pthread_cond_destroy(&server->watch_wake);
    (void)pthread_cond_destroy(&server->quiet);
    (void)pthread_mutex_destroy(&server->lock);
    free(server->public_url);
    free(server->address);
    free(server);
}

static struct http_server *new_server(const struct http_server_options *options, const struct http_core *core)
{
    struct http_server *server = calloc(1, sizeof(*server));
    pthread_condattr_t attributes;
    if (!server)
        abort();
    (void)pthread_mutex_init(&server->lock, NULL);
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&server->quiet, &attributes);
    (void)pthread_cond_init(&server->watch_wake, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    server->core = core;
    server->listen_fd = -1;
    server->queue = options->queue;
    server->request_ms = options->request_ms > 0 ? options->request_ms : REQUEST_MS_DEFAULT;
    server->public_url = copy_url(options->public_url);
    server->scheme = is_set(options->tls_cert) ? "https" : "http";
    return server;
}

static enum err start(struct http_server *server, const struct http_server_options *options, const struct worker_hooks *hooks)
{
    TRY(listen_open(options->listen, &server->listen_fd, &server->port));
    server->address = copy_address(options->listen, server->port);
    const struct pool_options pool = {
        .workers = options->workers ? options->workers : 1, .queue = options->queue, .hooks = *hooks, .work = exchange_work};
    const struct pool_options own = {
        .workers = 1, .queue = OWN_QUEUE, .hooks = *hooks, .work = exchange_work, .labels = "queue=\"own\""};
    server->pool = pool_new(&pool);
    server->own = pool_new(&own);
    TRY(patience_start(server));
    return start_with_tls(server, options);
}

enum err http_server_start(const struct http_server_options *options, const struct http_core *core,
                           const struct worker_hooks *hooks, struct http_server **out)
{
    struct http_server *server = new_server(options, core);
    const enum err result = start(server, options, hooks);
    if (result == OK)
        *out = server;
    else
        free_server(server);
    return result;
}

/* Waits until at most `most` requests are active, or until the deadline. */
static void wait_quiet(struct http_server *server, size_t most, int64_t deadline_ms)
{
    const struct timespec deadline = {deadline_ms / 1000, deadline_ms % 1000 * 1000000};
    (void)pthread_mutex_lock(&server->lock);
    while (server->active > most && clock_mono_ms() < deadline_ms)
        (void)pthread_cond_timedwait(&server->quiet, &server->lock, &deadline);
    (void)pthread_mutex_unlock(&server->lock);
}

static size_t refuse_queue(struct pool *pool)
{
    size_t refused = 0;
    for (struct pool_item *item = pool_take_queued(pool); item; refused++) {
        struct pool_item *next = item->next;
        exchange_refuse((struct exchange *)item);
        item = next;
    }
    return refused;
}

static size_t refuse_queued(struct http_server *server)
{
    (void)pthread_mutex_lock(&server->lock);
    server->cutting = true;
    (void)pthread_mutex_unlock(&server->lock);
    return refuse_queue(server->pool) + refuse_queue(server->own);
}

/* libmicrohttpd may not be stopped while a connection is suspended. */
static size_t wake_all(struct http_server *server)
{
    size_t woken = 0;
    (void)pthread_mutex_lock(&server->lock);
    for (struct exchange *exchange = server->exchanges; exchange; exchange = exchange->next) {
        woken += exchange->suspended;
        exchange_wake(exchange);
    }
    (void)pthread_mutex_unlock(&server->lock);
    return woken;
}

/* What goes through to other zones was broken off with its connection; that takes no time, but another thread. */
static void wait_carried(struct http_server *server)
{
    (void)pthread_mutex_lock(&server->lock);
    while (server->carried > 0)
        (void)pthread_cond_wait(&server->quiet, &server->lock);
    (void)pthread_mutex_unlock(&server->lock);
}

void http_server_stop(struct http_server *server, int64_t grace_ms)
{
    if (!server)
        return;
    atomic_store(&server->draining, true);
    (void)MHD_quiesce_daemon(server->daemon);
    (void)shutdown(server->listen_fd, SHUT_RDWR); /* refuses what waits to be accepted */
    wait_quiet(server, 0, clock_mono_ms() + grace_ms);
    if (refuse_queued(server))
        wait_quiet(server, 0, clock_mono_ms() + LAST_REPLIES_MS);
    const size_t cut = wake_all(server);
    if (cut)
        log_warn("http.stop", "cut=%zu grace_ms=%lld", cut, (long long)grace_ms);
    MHD_stop_daemon(server->daemon);
    wait_carried(server);
    free_server(server);
}

unsigned http_server_port(const struct http_server *server)
{
    return server->port;
}

void http_server_count(struct http_server *server, struct http_server_counts *out)
{
    pool_count(server->pool, out);
    (void)pthread_mutex_lock(&server->lock);
    out->active = server->active;
    (void)pthread_mutex_unlock(&server->lock);
}
