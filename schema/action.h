/* What was done to a server (Nova: instance actions and their events). Written in the transaction of the deed. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "gateway/base/caller.h"
#include "schema/db.h"

struct server_action {
    int64_t id;
    struct uuid server;
    const char *action; /* create, delete, start, stop, reboot … */
    const char *request_id;
    const char *user_id;
    const char *project_id;
    const char *message; /* NULL, or "Error" */
    int64_t start_us;
    int64_t updated_us;
};

struct server_action_event {
    const char *event; /* compute__do_build_and_run_instance … */
    const char *host;  /* NULL */
    int64_t start_us;
    int64_t finish_us;     /* 0 = running */
    const char *result;    /* Success | Error; NULL while running */
    const char *traceback; /* NULL */
};

struct server_actions {
    const struct server_action *items;
    size_t count;
};

struct server_action_events {
    const struct server_action_event *items;
    size_t count;
};

MUST_CHECK enum err action_start(struct db *db, const struct uuid *server, const char *action, const struct caller *caller,
                                 const char *request_id);

/* An action and its first event. */
struct action_new {
    const struct uuid *server;
    const char *action;
    const struct caller *caller;
    const char *request_id;
    const char *event;
    const char *host;
};
/* In one transaction. */
MUST_CHECK enum err action_start_all(struct db *db, const struct action_new *items, size_t count);
/* Starts the event, of the newest action of this request, once on each host. OK when there is no such action. Repeatable. */
MUST_CHECK enum err action_event_start(struct db *db, const struct uuid *server, const char *request_id, const char *event,
                                       const char *host);
/* `error` NULL = Success; else the event's result and the action's message are "Error" and the text is kept for admins. */
MUST_CHECK enum err action_event_finish(struct db *db, const struct uuid *server, const char *request_id, const char *event,
                                        const char *error);

/* Newest first. `marker` (a request id, NULL) and the times (0 = unset) as microversions 2.58 and 2.66. */
MUST_CHECK enum err action_list(struct db *db, struct arena *arena, const struct uuid *server, const char *marker,
                                int64_t changes_since_us, int64_t changes_before_us, size_t limit, struct server_actions *out);
MUST_CHECK enum err action_get(struct db *db, struct arena *arena, const struct uuid *server, const char *request_id,
                               struct server_action *out);
MUST_CHECK enum err action_events(struct db *db, struct arena *arena, int64_t action_id, struct server_action_events *out);
