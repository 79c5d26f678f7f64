/*
 * Claims per second: PUT /allocations/{new consumer}, each on one of the given providers (VCPU 1, MEMORY_MB 512, DISK_GB 1).
 *
 *   claims socket PORT CONNECTIONS SECONDS PROVIDER...    over HTTP, one thread per connection, keep-alive
 *   claims direct DATABASE_URL SECONDS PROVIDER...        in this process, one connection to the database
 *
 * Prints claims per second. An answer other than 204 is an error: it is printed, and the program ends with 1.
 */
#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/api/placement/direct.h"
#include "gateway/base/config.h"
#include "schema/json/json.h"

enum { BODY_MAX = 512, HEAD_MAX = 1024 };

struct plan {
    int port;
    int64_t end_us;
    char *const *providers;
    size_t provider_count;
    atomic_long done;
    atomic_int failed;
};

static int64_t now_us(void)
{
    return clock_mono_us();
}

static size_t write_body(const struct plan *plan, size_t number, char *out)
{
    return (size_t)snprintf(
        out, BODY_MAX,
        "{\"allocations\": {\"%s\": {\"resources\": {\"VCPU\": 1, \"MEMORY_MB\": 512, \"DISK_GB\": 1}}},"
        " \"project_id\": \"p\", \"user_id\": \"u\", \"consumer_generation\": null, \"consumer_type\": \"INSTANCE\"}",
        plan->providers[number % plan->provider_count]);
}

static int open_connection(int port)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    perror("claims: connect");
    exit(1);
}

/* The answer has no body: it ends with its head. */
static bool read_answer(int fd, char *answer)
{
    size_t used = 0;
    while (used < HEAD_MAX - 1) {
        const ssize_t got = read(fd, answer + used, HEAD_MAX - 1 - used);
        if (got <= 0)
            return false;
        used += (size_t)got;
        answer[used] = '\0';
        if (strstr(answer, "\r\n\r\n"))
            return strncmp(answer, "HTTP/1.1 204 ", 13) == 0;
    }
    return false;
}

static void *run_socket(void *argument)
{
    struct plan *plan = argument;
    const int fd = open_connection(plan->port);
    char body[BODY_MAX];
    char head[HEAD_MAX + BODY_MAX];
    char answer[HEAD_MAX];
    for (size_t number = random_below(1000); now_us() < plan->end_us && !atomic_load(&plan->failed); number++) {
        struct uuid uuid;
        uuid_new(&uuid);
        const size_t length = write_body(plan, number, body);
        const int size =
            snprintf(head, sizeof(head),
                     "PUT /allocations/%s HTTP/1.1\r\nHost: a\r\nX-Auth-Token: admin\r\nOpenStack-API-Version: placement 1.39\r\n"
                     "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                     uuid_to_text(&uuid).text, length, body);
        if (write(fd, head, (size_t)size) != size || !read_answer(fd, answer)) {
            fprintf(stderr, "claims: %s\n", answer);
            atomic_store(&plan->failed, 1);
            break;
        }
        atomic_fetch_add(&plan->done, 1);
    }
    (void)close(fd);
    return NULL;
}

static int measure_socket(struct plan *plan, int connections)
{
    pthread_t threads[256];
    for (int i = 0; i < connections; i++) {
        if (pthread_create(&threads[i], NULL, run_socket, plan) != 0)
            return 1;
    }
    for (int i = 0; i < connections; i++)
        (void)pthread_join(threads[i], NULL);
    return atomic_load(&plan->failed);
}

static int measure_direct(struct plan *plan, const char *url)
{
    struct config config;
    struct db_target target;
    struct placement_direct *direct = NULL;
    char path[64];
    char body[BODY_MAX];
    config_init(&config);
    enum err result = db_target_parse(url, &target);
    if (result == OK)
        result = json_schemas_open();
    const struct placement_direct_options options = {.config = &config, .database = &target};
    if (result == OK)
        result = placement_direct_open(&options, &direct);
    for (size_t number = 0; result == OK && now_us() < plan->end_us; number++) {
        struct uuid uuid;
        struct placement_answer answer;
        uuid_new(&uuid);
        (void)snprintf(path, sizeof(path), "/allocations/%s", uuid_to_text(&uuid).text);
        const struct placement_call call = {
            .method = "PUT", .target = path, .microversion = "1.39", .body = body, .body_length = write_body(plan, number, body)};
        result = placement_direct(direct, &call, &answer);
        if (result == OK && answer.status != 204)
            result = fail(E_INTERNAL, "%d %s", answer.status, answer.body);
        atomic_fetch_add(&plan->done, 1);
    }
    if (result != OK)
        fprintf(stderr, "claims: %s\n", err_message());
    placement_direct_close(direct);
    return result != OK;
}

int main(int argc, char **argv)
{
    const bool socket = argc > 5 && strcmp(argv[1], "socket") == 0;
    const int first = socket ? 5 : 4;
    if (argc <= first) {
        fprintf(stderr,
                "usage: claims socket PORT CONNECTIONS SECONDS PROVIDER... | claims direct DATABASE_URL SECONDS PROVIDER...\n");
        return 2;
    }
    const int64_t seconds = strtol(argv[first - 1], NULL, 10);
    struct plan plan = {
        .port = socket ? (int)strtol(argv[2], NULL, 10) : 0, .providers = argv + first, .provider_count = (size_t)(argc - first)};
    const int64_t begin_us = now_us();
    plan.end_us = begin_us + seconds * 1000000;
    const int status = socket ? measure_socket(&plan, (int)strtol(argv[3], NULL, 10)) : measure_direct(&plan, argv[2]);
    if (status == 0)
        printf("%.1f\n", (double)atomic_load(&plan.done) * 1e6 / (double)(now_us() - begin_us));
    return status;
}
