/* Plain Novas in /os-zones: how they are shown, what the doctor says of them. See zones/nova.h. */
#pragma once

#include <jansson.h>

#include "gateway/http/core/core.h"
#include "zones/registry.h"

/* Adds `nova` to the object of a zone: Keystone's URL, user, projects, what may be done. Never the password. */
void zones_nova_show(json_t *object, const struct zone *zone);
/* {"show": "yes", "delete": "no: registered read-only", …} by the table of nova_caps.h; a new reference. */
json_t *zones_nova_may(const struct zone *zone);
/* A spec of kind nova that names only the project there: it stands for the caller's own. */
void zones_nova_defaults(const struct request *request, json_t *spec);

/* Takes one finding: its name in the doctor's list, and what was seen. */
typedef void zones_nova_found_f(void *context, const char *finding, const char *seen);
/* Looks at Keystone (a fresh login for every project), the catalog, the version document and the list of servers. */
void zones_nova_examine(struct request *request, const struct zone *zone, zones_nova_found_f *found, void *context);
