/*
 * libFuzzer target: all that a child may send. The input is the bytes on the wire, status line and headers first; they go through a
 * socket to libcurl with the options that every call to a zone has (transfer.c), so headers, framing and limits are the real ones.
 * What comes out of it goes through everything that reads answers: framed rows with and without a marker, the merge with another
 * list, plain lists, X-Zone-Missing, the directory, and the relay of the whole answer to a client.
 *
 * Besides crashes: nothing exceeds its limit, no header that is passed on can become two, rows that were accepted stand in order
 * behind the marker, and the other child's rows are all in the merged list.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/base/log.h"
#include "gateway/base/text.h"
#include "gateway/conductor/relay.h"
#include "gateway/gateway.h"
#include "schema/json/json.h"
#include "tests/unit/zones/pair.h"
#include "zones/row_key.h"
#include "tests/unit/zones/merge_lists.h"
#include "zones/rows.h"
#include "zones/seen.h"
#include "zones/transfer.h"

#define INPUT_MOST   (128U << 10) /* what a socket takes before anybody reads */
#define ANSWER_LIMIT (96U << 10)
#define TIMEOUT_MS   1000

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct pair *pair;       /* two joined zones, and the process of one of them, for the life of the fuzzer */
static struct gateway *gateway; /* its thread alone uses them */

static void must(bool condition)
{
    if (!condition)
        abort();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    must(seal_setup() == OK && http_client_setup() == OK);
    log_setup(LOG_LEVEL_ERROR, "fuzz");
    pair = pair_open();
    gateway = calloc(1, sizeof(*gateway));
    must(gateway != NULL);
    config_init(&gateway->config);
    gateway->zones = &pair->parent.zones;
    gateway->seen = seen_new(100);
    return 0;
}

static curl_socket_t give_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
    (void)purpose;
    (void)address;
    return *(const int *)context;
}

/* In the place of libc's, for libcurl: the socket that it was given is connected already. */
int connect(int fd, const struct sockaddr *address, socklen_t length)
{
    (void)fd;
    (void)address;
    (void)length;
    return 0;
}

/* The other side has said all it will say, and closed. */
static int open_wire(const uint8_t *data, size_t size, int *other)
{
    const int room = 2 * INPUT_MOST;
    int pair_of[2];
    must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair_of) == 0);
    (void)setsockopt(pair_of[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
    must(send(pair_of[1], data, size, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)size || size == 0);
    (void)shutdown(pair_of[1], SHUT_WR);
    *other = pair_of[1];
    return pair_of[0];
}

static void receive(struct arena *arena, const uint8_t *data, size_t size, struct http_answer *answer)
{
    const struct http_request request = {.url = "http://127.0.0.1:1/", .method = "GET", .answer_limit = ANSWER_LIMIT};
    struct transfer transfer;
    int other = -1;
    const int wire = open_wire(data, size, &other);
    CURL *easy = curl_easy_init();
    must(easy != NULL);
    transfer_open(&transfer, arena, easy, &request, TIMEOUT_MS, answer);
    (void)curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, give_socket);
    (void)curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, &wire);
    transfer_close(&transfer, curl_easy_perform(easy));
    curl_easy_cleanup(easy);
    (void)close(other);
}

static void look_at_headers(struct arena *arena, const struct http_answer *answer)
{
    struct link_headers passed = {0};
    size_t bytes = 0;
    link_copy_answer_headers(arena, &answer->headers, &passed);
    for (size_t i = 0; i < passed.count; i++)
        must(passed.items[i].name[0] && !strpbrk(passed.items[i].name, "\r\n:") && !strpbrk(passed.items[i].value, "\r\n"));
    for (size_t i = 0; i < answer->headers.count; i++)
        bytes += strlen(answer->headers.items[i].name) + strlen(answer->headers.items[i].value);
    must(bytes <= HTTP_HEADER_LIMIT && answer->body_length <= ANSWER_LIMIT);
    must(answer->kind == ZONE_ANSWERED || answer->why);
}

