/*
 * Requests that the authority answers: see identity.h. Only the headers in the table pass, in either direction; the client's token
 * goes to the one who issued it and to nobody else.
 */
#include <stdlib.h>
#include <string.h>

#include "gateway/base/text.h"
#include "gateway/identity/inside.h"
#include "schema/json/json.h"

static const char *const request_headers[] = {"Accept", "Content-Type", "X-Auth-Token", "X-Subject-Token"};
static const char *const answer_headers[] = {"X-Subject-Token", "Vary", "Allow", "Retry-After"};

static struct http_pairs pass_headers(struct request *request)
{
    struct http_pairs headers = {0};
    for (size_t i = 0; i < ARRAY_LEN(request_headers); i++) {
        const char *value = request_header(request, request_headers[i]);
        if (value)
            pairs_add(request->arena, &headers, request_headers[i], value);
    }
    return headers;
}

/* The raw target below the mount; one that was written so oddly that the mount cannot be cut off is refused. */
static enum err find_target(const struct request *request, const char **out)
{
    if (!str_starts(request->target, request->mount))
        return fail(E_INVALID, "Malformed request url");
    *out = request->target + strlen(request->mount);
    return OK;
}

static enum err ask(struct identity *identity, struct request *request, struct identity_answer *out)
{
    const struct http_pairs headers = pass_headers(request);
    const struct identity_call call = {.method = request->method,
                                       .headers = &headers,
                                       .body = request->body_length ? request->body : NULL,
                                       .body_length = request->body_length,
                                       .budget = request->budget};
    const char *target = NULL;
    TRY(find_target(request, &target));
    return authority_call(identity->authority, request->arena, &call, target, out);
}

static void take_headers(struct request *request, const struct identity_answer *answer, struct response *response)
{
    for (size_t i = 0; i < ARRAY_LEN(answer_headers); i++) {
        const char *value = pairs_get_nocase(&answer->headers, answer_headers[i]);
        if (value)
            response_header(request, response, answer_headers[i], value);
    }
    response->status = answer->status;
    if (answer->status == 401)
        response_header(request, response, "WWW-Authenticate",
                        arena_printf(request->arena, "Keystone uri=\"%s\"", request->base_url));
}

/* The authority's own URL becomes this zone's, so that a client that follows a link stays here. */
static void add_with_our_links(struct text *out, const char *body, const char *theirs, const char *ours)
{
    const size_t length = strlen(theirs);
    for (const char *hit = strstr(body, theirs); hit; hit = strstr(body, theirs)) {
        text_add(out, body, (size_t)(hit - body));
        text_add_str(out, ours);
        body = hit + length;
    }
    text_add_str(out, body);
}

enum err identity_relay(struct identity *identity, struct request *request, struct response *response)
{
    struct identity_answer answer;
    TRY(ask(identity, request, &answer));
    take_headers(request, &answer, response);
    const char *type = pairs_get_nocase(&answer.headers, "Content-Type");
    if (answer.body_length)
        add_with_our_links(&response->body, answer.body, authority_url(identity->authority),
                           arena_printf(request->arena, "%s%s", request->base_url, request->mount));
    response->content_type = type ? arena_strdup(request->arena, type) : NULL;
    return OK;
}

/* What the authority signed must be a token that this zone accepts: else its clients would fail at the next request. */
static enum err check_token(struct identity *identity, struct request *request, const char *token)
{
    struct claims *claims = NULL;
    if (!token)
        return fail(E_BAD_GATEWAY, "The identity service %s answered without a token.", authority_url(identity->authority));
    if (!token_is_ours(token))
        return OK; /* a Keystone's: opaque, asked about when it is used */
    const enum err result = identity_verify(identity, request, token, &claims);
    if (result == E_UNAUTHORIZED)
        return fail(E_BAD_GATEWAY, "The identity service %s answered with a token that is not its own.",
                    authority_url(identity->authority));
    return result;
}

static enum err take_token(struct identity *identity, struct request *request, const struct identity_answer *answer,
                           struct response *response)
{
    TRY(check_token(identity, request, pairs_get_nocase(&answer->headers, "X-Subject-Token")));
    TRY(json_parse_foreign(answer->body ? answer->body : "", answer->body_length, &response->json));
    json_t *token = json_object_get(response->json, "token");
    if (!json_is_object(token))
        return fail(E_BAD_GATEWAY, "The identity service %s answered without a token.", authority_url(identity->authority));
    if (json_object_get(token, "catalog")) {
        struct catalog catalog;
        identity_catalog(identity, request, &catalog);
        json_object_set_new(token, "catalog", catalog_to_json(&catalog));
    }
    return OK;
}

enum err identity_relay_login(struct identity *identity, struct request *request, struct response *response)
{
    struct identity_answer answer;
    TRY(ask(identity, request, &answer));
    if (answer.status == 201)
        TRY(take_token(identity, request, &answer, response));
    else
        text_add(&response->body, answer.body, answer.body_length);
    take_headers(request, &answer, response);
    return OK;
}
