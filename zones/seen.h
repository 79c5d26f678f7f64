/*
 * Servers that were seen in passing: which child owns them, whose they are, when they were made (DESIGN section 6).
 *
 * Hints, in memory only, bounded: the least recently seen goes first. They make the UNKNOWN rows of a silent zone and place a
 * marker whose owner is silent; a read of a server that was seen below goes there before this zone looks into its own store.
 * Nothing is refused because of them. All functions may be called from any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/arena.h"
#include "gateway/base/id.h"

#define SEEN_PROJECT_SIZE 65

struct seen_server {
    struct uuid uuid;
    struct uuid zone; /* the direct child through which it was seen */
    int64_t created_us;
    bool guessed; /* created_us is our own clock's, not the owner's word */
    char project[SEEN_PROJECT_SIZE];
};

struct seen_servers {
    const struct seen_server *items;
    size_t count;
};

struct seen;

/* Remembers at most `capacity` servers; memory grows as they come. Never NULL. */
struct seen *seen_new(size_t capacity);
/* Accepts NULL, as the others do. */
void seen_free(struct seen *seen);
/* Adds them or takes what is new of them. One whose project is empty or too long is left out. */
void seen_note(struct seen *seen, const struct seen_server *servers, size_t count);
/* True: it is known from this child and by the owner's word, and is the most recent one now; there is nothing to add. */
bool seen_again(struct seen *seen, const struct uuid *uuid, const struct uuid *zone);
void seen_forget(struct seen *seen, const struct uuid *uuid);
bool seen_find(struct seen *seen, const struct uuid *uuid, struct seen_server *out);
/* Those of a child, of one project (NULL: of all), newest first and then by uuid: the order of lists. In the arena. */
void seen_of_zone(struct seen *seen, struct arena *arena, const struct uuid *zone, const char *project, struct seen_servers *out);
/* `servers` are all that the child has now (of the project; NULL: of all): what else was seen there is forgotten. */
void seen_replace(struct seen *seen, const struct uuid *zone, const char *project, const struct seen_server *servers, size_t count);
