/*
 * The ceiling of a benchmark: libmicrohttpd as the daemon uses it (one epoll thread), answering every request with the bytes of a
 * file and the headers that a compute answer has. No routes, no identity, no database.
 *
 *   ceiling PORT BODY_FILE      serves on 127.0.0.1 until its standard input ends
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <microhttpd.h>

static enum MHD_Result answer(void *context, struct MHD_Connection *connection, const char *url, const char *method,
                              const char *version, const char *upload, size_t *upload_size, void **state)
{
    (void)url, (void)method, (void)version, (void)upload, (void)upload_size;
    if (!*state) { /* an answer before the request's end would close the connection */
        *state = context;
        return MHD_YES;
    }
    return MHD_queue_response(connection, MHD_HTTP_OK, context);
}

static struct MHD_Response *response_of(const char *path)
{
    FILE *file = fopen(path, "rb");
    char *body = malloc(1 << 20);
    if (!file || !body)
        return NULL;
    const size_t length = fread(body, 1, 1 << 20, file);
    (void)fclose(file);
    struct MHD_Response *response = MHD_create_response_from_buffer(length, body, MHD_RESPMEM_MUST_FREE);
    (void)MHD_add_response_header(response, "Content-Type", "application/json");
    (void)MHD_add_response_header(response, "OpenStack-API-Version", "compute 2.1");
    (void)MHD_add_response_header(response, "X-OpenStack-Nova-API-Version", "2.1");
    (void)MHD_add_response_header(response, "Vary", "OpenStack-API-Version, X-OpenStack-Nova-API-Version");
    (void)MHD_add_response_header(response, "x-openstack-request-id", "req-00000000-0000-4000-8000-000000000000");
    (void)MHD_add_response_header(response, "x-compute-request-id", "req-00000000-0000-4000-8000-000000000000");
    return response;
}

int main(int argc, char **argv)
{
    struct MHD_Response *response = argc == 3 ? response_of(argv[2]) : NULL;
    if (!response) {
        fprintf(stderr, "usage: ceiling PORT BODY_FILE\n");
        return 2;
    }
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)strtoul(argv[1], NULL, 10)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct MHD_Daemon *daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL, answer, response,
                                                 MHD_OPTION_SOCK_ADDR, &address, MHD_OPTION_END);
    if (!daemon) {
        fprintf(stderr, "ceiling: port %s cannot be used\n", argv[1]);
        return 1;
    }
    printf("ready\n");
    (void)fflush(stdout);
    char byte;
    while (read(STDIN_FILENO, &byte, 1) > 0)
        continue;
    MHD_stop_daemon(daemon);
    MHD_destroy_response(response);
    return 0;
}
