/*
 * /os-zones, between its files: how a zone is shown, which one a request names, and the handlers that zones.c puts into routes.
 * Secrets are never in an answer; names are for admins and neighbours, unless expose_names.
 */
#pragma once

#include <stdbool.h>

#include <jansson.h>

#include "gateway/http/core/core.h"
#include "zones/registry.h"
#include "zones/resolve.h"

#define ZONES_SETTLE_MS                                                                                                            \
    1000 /* a child that was registered a moment ago is joined before the answer if it answers within this time */

/* zones_view.c */
bool zones_names_shown(const struct request *request);
/* The object under "zone". `names` false: without name, URL and error. */
json_t *zones_object(const struct zone *zone, bool names);
/* The object of a link, child or parent: policy, keys, certificate. */
json_t *zones_link_object(const struct zone *zone);
/* By the path parameter `zone_id`: a row's id, a name or a uuid. E_NOT_FOUND. */
MUST_CHECK enum err zones_child_of(const struct request *request, const struct zone **out);
/* Days until then, rounded down; null for 0. */
json_t *zones_days_left(int64_t expires_s);
/* The text of a time, or null for 0. */
json_t *zones_time(int64_t us);

/* zones_info.c: what is free here, per availability zone, and the number of servers here and below. */
MUST_CHECK enum err zones_capacity(struct request *request, json_t **out);

handler_f zones_info, zones_probe;                        /* zones_info.c */
handler_f zones_link, zones_directory, zones_revocations; /* zones_peer.c */
handler_f zones_forgotten;                                /* zones_forgotten.c */
handler_f zones_where;                                    /* zones_where.c */
handler_f zones_health;                                   /* zones_health.c */
handler_f zones_tree;                                     /* zones_tree.c */
handler_f zones_find;                                     /* zones_find.c */
handler_f zones_doctor;                                   /* zones_doctor.c */
handler_f zones_token, zones_rekey;                       /* zones_links.c */
handler_f zones_links_list, zones_links_show, zones_links_update, zones_links_delete;
