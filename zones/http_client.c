/* One blocking request, and the rules for URLs; see http_client.h. */
#include "zones/http_client.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "gateway/base/text.h"
#include "zones/transfer.h"

enum err http_client_setup(void)
{
    return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? OK : fail(E_INTERNAL, "libcurl cannot be initialised.");
}

void http_call(struct arena *arena, const struct http_request *request, struct budget budget, struct http_answer *out)
{
    const int64_t left_ms = budget_left_ms(&budget);
    *out = (struct http_answer){.kind = ZONE_NO_BUDGET, .body = "", .why = "no time was left"};
    if (left_ms <= 0)
        return;
    if (url_check_trust(request->url, request->trust.insecure) != OK) {
        out->kind = ZONE_REFUSED;
        out->why = arena_strdup(arena, err_message());
        return;
    }
    CURL *easy = curl_easy_init();
    if (!easy) {
        out->kind = ZONE_REFUSED;
        out->why = "libcurl gave no handle";
        return;
    }
    struct transfer transfer;
    transfer_open(&transfer, arena, easy, request, left_ms, out);
    transfer_close(&transfer, curl_easy_perform(easy));
    curl_easy_cleanup(easy);
}

/* What may stand at the end of a URL that an admin copied from somewhere; cut off as often as one fits. */
static const char *const known_ends[] = {
    "/",      "/compute", "/identity", "/placement", "/image", "/network", "/os-zones",
    "/zones", "/v1.0",    "/v1.1",     "/v2",        "/v2.0",  "/v2.1",    "/v3",
};

static void cut_ends(char *path)
{
    for (bool again = true; again;) {
        again = false;
        for (size_t i = 0; i < ARRAY_LEN(known_ends); i++) {
            if (str_ends(path, known_ends[i])) {
                path[strlen(path) - strlen(known_ends[i])] = '\0';
                again = true;
            }
        }
    }
}

/* One part of a URL in the arena; NULL when the URL lacks it. */
static const char *url_part(struct arena *arena, CURLU *url, CURLUPart part)
{
    char *text = NULL;
    if (curl_url_get(url, part, &text, 0) != CURLUE_OK)
        return NULL;
    const char *copy = arena_strdup(arena, text);
    curl_free(text);
    return copy;
}

static enum err write_root(struct arena *arena, CURLU *url, const char **out)
{
    const char *scheme = url_part(arena, url, CURLUPART_SCHEME);
    const char *host = url_part(arena, url, CURLUPART_HOST);
    const char *port = url_part(arena, url, CURLUPART_PORT);
    const char *path = url_part(arena, url, CURLUPART_PATH);
    if (!str_equal(scheme, "http") && !str_equal(scheme, "https"))
        return fail(E_INVALID, "A zone's URL starts with https:// or http://.");
    if (!host || !host[0])
        return fail(E_INVALID, "A zone's URL names a host.");
    if (url_part(arena, url, CURLUPART_USER) || url_part(arena, url, CURLUPART_PASSWORD))
        return fail(E_INVALID, "A zone's URL holds no user or password; give them as username and password.");
    if (url_part(arena, url, CURLUPART_QUERY) || url_part(arena, url, CURLUPART_FRAGMENT))
        return fail(E_INVALID, "A zone's URL has no query and no fragment.");
    char *prefix = arena_strdup(arena, path ? path : "");
    cut_ends(prefix);
    *out = arena_printf(arena, "%s://%s%s%s%s", scheme, host, port ? ":" : "", port ? port : "", prefix);
    return OK;
}

enum err url_root(struct arena *arena, const char *text, const char **out)
{
    if (strlen(text) > 1000)
        return fail(E_INVALID, "A zone's URL has at most 1000 bytes.");
    CURLU *url = curl_url();
    const CURLUcode parsed = url ? curl_url_set(url, CURLUPART_URL, text, 0) : CURLUE_OUT_OF_MEMORY;
    const enum err result = parsed == CURLUE_OK ? write_root(arena, url, out)
                                                : fail(E_INVALID, "'%.200s' is no URL: %s.", text, curl_url_strerror(parsed));
    curl_url_cleanup(url);
    return result;
}

static bool is_loopback(const char *host)
{
    struct in_addr address;
    if (str_equal_nocase(host, "localhost") || str_equal(host, "[::1]"))
        return true;
    return inet_pton(AF_INET, host, &address) == 1 && ntohl(address.s_addr) >> 24 == 127;
}

/* A root URL as url_root writes most of them, "scheme://host[:port][/…]" without anything that needs a parser: what is trusted of
 * them is told at a glance, since every call asks. */
static bool is_trusted_at_sight(const char *text, bool insecure)
{
    static const char name[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-";
    char host[64];
    const bool tls = str_starts(text, "https://");
    const char *at = tls ? text + 8 : text + 7;
    if (!tls && !str_starts(text, "http://"))
        return false;
    const size_t length = strspn(at, name);
    const char *port = at + length;
    const char *end = *port == ':' ? port + 1 + strspn(port + 1, "0123456789") : port;
    if (length == 0 || length >= sizeof(host) || (*end && *end != '/') || end == port + 1)
        return false;
    if (end > port && strtoul(port + 1, NULL, 10) > UINT16_MAX)
        return false;
    memcpy(host, at, length);
    host[length] = '\0';
    return tls || insecure || is_loopback(host);
}

enum err url_check_trust(const char *text, bool insecure)
{
    if (is_trusted_at_sight(text, insecure))
        return OK;
    CLEANUP(arena_clear) struct arena arena = {0};
    CURLU *url = curl_url();
    const bool good = url && curl_url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK;
    const char *scheme = good ? url_part(&arena, url, CURLUPART_SCHEME) : NULL;
    const char *host = good ? url_part(&arena, url, CURLUPART_HOST) : NULL;
    curl_url_cleanup(url);
    if (!scheme || !host)
        return fail(E_INVALID, "'%.200s' is no URL.", text);
    if (str_equal(scheme, "https") || (str_equal(scheme, "http") && (insecure || is_loopback(host))))
        return OK;
    return fail(E_INVALID,
                "Plain http to %.200s would show everything to the network: use https, or allow it with insecure = true.", host);
}
