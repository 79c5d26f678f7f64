/* What an answer's status says about the link between two zones, rather than about what was asked. For fanout.c. */
#pragma once

#include "zones/fanout.h"

/* Sets the kind of an answer that came; only for calls between zones. See struct zone_call. */
void answer_classify(const struct zone_call *call, struct http_answer *answer);
