/* See once.h. The kept answer is JSON: {"status", "type", "headers": [[name, value]…], "body": base64}. */
#include "gateway/conductor/once.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/base/seal.h"
#include "gateway/gateway.h"
#include "schema/idempotency.h"
#include "schema/json/json.h"
#include "zones/link.h"

#define CONTEXT     "zonegate idempotency answer"
#define KEY_MOST    255
#define KEY_BYTES   16
#define ANSWER_MOST (1U << 20)
#define REPLAYED    "X-Idempotent-Replay"

struct once {
    uint8_t id[IDEMPOTENCY_HASH_SIZE];
};

static enum err client_key(const struct request *request, const char **out)
{
    const char *key = request_header(request, LINK_IDEMPOTENCY);
    *out = key;
    if (!key)
        return OK;
    size_t length = 0;
    while (key[length] > ' ' && key[length] <= '~')
        length++;
    return length && length <= KEY_MOST && key[length] == '\0'
               ? OK
               : fail(E_INVALID, "Idempotency-Key must be 1 to %d printable ASCII characters.", KEY_MOST);
}

/* Separated by a byte that no part contains. */
static void hash_parts(const char *const *parts, size_t count, const void *body, size_t length, uint8_t out[IDEMPOTENCY_HASH_SIZE])
{
    CLEANUP(text_clear) struct text text = {0};
    for (size_t i = 0; i < count; i++) {
        text_add_str(&text, parts[i] ? parts[i] : "");
        text_add(&text, "\0", 1);
    }
    text_add(&text, body, length);
    hash_sha256(text.bytes, text.length, out);
}

static const char *user_of(const struct request *request)
{
    return request->caller.user_id;
}

const char *once_key(struct request *request)
{
    uint8_t bytes[IDEMPOTENCY_HASH_SIZE];
    const char *given = request_header(request, LINK_IDEMPOTENCY);
    if (!link_is_mutation(request->method))
        return NULL;
    if (request->link)
        return request->link->key;
    const char *const parts[] = {"link", user_of(request), given};
    if (given)
        hash_parts(parts, ARRAY_LEN(parts), "", 0, bytes);
    else
        random_bytes(bytes, KEY_BYTES);
    char *text = arena_alloc(request->arena, 24);
    base64url_encode(bytes, KEY_BYTES, text, 24);
    return text;
}

static bool is_exempt(const struct request *request)
{
    const bool between_zones = request->link && strncmp(request->subpath, "/os-zones", strlen("/os-zones")) == 0;
    return !request->db || !user_of(request) || !link_is_mutation(request->method) || between_zones;
}

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static enum err write_body(struct request *request, const char *encoded, struct response *response)
{
    const size_t capacity = strlen(encoded) + 1;
    char *bytes = arena_alloc(request->arena, capacity);
    size_t length = 0;
    TRY(base64_decode(encoded, strlen(encoded), bytes, capacity, &length));
    text_add(&response->body, bytes, length);
    return OK;
}

static enum err replay(struct request *request, const struct idempotency_row *row, struct response *response)
{
    if (row->answer_length < SEAL_OVERHEAD)
        return fail(E_CONFLICT,
                    "A request with this Idempotency-Key is being worked on, or was interrupted; what came of it is to be "
                    "looked up before it is repeated with another key.");
    const size_t length = row->answer_length - SEAL_OVERHEAD;
    char *plain = arena_alloc(request->arena, length + 1);
    json_t *kept = NULL;
    TRY(unseal_bytes(request->gateway->keys.plan, CONTEXT, row->answer, row->answer_length, plain));
    TRY(json_parse_foreign(plain, length, &kept));
    const json_t *headers = json_object_get(kept, "headers");
    for (size_t i = 0; i < json_array_size(headers); i++) {
        const json_t *pair = json_array_get(headers, i);
        response_header(request, response, arena_strdup(request->arena, json_string_value(json_array_get(pair, 0))),
                        json_string_value(json_array_get(pair, 1)));
    }
    response_header(request, response, REPLAYED, "true");
    response->status = (int)json_integer_value(json_object_get(kept, "status"));
    response->content_type = arena_strdup(request->arena, text_of(kept, "type"));
    const enum err result = write_body(request, text_of(kept, "body") ? text_of(kept, "body") : "", response);
    json_decref(kept);
    return result;
}

enum err once_begin(struct request *request, struct response *response, bool *answered)
{
    const char *key = request->link ? request->link->key : NULL;
    *answered = false;
    if (is_exempt(request))
        return OK;
    if (!request->link) {
        TRY(client_key(request, &key));
        key = key ? once_key(request) : NULL; /* as it would arrive below: one door is as good as another */
    }
    if (!key)
        return OK;
    uint8_t question[IDEMPOTENCY_HASH_SIZE];
    struct once *once = arena_alloc(request->arena, sizeof(*once));
    const char *const owner[] = {user_of(request), key};
    const char *const asked[] = {request->method, request->path};
    struct idempotency_row row;
    bool taken = false;
    hash_parts(owner, ARRAY_LEN(owner), "", 0, once->id);
    hash_parts(asked, ARRAY_LEN(asked), request->body, request->body_length, question);
    TRY(idempotency_take(request->db, request->arena, once->id, question, &taken, &row));
    if (taken) {
        request->once = once;
        return OK;
    }
    if (memcmp(row.question, question, sizeof(question)) != 0)
        return fail(E_UNPROCESSABLE, "The Idempotency-Key was used for another request.");
    *answered = true;
    return replay(request, &row, response);
}

static bool is_kept(const struct response *response)
{
    return response->status != 307 && response->status != 502 && response->status != 503 && response->status != 504 &&
           response->file < 0 && response->body.length <= ANSWER_MOST;
}

static enum err keep(struct request *request, const struct response *response)
{
    const size_t length = response->body.length;
    char *body = arena_alloc(request->arena, BASE64_SIZE(length));
    json_auto_t *headers = json_array();
    base64_encode(response->body.bytes ? response->body.bytes : "", length, body, BASE64_SIZE(length));
    for (size_t i = 0; i < response->headers.count; i++)
        (void)json_array_append_new(headers,
                                    json_pack("[s, s]", response->headers.items[i].name, response->headers.items[i].value));
    json_auto_t *kept = json_pack("{s:i, s:s?, s:O, s:s}", "status", response->status ? response->status : 200, "type",
                                  response->content_type, "headers", headers, "body", body);
    char *text = kept ? json_dumps(kept, JSON_COMPACT) : NULL;
    if (!text)
        return fail(E_INTERNAL, "The answer cannot be written.");
    const size_t plain = strlen(text);
    uint8_t *sealed = arena_alloc(request->arena, plain + SEAL_OVERHEAD);
    seal_bytes(request->gateway->keys.plan, CONTEXT, text, plain, sealed);
    free(text);
    return idempotency_answer(request->db, request->once->id, sealed, plain + SEAL_OVERHEAD);
}

void once_end(struct request *request, struct response *response)
{
    if (!request->once)
        return;
    response_render(response);
    const enum err result = is_kept(response) ? keep(request, response) : idempotency_forget(request->db, request->once->id);
    if (result != OK) /* the key stays taken: a repeat is refused, nothing is done twice */
        log_warn("idempotency.keep", "message=%s", log_quote(err_message()).text);
}