/* The list of a child that plays no tricks. */
static struct row_list make_other(struct arena *arena)
{
    struct row *rows = arena_alloc(arena, 3 * sizeof(*rows));
    struct text *keys = arena_alloc(arena, 3 * sizeof(*keys));
    for (size_t i = 0; i < 3; i++) {
        rows[i] = (struct row){.uuid = {.bytes = {0xee, (uint8_t)i}}, .body = "{\"id\":1}", .body_length = 8};
        must(row_key_finish(&keys[i], (int64_t)(300 - 100 * i) * 1000000, &rows[i].uuid) == OK);
        rows[i].key = arena_copy(arena, keys[i].bytes, keys[i].length);
        rows[i].key_length = keys[i].length;
        text_clear(&keys[i]);
    }
    return (struct row_list){.rows = rows, .count = 3};
}

static bool holds(const struct merged_rows *merged, const struct row *row)
{
    for (size_t i = 0; i < merged->count; i++) {
        if (uuid_equal(&merged->rows[i].uuid, &row->uuid))
            return true;
    }
    return false;
}

static void merge(struct arena *arena, const struct row_list *list)
{
    const struct row_list lists[] = {make_other(arena), *list};
    struct merged_rows merged;
    rows_merge(arena, lists, ARRAY_LEN(lists), 1000, &merged);
    for (size_t i = 1; i < merged.count; i++)
        must(row_key_compare(merged.rows[i - 1].key, merged.rows[i - 1].key_length, merged.rows[i].key, merged.rows[i].key_length) <
             0);
    for (size_t i = 0; i < lists[0].count && merged.starving == ROW_SOURCE_NONE; i++)
        must(holds(&merged, &lists[0].rows[i]));
}

static void read_rows(struct arena *arena, const struct http_answer *answer)
{
    static const uint8_t after[] = {0xfe, 0x7f};
    struct row_list list = {0};
    json_t *value = NULL;
    if (rows_read(arena, answer->body, answer->body_length, after, sizeof(after), &list) == OK && list.count)
        must(row_key_compare(list.rows[0].key, list.rows[0].key_length, after, sizeof(after)) > 0);
    if (rows_read(arena, answer->body, answer->body_length, NULL, 0, &list) != OK)
        return;
    for (size_t i = 0; i < list.count; i++) {
        /* it may refuse numbers that do not fit, and keys that come twice; the scan does not look at them */
        must(json_parse_foreign(list.rows[i].body, list.rows[i].body_length, &value) != OK || json_is_object(value));
        json_decref(value);
        value = NULL;
    }
    merge(arena, &list);
}

static void read_plain(struct arena *arena, const struct http_answer *answer)
{
    const struct directory_row *rows = NULL;
    size_t count = 0;
    json_t *value = NULL;
    if (json_parse_foreign(answer->body, answer->body_length, &value) != OK)
        return;
    if (directory_read(arena, json_object_get(json_object_get(value, "zone"), "directory"), &rows, &count) == OK)
        must(count > 0);
    json_decref(value);
}

static void read_missing(struct arena *arena, const struct http_answer *answer)
{
    struct zones_missing missing = {0};
    const char *header = headers_get(&answer->headers, "X-Zone-Missing");
    if (!header || missing_add_header(arena, &missing, "east", header) != OK)
        return;
    const char *again = missing_format(arena, &missing);
    struct zones_missing twice = {0};
    must(!again || missing_add_header(arena, &twice, "root", again) == OK || missing.count > twice.count);
}

static void relay(struct arena *arena, const struct http_answer *answer)
{
    static const struct route route = {.method = "GET", .path = "/servers/{server_id}", .scope = SCOPE_SERVER};
    struct request request = {.arena = arena, .gateway = gateway, .method = "GET", .route = &route};
    struct response response;
    pairs_add(arena, &request.params, "server_id", "01010101-0101-4101-8101-010101010101");
    response_init(&response);
    if (answer->kind == ZONE_ANSWERED)
        relay_answer(&request, &response, &pair->parent.other, answer);
    else
        must(relay_failure(&request, &response, &pair->parent.other, answer) == E_UNAVAILABLE);
    for (size_t i = 0; i < response.headers.count; i++)
        for (const char *c = response.headers.items[i].value; *c; c++)
            must((unsigned char)*c >= 0x20 && *c != 0x7f);
    response_clear(&response);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    struct http_answer answer;
    if (size > INPUT_MOST)
        return 0;
    receive(&arena, data, size, &answer);
    look_at_headers(&arena, &answer);
    read_rows(&arena, &answer);
    read_plain(&arena, &answer);
    read_missing(&arena, &answer);
    relay(&arena, &answer);
    arena_clear(&arena);
    return 0;
}
