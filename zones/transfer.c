/* See transfer.h. */
#include "zones/transfer.h"

#include <string.h>
#include <strings.h>
#include <time.h>

#include "gateway/base/clock.h"
#include "gateway/base/log.h"
#include "zones/ca_file.h"
#include "zones/stream.h"

#define RECEIVE_BUFFER 65536L
#define EXPECT_MS      1000L /* for a word about whether a body is wanted; without one it is sent */
#define IDLE_AGE_S     30L   /* an idle connection older than that is not used again: the other side may be about to close it */

bool transfer_is_long(const struct transfer *transfer)
{
    curl_off_t announced = -1;
    (void)curl_easy_getinfo(transfer->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &announced);
    return transfer->window && transfer->head_ended && announced > (curl_off_t)transfer->window;
}

static size_t take_body(char *bytes, size_t size, size_t count, void *context)
{
    struct transfer *transfer = context;
    const size_t length = size * count;
    if (transfer->stream)
        return stream_take(transfer->stream, bytes, length);
    if (transfer->window && transfer->body->length + length > transfer->window) {
        transfer->held = true;
        return CURL_WRITEFUNC_PAUSE;
    }
    if (transfer->body->length + length > transfer->limit) {
        transfer->too_large = true;
        return 0;
    }
    text_add(transfer->body, bytes, length);
    return length;
}

static size_t give_body(char *out, size_t size, size_t count, void *context)
{
    struct transfer *transfer = context;
    transfer->asked = true;
    if (!transfer->stream)
        return CURL_READFUNC_PAUSE;
    const size_t given = stream_give(transfer->stream, out, size * count);
    transfer->read_once = transfer->read_once || (given > 0 && given <= size * count);
    return given;
}

/* "Name: value\r\n"; a status line begins a new set, so that those of a 100 are forgotten. */
static size_t take_header(char *bytes, size_t size, size_t count, void *context)
{
    struct transfer *transfer = context;
    const size_t length = size * count;
    transfer->header_bytes += length;
    if (transfer->header_bytes > HTTP_HEADER_LIMIT) {
        transfer->too_large = true;
        return 0;
    }
    if (length >= 5 && memcmp(bytes, "HTTP/", 5) == 0) {
        transfer->answer->headers.count = 0;
        transfer->head_ended = false;
        return length;
    }
    transfer->head_ended = transfer->head_ended || bytes[0] == '\r' || bytes[0] == '\n';
    const char *colon = memchr(bytes, ':', length);
    if (!colon)
        return length;
    const char *value = colon + 1;
    const char *end = bytes + length;
    while (value < end && (*value == ' ' || *value == '\t'))
        value++;
    while (end > value && (end[-1] == '\r' || end[-1] == '\n' || end[-1] == ' ' || end[-1] == '\t'))
        end--;
    headers_add(transfer->arena, &transfer->answer->headers, arena_strndup(transfer->arena, bytes, (size_t)(colon - bytes)),
                arena_strndup(transfer->arena, value, (size_t)(end - value)));
    return length;
}

