/*
 * Tickets: "what becomes of this server, should your hosts fail it, is for me to say" (spec link.md section 9, "onward").
 *
 * Each order to a child carries one, sealed under the issuer's plan key. It binds the server, the child, what was ordered, and the
 * user on whose behalf; it holds the ticket that the issuer itself got with the order, so that the issuer keeps nothing. The child
 * cannot read it; it can only bring it back.
 */
#pragma once

#include <jansson.h>

#include "gateway/conductor/record.h"
#include "gateway/http/core/core.h"
#include "schema/onward.h"

/* A ticket that this zone got, and from whom; `text` NULL: none. */
struct ticket_from {
    const char *text;
    struct uuid zone;
};

struct ticket {
    uint8_t hash[ONWARD_TICKET_SIZE];
    struct uuid server;
    struct uuid child;
    const json_t *told; /* on_behalf.h; lives as long as the arena */
    struct ticket_from up;
    int64_t expires_us;
};

/* For the order of `parts`, planned with `sizing_text`, to `child`. `up`: the issuer's own; NULL. Base64 text in the arena. */
const char *ticket_make(struct request *request, const struct uuid *child, const struct record_parts *parts,
                        const char *sizing_text, const struct ticket_from *up);
/* E_INVALID: not ours, damaged, or for another child, server, order or sizing; hosts and zones that were excluded since do not
 * count. Whether it has expired is for the caller to see. */
MUST_CHECK enum err ticket_open(struct request *request, const char *text, const struct uuid *child,
                                const struct record_parts *parts, const char *sizing_text, struct ticket *out);
