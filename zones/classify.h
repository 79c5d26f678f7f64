/* What an answer's status says about the link between two zones, rather than about what was asked. For fanout.c. */
#pragma once

#include "zones/fanout.h"

/* Sets the kind of an answer that came; only for calls between zones. See struct zone_call. */
void answer_classify(const struct zone_call *call, struct http_answer *answer);
/* What the status of an answer to the question for a list says about the zone: 200 is an answer; else it does not let us in, it
 * does not know the question, or what it answers is no list. */
enum zone_kind_of_answer classify_list(int status);