static int before_send(void *context, char *ip, char *local_ip, int port, int local_port)
{
    struct transfer *transfer = context;
    (void)ip;
    (void)local_ip;
    (void)port;
    (void)local_port;
    transfer->sends++;
    return transfer->sends > 1 && transfer->send_once ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

/* In the transfer's arena, as libcurl wants its lists; it does not change them. */
static void add_line(struct transfer *transfer, char *line)
{
    struct curl_slist *item = arena_alloc(transfer->arena, sizeof(*item));
    item->data = line;
    *transfer->last_header = item;
    transfer->last_header = &item->next;
}

/* "name" and "separator" and "value". */
static char *join_line(struct arena *arena, const char *name, const char *separator, const char *value)
{
    const size_t lengths[] = {strlen(name), strlen(separator), strlen(value)};
    char *line = arena_alloc(arena, lengths[0] + lengths[1] + lengths[2] + 1);
    memcpy(line, name, lengths[0]);
    memcpy(line + lengths[0], separator, lengths[1]);
    memcpy(line + lengths[0] + lengths[1], value, lengths[2]);
    return line;
}

/* libcurl's way to write a header without a value is "Name;", and "Name:" takes away one that it would add. */
static void add_headers(struct transfer *transfer, const struct http_request *request)
{
    static const char *const own[] = {"Accept", "Content-Type", "User-Agent", "Expect"};
    const size_t count = ARRAY_LEN(own) - (request->uploads ? 1 : 0); /* a stream is announced: it may be refused */
    if (request->uploads)
        add_line(transfer, join_line(transfer->arena, "Expect", ": ", "100-continue"));
    for (size_t i = 0; i < request->headers.count; i++) {
        const struct link_header *header = &request->headers.items[i];
        add_line(transfer, join_line(transfer->arena, header->name, header->value[0] ? ": " : ";", header->value));
    }
    for (size_t i = 0; i < count; i++) {
        if (!headers_get(&request->headers, own[i]))
            add_line(transfer, join_line(transfer->arena, own[i], ":", ""));
    }
    (void)curl_easy_setopt(transfer->easy, CURLOPT_HTTPHEADER, transfer->headers);
}

static bool wants_body(const struct http_request *request)
{
    return request->body_length || str_equal(request->method, "POST") || str_equal(request->method, "PUT") ||
           str_equal(request->method, "PATCH");
}

static void set_method(CURL *easy, const struct http_request *request)
{
    if (request->uploads) {
        const bool known = request->upload_length <= (uint64_t)INT64_MAX;
        (void)curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
        (void)curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, known ? (curl_off_t)request->upload_length : (curl_off_t)-1);
        (void)curl_easy_setopt(easy, CURLOPT_EXPECT_100_TIMEOUT_MS, EXPECT_MS);
    } else if (wants_body(request)) {
        (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_length);
        (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body ? request->body : "");
    } else if (str_equal(request->method, "HEAD")) {
        (void)curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    } else {
        (void)curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
    }
    if (!str_equal(request->method, "HEAD"))
        (void)curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
}

/* With a pin the key itself is the proof: the issuer and the name in the certificate say nothing more. */
static void set_trust(CURL *easy, const struct http_trust *trust)
{
    if (trust->pin) {
        (void)curl_easy_setopt(easy, CURLOPT_PINNEDPUBLICKEY, trust->pin);
        (void)curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
        (void)curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
    }
    if (trust->ca_pem) {
        /* without a file the path is one that nobody can read: the handshake fails */
        char path[CA_FILE_PATH_SIZE] = "/nonexistent";
        if (ca_file_path(trust->ca_pem, path) != OK)
            log_error("zone.ca", "why=%s", log_quote(err_message()).text);
        (void)curl_easy_setopt(easy, CURLOPT_CAINFO, path);
        (void)curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    }
}

static void set_callbacks(struct transfer *transfer)
{
    (void)curl_easy_setopt(transfer->easy, CURLOPT_WRITEFUNCTION, take_body);
    (void)curl_easy_setopt(transfer->easy, CURLOPT_WRITEDATA, transfer);
    (void)curl_easy_setopt(transfer->easy, CURLOPT_READFUNCTION, give_body);
    (void)curl_easy_setopt(transfer->easy, CURLOPT_READDATA, transfer);
    (void)curl_easy_setopt(transfer->easy, CURLOPT_HEADERFUNCTION, take_header);
    (void)curl_easy_setopt(transfer->easy, CURLOPT_HEADERDATA, transfer);
    (void)curl_easy_setopt(transfer->easy, CURLOPT_PREREQFUNCTION, before_send);
    (void)curl_easy_setopt(transfer->easy, CURLOPT_PREREQDATA, transfer);
    (void)curl_easy_setopt(transfer->easy, CURLOPT_ERRORBUFFER, transfer->error);
    (void)curl_easy_setopt(transfer->easy, CURLOPT_PRIVATE, transfer);
}

