/*
 * A server as Nova shows it, written as bytes (spec nova-api.md section 9). The leaf writes it once; every hop above copies it.
 */
#pragma once

#include <stdbool.h>

#include "gateway/base/text.h"
#include "gateway/http/core/core.h"
#include "schema/host.h"
#include "schema/server.h"
#include "zones/seen.h"

struct server_view {
    int version;
    bool is_admin;
    bool is_list;              /* detail list: without server_groups */
    const char *self_base;     /* http://host/compute/v2.1[/project] */
    const char *bookmark_base; /* http://host/compute */
    const struct hosts *hosts; /* for host_status; NULL below 2.16 or for non-admins */
};

/* Fills the view from the request; reads the hosts when this version shows their status. */
MUST_CHECK enum err server_view_init(struct request *request, bool is_list, struct server_view *out);

/* One JSON object, no whitespace outside strings. */
void server_view_detail(struct text *out, const struct server *server, const struct server_view *view);
/* What PUT answers below 2.75: the plain members and those that its version added. */
void server_view_update(struct text *out, const struct server *server, const struct server_view *view);
/* What Nova shows from 2.69 on of a server whose cell is silent: id, status UNKNOWN, links; in detail also project and time. */
void server_view_unknown(struct text *out, const struct seen_server *seen, bool detail, const struct server_view *view);
void server_view_brief(struct text *out, const struct server *server, const struct server_view *view);

/* ACTIVE, BUILD, SHUTOFF …: from vm_state and task_state. */
const char *server_status(const struct server *server);

/* The vm_state and task_state pairs that have this status (any case), as CONDITION_STATES takes them ("*" = any task state). 0 = no
 * such status. `out` has room for 2 * SERVER_STATUS_STATES values. */
#define SERVER_STATUS_STATES 16
size_t server_status_states(const char *status, const char **out);
