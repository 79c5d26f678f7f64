/* See listen.h. */
#include "gateway/http/server/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/base/text.h"

#define BACKLOG   1024
#define HOST_SIZE 256

struct address {
    char host[HOST_SIZE];
    char port[8];
};

static enum err parse_address(const char *text, struct address *out)
{
    const char *colon = strrchr(text, ':');
    int64_t port = 0;
    if (!colon || !str_to_int(colon + 1, &port) || port < 0 || port > 65535)
        return fail(E_INVALID, "\"%s\" is not an address to listen on; ADDRESS:PORT or [V6ADDRESS]:PORT is", text);
    const bool bracketed = text[0] == '[' && colon > text + 1 && colon[-1] == ']';
    const char *host = text + (bracketed ? 1 : 0);
    const size_t length = (size_t)(colon - host) - (bracketed ? 1 : 0);
    if (length == 0 || length >= HOST_SIZE || (!bracketed && memchr(host, ':', length)))
        return fail(E_INVALID, "\"%s\" is not an address to listen on; ADDRESS:PORT or [V6ADDRESS]:PORT is", text);
    memcpy(out->host, host, length);
    out->host[length] = '\0';
    (void)snprintf(out->port, sizeof(out->port), "%d", (int)port);
    return OK;
}

static enum err explain(const char *address, int error)
{
    if (error == EADDRINUSE)
        return fail(E_UNAVAILABLE, "%s is in use by another program", address);
    if (error == EACCES)
        return fail(E_UNAVAILABLE, "%s: not allowed to listen there (ports below 1024 need a privilege)", address);
    if (error == EADDRNOTAVAIL)
        return fail(E_UNAVAILABLE, "%s is not an address of this machine", address);
    return fail(E_UNAVAILABLE, "cannot listen on %s: %s", address, strerror(error));
}

static int bind_socket(int fd, const struct addrinfo *info)
{
    const int on = 1;
    const int off = 0;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (info->ai_family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    if (bind(fd, info->ai_addr, info->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0)
        return errno;
    return 0;
}

static unsigned socket_port(int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address;
    socklen_t length = sizeof(address);
    memset(&address, 0, sizeof(address));
    if (getsockname(fd, &address.any, &length) != 0)
        return 0;
    return ntohs(address.any.sa_family == AF_INET6 ? address.v6.sin6_port : address.v4.sin_port);
}

static enum err open_first(const char *address, const struct addrinfo *info, int *out_fd)
{
    const int fd = socket(info->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return explain(address, errno);
    const int error = bind_socket(fd, info);
    if (error) {
        (void)close(fd);
        return explain(address, error);
    }
    *out_fd = fd;
    return OK;
}

enum err listen_open(const char *address, int *out_fd, unsigned *out_port)
{
    struct address parsed;
    TRY(parse_address(address, &parsed));
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *info = NULL;
    const int failed = getaddrinfo(parsed.host, parsed.port, &hints, &info);
    if (failed)
        return fail(E_INVALID, "%s: %s", address, gai_strerror(failed));
    const enum err result = open_first(address, info, out_fd);
    freeaddrinfo(info);
    if (result == OK)
        *out_port = socket_port(*out_fd);
    return result;
}
