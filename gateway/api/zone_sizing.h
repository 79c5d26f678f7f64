/* The sizing in a body that comes over a link (spec link.md section 9): base64 of the text that the entry zone made. */
#pragma once

#include "gateway/conductor/select.h"

/* Of request->json's member "sizing". Both in the arena; the text is what seals and holds are bound to. E_INVALID. */
MUST_CHECK enum err zone_sizing_decode(struct request *request, const char **out_text, struct sizing *out);