/* Where libcurl has no time limit its caller has one. */
static void set_manners(CURL *easy, const struct http_request *request, int64_t timeout_ms)
{
    const bool streams = request->window || request->uploads;
    (void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(easy, CURLOPT_PROXY, "");
    (void)curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    (void)curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, RECEIVE_BUFFER);
    (void)curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, IDLE_AGE_S);
    (void)curl_easy_setopt(easy, streams ? CURLOPT_CONNECTTIMEOUT_MS : CURLOPT_TIMEOUT_MS, (long)timeout_ms);
    (void)curl_easy_setopt(easy, CURLOPT_CERTINFO, 1L);
}

static void clear_body(void *body)
{
    text_clear(body);
}

void transfer_open(struct transfer *transfer, struct arena *arena, CURL *easy, const struct http_request *request,
                   int64_t timeout_ms, struct http_answer *answer)
{
    *answer = (struct http_answer){.kind = ZONE_GARBAGE, .body = ""};
    *transfer = (struct transfer){.easy = easy,
                                  .arena = arena,
                                  .limit = request->answer_limit ? request->answer_limit : HTTP_ANSWER_LIMIT,
                                  .window = request->window,
                                  .started_us = clock_mono_us(),
                                  .answer = answer};
    transfer->last_header = &transfer->headers;
    transfer->body = arena_alloc(arena, sizeof(*transfer->body));
    arena_defer(arena, clear_body, transfer->body);
    curl_easy_reset(easy);
    (void)curl_easy_setopt(easy, CURLOPT_URL, request->url);
    set_manners(easy, request, timeout_ms);
    if (!str_equal(request->method, "HEAD")) /* also refuses a length that is too large for a number */
        (void)curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE,
                               request->window ? (curl_off_t)INT64_MAX : (curl_off_t)transfer->limit);
    set_trust(easy, &request->trust);
    set_method(easy, request);
    set_callbacks(transfer);
    add_headers(transfer, request);
}

/* libcurl's results that mean "nobody was there to talk to"; silence is one more; everything else broke off or made no sense. */
static enum zone_kind_of_answer kind_of(CURLcode code)
{
    static const CURLcode refused[] = {CURLE_COULDNT_CONNECT,         CURLE_COULDNT_RESOLVE_HOST,  CURLE_PEER_FAILED_VERIFICATION,
                                       CURLE_SSL_CACERT_BADFILE,      CURLE_SSL_CERTPROBLEM,       CURLE_SSL_CIPHER,
                                       CURLE_SSL_CONNECT_ERROR,       CURLE_SSL_INVALIDCERTSTATUS, CURLE_SSL_ISSUER_ERROR,
                                       CURLE_SSL_PINNEDPUBKEYNOTMATCH};
    if (code == CURLE_OK)
        return ZONE_ANSWERED;
    if (code == CURLE_OPERATION_TIMEDOUT)
        return ZONE_TIMEOUT;
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        if (code == refused[i])
            return ZONE_REFUSED;
    }
    return ZONE_GARBAGE;
}

/* libcurl over GnuTLS writes 2026-12-31 23:59:59 GMT, over OpenSSL Dec 31 23:59:59 2026 GMT. 0 for anything else. */
static int64_t certificate_time(const char *text)
{
    struct tm tm = {0};
    const time_t at = strptime(text, "%Y-%m-%d %H:%M:%S", &tm) ? timegm(&tm) : curl_getdate(text, NULL);
    return at == (time_t)-1 ? 0 : (int64_t)at;
}

