/* From a connection of libmicrohttpd to a `struct request`. Everything is copied: a worker may outlive the connection. */
#include <netdb.h>
#include <string.h>
#include <sys/socket.h>

#include "gateway/http/server/inside.h"

#define HOST_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_:[]"
#define HOST_MAX        255

static enum MHD_Result add_header(void *context, enum MHD_ValueKind kind, const char *name, const char *value)
{
    struct request *request = context;
    (void)kind;
    pairs_add(request->arena, &request->headers, arena_strdup(request->arena, name),
              arena_strdup(request->arena, value ? value : ""));
    return MHD_YES;
}

static const char *client_address(struct exchange *exchange)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    char host[NI_MAXHOST];
    if (!info)
        return "unknown";
    const struct sockaddr *address = info->client_addr;
    const socklen_t length = address->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    if (getnameinfo(address, length, host, sizeof(host), NULL, 0, NI_NUMERICHOST) != 0)
        return "unknown";
    return arena_strdup(&exchange->arena, host);
}

static const char *base_url(const struct exchange *exchange)
{
    const struct http_server *server = exchange->server;
    if (server->public_url)
        return server->public_url;
    const char *host = request_header(&exchange->request, "Host");
    const size_t length = host ? strlen(host) : 0;
    if (length == 0 || length > HOST_MAX || strspn(host, HOST_CHARACTERS) != length)
        host = server->address;
    return arena_printf(exchange->request.arena, "%s://%s", server->scheme, host);
}

void describe_request(struct exchange *exchange, const char *method)
{
    struct request *request = &exchange->request;
    request->method = arena_strdup(&exchange->arena, method);
    (void)MHD_get_connection_values(exchange->connection, MHD_HEADER_KIND, add_header, request);
    request->client_address = client_address(exchange);
    request->base_url = base_url(exchange);
    request->on_server_thread = true;
}

uint64_t announced_length(const struct request *request)
{
    const char *length = request_header(request, "Content-Length");
    int64_t number = 0;
    if (request_header(request, "Transfer-Encoding"))
        return UINT64_MAX;
    return length && str_to_int(length, &number) && number > 0 ? (uint64_t)number : 0;
}
