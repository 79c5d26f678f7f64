/* `[database] connection` as a URL. Says what is wrong without repeating the URL: it may hold a password. */
#include <ctype.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "schema/db.h"
#include "gateway/base/text.h"

#define SCHEME       "mariadb://"
#define DEFAULT_PORT 3306
#define NAME_LIMIT   64
#define SOCKET_LIMIT 107 /* sun_path less its NUL */

/* A piece of the URL; not NUL-terminated. */
struct part {
    const char *at;
    size_t length;
};

static int hex_value(char c)
{
    if (isdigit((unsigned char)c))
        return c - '0';
    return isxdigit((unsigned char)c) ? tolower((unsigned char)c) - 'a' + 10 : -1;
}

/* Decodes %XX into new memory, which replaces `*out`. */
static enum err decode_part(struct part part, char **out)
{
    char *decoded = calloc(1, part.length + 1);
    if (!decoded)
        return fail(E_INTERNAL, "Out of memory.");
    size_t used = 0;
    for (size_t i = 0; i < part.length; i++) {
        decoded[used] = part.at[i];
        if (part.at[i] == '%') {
            const int high = part.length - i > 2 ? hex_value(part.at[i + 1]) : -1;
            const int low = high >= 0 ? hex_value(part.at[i + 2]) : -1;
            decoded[used] = low >= 0 ? (char)(high * 16 + low) : '\0';
            i += 2;
        }
        if (decoded[used++] == '\0') {
            free(decoded);
            return fail(E_INVALID, "The database URL has a '%%' without two hex digits behind it (a '%%' itself is written %%25).");
        }
    }
    free(*out);
    *out = decoded;
    return OK;
}

/* Cuts `rest` at the first `mark`: what is before is returned, `rest` goes on behind it. All of it when there is no mark. */
static struct part cut_before(struct part *rest, char mark)
{
    const char *found = rest->length ? memchr(rest->at, mark, rest->length) : NULL;
    const struct part before = {rest->at, found ? (size_t)(found - rest->at) : rest->length};
    const size_t taken = before.length + (found ? 1 : 0);
    *rest = (struct part){rest->at + taken, rest->length - taken};
    return before;
}

static enum err parse_user(struct part login, struct db_target *target)
{
    const struct part user = cut_before(&login, ':');
    if (user.length)
        TRY(decode_part(user, &target->user));
    return login.length ? decode_part(login, &target->password) : OK;
}

static enum err parse_port(struct part digits, struct db_target *target)
{
    char text[8] = "";
    int64_t port = 0;
    if (digits.length < sizeof(text))
        memcpy(text, digits.at, digits.length);
    if (!str_to_int(text, &port) || port < 1 || port > 65535)
        return fail(E_INVALID, "The port in the database URL must be a number from 1 to 65535.");
    target->port = (unsigned)port;
    return OK;
}

static enum err parse_host(struct part host, struct db_target *target)
{
    if (host.length && host.at[0] == '[') {
        host = (struct part){host.at + 1, host.length - 1};
        const struct part address = cut_before(&host, ']');
        const bool closed = address.at[address.length] == ']';
        TRY(decode_part(address, &target->host));
        if (!closed || (host.length && host.at[0] != ':'))
            return fail(E_INVALID, "The host in the database URL must be a name, an IPv4 address, or an IPv6 address in brackets.");
        (void)cut_before(&host, ':');
        return host.length ? parse_port(host, target) : OK;
    }
    const struct part name = cut_before(&host, ':');
    if (name.length)
        TRY(decode_part(name, &target->host));
    return host.length ? parse_port(host, target) : OK;
}

static enum err parse_option(struct part option, struct db_target *target)
{
    static const struct {
        const char *name;
        size_t offset;
    } options[] = {
        {"socket", offsetof(struct db_target, socket)},
        {"user", offsetof(struct db_target, user)},
        {"password", offsetof(struct db_target, password)},
    };
    const struct part name = cut_before(&option, '=');
    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        if (strlen(options[i].name) == name.length && memcmp(options[i].name, name.at, name.length) == 0)
            return decode_part(option, (char **)(void *)((char *)target + options[i].offset));
    }
    return fail(E_INVALID, "Unknown option in the database URL; known are socket, user and password.");
}

/* The name is quoted into CREATE DATABASE, so it may hold nothing that ends a quoted name. */
static enum err check_name(const char *name)
{
    const size_t length = name ? strlen(name) : 0;
    if (length == 0 || length > NAME_LIMIT)
        return fail(E_INVALID,
                    "The database URL must name a database of 1 to 64 characters: mariadb://user:password@host:port/name.");
    for (size_t i = 0; i < length; i++) {
        if (!isalnum((unsigned char)name[i]) && name[i] != '_' && name[i] != '-')
            return fail(E_INVALID, "The name of the database may hold letters, digits, '_' and '-' only.");
    }
    return OK;
}

static enum err check_target(const struct db_target *target)
{
    TRY(check_name(target->name));
    if (!target->host && !target->socket)
        return fail(E_INVALID, "The database URL must give a host, or a socket: mariadb:///name?socket=PATH&user=U.");
    if (target->socket && strlen(target->socket) > SOCKET_LIMIT)
        return fail(E_INVALID, "The socket path in the database URL is longer than %d bytes.", SOCKET_LIMIT);
    return OK;
}

static enum err parse_rest(struct part rest, struct db_target *target)
{
    struct part options = rest;
    rest = cut_before(&options, '?');
    const struct part authority = cut_before(&rest, '/');
    const char *at = authority.length ? memrchr(authority.at, '@', authority.length) : NULL;
    struct part host = authority;
    if (at) {
        TRY(parse_user((struct part){authority.at, (size_t)(at - authority.at)}, target));
        host = (struct part){at + 1, (size_t)(authority.at + authority.length - at - 1)};
    }
    TRY(parse_host(host, target));
    TRY(decode_part(rest, &target->name));
    while (options.length)
        TRY(parse_option(cut_before(&options, '&'), target));
    return check_target(target);
}

enum err db_target_parse(const char *url, struct db_target *out)
{
    if (!str_starts(url, SCHEME))
        return fail(E_INVALID, "The database URL must begin with " SCHEME " (mariadb://user:password@host:port/name).");
    struct db_target target = {.port = DEFAULT_PORT};
    const char *rest = url + strlen(SCHEME);
    const enum err result = parse_rest((struct part){rest, strlen(rest)}, &target);
    if (result != OK)
        db_target_clear(&target);
    else
        *out = target;
    return result;
}

static bool copy_text(const char *from, char **out)
{
    *out = from ? strdup(from) : NULL;
    return !from || *out;
}

enum err db_target_copy(const struct db_target *from, struct db_target *out)
{
    struct db_target copy = {.port = from->port};
    if (!copy_text(from->host, &copy.host) || !copy_text(from->socket, &copy.socket) || !copy_text(from->user, &copy.user) ||
        !copy_text(from->password, &copy.password) || !copy_text(from->name, &copy.name)) {
        db_target_clear(&copy);
        return fail(E_INTERNAL, "Out of memory.");
    }
    *out = copy;
    return OK;
}

void db_target_clear(struct db_target *target)
{
    if (!target)
        return;
    if (target->password)
        explicit_bzero(target->password, strlen(target->password));
    free(target->host);
    free(target->socket);
    free(target->user);
    free(target->password);
    free(target->name);
    *target = (struct db_target){0};
}
