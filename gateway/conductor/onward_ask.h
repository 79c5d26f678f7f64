/* The child's half of giving a server back (POST /os-zones/onward, spec link.md section 9); the parent's is in onward.h. */
#pragma once

#include "compute/build/build.h"
#include "gateway/conductor/record.h"
#include "gateway/conductor/ticket.h"

struct onward_question {
    struct record_parts parts;
    const struct ticket_from *ticket;
    const char *sizing_text;
    struct build_past past;
    bool cancel; /* nobody is to have it: take it back where it is */
};

/* OK: `*owner` has it. E_CONFLICT: nobody has it, nor will. E_UNAVAILABLE: that is not known yet; the same is to be asked again. */
MUST_CHECK enum err onward_ask(struct request *request, const struct onward_question *question, struct uuid *owner);
