/* See classify.h. */
#include "zones/classify.h"

#include <string.h>

#include "gateway/base/text.h"

/* A child's 503 that speaks of the child itself. */
static enum zone_kind_of_answer kind_of_503(const struct http_answer *answer)
{
    static const enum zone_kind_of_answer own[] = {ZONE_BUSY, ZONE_STORE, ZONE_NO_BUDGET};
    const char *missing = headers_get(&answer->headers, "X-Zone-Missing");
    for (size_t i = 0; missing && i < ARRAY_LEN(own); i++) {
        if (str_starts(missing, ".;reason=") && str_starts(missing + 9, zone_kind_word(own[i])))
            return own[i];
    }
    return ZONE_ANSWERED;
}

/* The client has asked for the owner's URL (gateway/conductor/redirect.h). */
static bool is_sent_there(const struct zone_call *call, const struct http_answer *answer)
{
    return answer->status == 307 && strstr(call->target, "zone.redirect=1");
}

void answer_classify(const struct zone_call *call, struct http_answer *answer)
{
    if (!call->zone || !call->origin || answer->kind != ZONE_ANSWERED)
        return;
    if (answer->status == 401)
        answer->kind = ZONE_AUTH;
    else if (answer->status == 508)
        answer->kind = ZONE_LOOP;
    else if (answer->status == 503)
        answer->kind = kind_of_503(answer);
    else if (answer->status > 300 && answer->status < 400 && answer->status != 304 && !is_sent_there(call, answer))
        answer->kind = ZONE_GARBAGE; /* no zone sends its parent elsewhere, and a client would follow with its token */
    if (answer->kind != ZONE_ANSWERED && !answer->why)
        answer->why = zone_kind_word(answer->kind);
}

enum zone_kind_of_answer classify_list(int status)
{
    static const struct {
        int status;
        enum zone_kind_of_answer kind;
    } kinds[] = {{200, ZONE_ANSWERED}, {400, ZONE_VERSION}, {401, ZONE_AUTH},    {403, ZONE_AUTH},
                 {404, ZONE_VERSION},  {406, ZONE_VERSION}, {413, ZONE_VERSION}, {429, ZONE_BUSY}};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (kinds[i].status == status)
            return kinds[i].kind;
    }
    return ZONE_GARBAGE;
}
