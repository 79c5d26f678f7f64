/*
 * zone.redirect=1: a request for a server of another zone is answered with 307 and the same request's URL at its owner (DESIGN
 * section 3), for callers who may know the zones' names and URLs; for others the parameter says nothing.
 *
 * The request goes to the owner as ever, which answers with its own URL instead of carrying it out: only the owner knows it.
 */
#pragma once

#include "gateway/http/core/core.h"

/* At the entry zone, before the request goes anywhere: who may not know URLs has not asked. */
void redirect_enter(struct request *request);
/* At the owner: `*answered`, and the response says where it is, when another zone passes such a request on. */
void redirect_answer(struct request *request, struct response *response, bool *answered);
