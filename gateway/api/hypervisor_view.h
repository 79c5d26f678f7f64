/* How one host looks as a hypervisor (nova-api.md section 14), by version. */
#pragma once

#include <jansson.h>

#include "gateway/http/core/core.h"
#include "schema/host.h"

#define HYPERVISOR_NO_STATISTICS 88 /* no more numbers from here on, but `uptime` */

/* id, hypervisor_hostname, state, status. A new reference. */
json_t *hypervisor_view_brief(const struct request *request, const struct host *host);
/* All that the version shows. */
MUST_CHECK enum err hypervisor_view_detail(struct request *request, const struct host *host, json_t **out);
/* Adds `servers`; an empty list is left out before 2.75. */
MUST_CHECK enum err hypervisor_view_servers(struct request *request, const struct host *host, json_t *object);
/* As uptime(1) prints it, for a host that is this machine; NULL for any other, which libvirt has no call to ask. In the arena. */
const char *hypervisor_view_uptime(struct arena *arena, const struct host *host);
