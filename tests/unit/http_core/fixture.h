/* A core with three small services, and one request at a time through it. For the tests of the core only. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#undef fail /* err.h has a function of that name */

#include "gateway/http/core/inside.h"

#define PROJECT "0123456789abcdef0123456789abcdef"

struct conversation {
    struct arena arena;
    struct request request;
    struct response response;
    enum err opened;
};

static inline void conversation_init(struct conversation *out, const char *method, const char *target)
{
    *out = (struct conversation){0};
    response_init(&out->response);
    out->request.arena = &out->arena;
    out->request.method = method;
    out->request.target = target;
    out->request.base_url = "http://zone:8774";
    out->request.client_address = "192.0.2.1";
}

static inline void conversation_header(struct conversation *conversation, const char *name, const char *value)
{
    pairs_add(&conversation->arena, &conversation->request.headers, name, value);
}

static inline void conversation_body(struct conversation *conversation, const char *body)
{
    conversation->request.body = body;
    conversation->request.body_length = strlen(body);
}

static inline void conversation_run(const struct http_core *core, struct conversation *conversation)
{
    conversation->opened = core_open(core, &conversation->request, &conversation->response);
    if (conversation->opened == OK)
        core_run(core, &conversation->request, &conversation->response);
    response_render(&conversation->response);
}

static inline const char *conversation_reply_header(const struct conversation *conversation, const char *name)
{
    return pairs_get_nocase(&conversation->response.headers, name);
}

static inline void conversation_clear(struct conversation *conversation)
{
    response_clear(&conversation->response);
    arena_clear(&conversation->arena);
}