/* Of the server's own certificate, the first of the chain; a connection that is used again does not show it again. */
static int64_t certificate_expiry(CURL *easy)
{
    static const char label[] = "Expire date:";
    struct curl_certinfo *info = NULL;
    if (curl_easy_getinfo(easy, CURLINFO_CERTINFO, &info) != CURLE_OK || !info || info->num_of_certs < 1)
        return 0;
    for (const struct curl_slist *line = info->certinfo[0]; line; line = line->next) {
        if (strncasecmp(line->data, label, sizeof(label) - 1) == 0) {
            return certificate_time(line->data + sizeof(label) - 1);
        }
    }
    return 0;
}

/* How far it came. What libcurl calls a timeout may be one of any step. */
static const char *step_of(CURL *easy, CURLcode code)
{
    static const struct {
        CURLcode code;
        const char *step;
    } steps[] = {
        {CURLE_COULDNT_RESOLVE_HOST, "dns"},     {CURLE_COULDNT_CONNECT, "tcp"},       {CURLE_PEER_FAILED_VERIFICATION, "tls"},
        {CURLE_SSL_CACERT_BADFILE, "tls"},       {CURLE_SSL_CERTPROBLEM, "tls"},       {CURLE_SSL_CIPHER, "tls"},
        {CURLE_SSL_CONNECT_ERROR, "tls"},        {CURLE_SSL_INVALIDCERTSTATUS, "tls"}, {CURLE_SSL_ISSUER_ERROR, "tls"},
        {CURLE_SSL_PINNEDPUBKEYNOTMATCH, "tls"},
    };
    curl_off_t connected_us = 0;
    curl_off_t ready_us = 0;
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        if (steps[i].code == code)
            return steps[i].step;
    }
    (void)curl_easy_getinfo(easy, CURLINFO_CONNECT_TIME_T, &connected_us);
    (void)curl_easy_getinfo(easy, CURLINFO_PRETRANSFER_TIME_T, &ready_us);
    if (connected_us == 0)
        return "tcp";
    return ready_us == 0 ? "tls" : "http";
}

/* libcurl takes a head that was broken off for a whole one, and any number for a status. */
static const char *find_fault(const struct transfer *transfer, long status)
{
    if (!transfer->head_ended)
        return "the answer ends within its headers";
    return status < 200 || status > 599 ? "the answer's status is none of HTTP" : NULL;
}

void transfer_read_head(struct transfer *transfer)
{
    struct http_answer *answer = transfer->answer;
    long status = 0;
    (void)curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    const char *fault = find_fault(transfer, status);
    answer->kind = fault ? ZONE_GARBAGE : ZONE_ANSWERED;
    answer->status = fault ? 0 : (int)status;
    answer->why = fault;
    answer->ms = (clock_mono_us() - transfer->started_us) / 1000;
    answer->sent = true;
}

void transfer_close(struct transfer *transfer, CURLcode code)
{
    struct http_answer *answer = transfer->answer;
    long status = 0;
    (void)curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    const char *fault = code == CURLE_OK ? find_fault(transfer, status) : NULL;
    answer->kind = fault ? ZONE_GARBAGE : kind_of(code);
    answer->ms = (clock_mono_us() - transfer->started_us) / 1000;
    answer->sent = transfer->sends > 0;
    answer->certificate_expires_s = certificate_expiry(transfer->easy);
    if (answer->kind != ZONE_ANSWERED)
        answer->step = step_of(transfer->easy, code);
    answer->body = text_str(transfer->body);
    answer->body_length = transfer->body->length;
    if (answer->kind == ZONE_ANSWERED)
        answer->status = (int)status;
    else if (fault)
        answer->why = fault;
    else if (transfer->too_large || code == CURLE_FILESIZE_EXCEEDED)
        answer->why = "the answer is too large";
    else
        answer->why = arena_strdup(transfer->arena, transfer->error[0] ? transfer->error : curl_easy_strerror(code));
    curl_easy_reset(transfer->easy); /* nothing of this request is pointed to any more */
}

bool transfer_wants_again(const struct transfer *transfer)
{
    return transfer->send_once && transfer->sends > 1;
}
