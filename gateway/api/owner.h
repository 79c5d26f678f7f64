/*
 * Things that each zone has its own of (aggregates, services, hypervisors) and whose ids do not say which: asking children other
 * questions than the client's, and finding the one child that has a thing before a change is sent there, once.
 */
#pragma once

#include <stdbool.h>

#include <jansson.h>

#include "gateway/http/core/core.h"

/* The client's request turned into a GET of `path` (with query, below the service's mount) for gather_lists; in the arena. */
struct request *owner_question(struct request *request, const char *path);
/* A value for such a path; in the arena. */
const char *owner_encoded(struct arena *arena, const char *value);
/* As owner_question for the client's own path, without these query parameters: pages are cut where lists are whole. */
struct request *owner_whole(struct request *request, const char *const *parameters, size_t count);
/* zone.local=1: only this zone is meant. */
bool owner_is_local(const struct request *request);
/* Some zone did not answer what was asked so far. */
bool owner_has_missing(const struct response *response);

struct owner_search {
    const char *path; /* of the list in which the thing stands, in the children */
    const char *key;  /* of that list */
    bool (*matches)(const json_t *entry, const void *context);
    const void *context;
    const char *same; /* entries of two children are the same thing when this member is equal too */
};

/*
 * Sends the request to the child that lists such a thing. `*answered` false: no zone below has it. E_UNAVAILABLE: a child that
 * might have it is silent; E_CONFLICT: two different ones; what relay_failure says when the owner falls silent.
 */
MUST_CHECK enum err owner_relay(struct request *request, struct response *response, const struct owner_search *search,
                                bool *answered);
