/* See redirect.h. */
#include "gateway/conductor/redirect.h"

#include <string.h>

#include "gateway/base/text.h"
#include "gateway/gateway.h"
#include "zones/registry.h"

#define PARAMETER "zone.redirect"

static bool is_asked(const struct request *request)
{
    const char *value = request_query(request, PARAMETER);
    return value && strcmp(value, "1") == 0;
}

/* The target without the parameter. */
static const char *target_without(const struct request *request)
{
    CLEANUP(text_clear) struct text target = {0};
    const size_t path = strcspn(request->target, "?");
    char mark = '?';
    text_add(&target, request->target, path);
    for (const char *at = request->target + path; *at;) {
        at++;
        const size_t length = strcspn(at, "&");
        if (length && strncmp(at, PARAMETER, strlen(PARAMETER)) != 0) {
            text_add_char(&target, mark);
            text_add(&target, at, length);
            mark = '&';
        }
        at += length;
    }
    return arena_strdup(request->arena, text_str(&target));
}

void redirect_enter(struct request *request)
{
    const bool shown = request->caller.is_admin || request->gateway->config.zone.expose_names;
    if (!request->link && is_asked(request) && !shown)
        request->target = target_without(request);
}

void redirect_answer(struct request *request, struct response *response, bool *answered)
{
    const struct zones_options *options = zones_options(request->gateway->zones);
    if (!request->link || !is_asked(request))
        return;
    response->status = 307;
    response_header(request, response, "Location", arena_printf(request->arena, "%s%s", options->url, target_without(request)));
    *answered = true;
}
