/*
 * The route tables of the compute API, one per file: each is closed by a row with method NULL. The service's table of tables names
 * them; nothing else needs them.
 */
#pragma once

#include "gateway/http/core/core.h"

extern const struct route flavor_routes[];             /* flavors.c: lists, one, create, update, delete */
extern const struct route flavor_extra_spec_routes[];  /* flavor_extra_specs.c */
extern const struct route flavor_access_routes[];      /* flavor_access.c */
extern const struct route keypair_routes[];            /* keypairs.c */
extern const struct route limit_routes[];              /* limits.c */
extern const struct route server_routes[];             /* servers.c: show, update, delete */
extern const struct route server_list_routes[];        /* server_index.c */
extern const struct route server_create_routes[];      /* server_create.c */
extern const struct route server_action_routes[];      /* server_actions.c, os-instance-actions */
extern const struct route server_metadata_routes[];    /* server_metadata.c */
extern const struct route server_tags_routes[];        /* server_tags.c */
extern const struct route interface_routes[];          /* interfaces.c: os-interface and ips of a server */
extern const struct route server_diagnostics_routes[]; /* server_diagnostics.c */
extern const struct route server_none_routes[];        /* server_none.c: password, topology and volumes of a server */
extern const struct route migration_routes[];          /* migrations.c */
extern const struct route removed_routes[];            /* removed.c: 410 */
extern const struct route network_routes[];            /* networks.c: before zone_routes, as zone_plan_routes */
extern const struct route extension_routes[];          /* extensions.c */
extern const struct route security_group_routes[];     /* security_groups.c */
extern const struct route security_rule_routes[];      /* security_group_rules.c */
extern const struct route server_rest_routes[];        /* server_rest.c: what only the owner may know */
extern const struct route server_group_routes[];       /* server_groups.c */
extern const struct route host_routes[];               /* hosts.c: /os-hosts up to 2.42 */
extern const struct route hypervisor_routes[];         /* hypervisors.c */
extern const struct route service_routes[];            /* services.c */
extern const struct route aggregate_routes[];          /* aggregates.c */
extern const struct route availability_zone_routes[];  /* availability_zones.c */
extern const struct route quota_routes[];              /* quota_sets.c: quota sets and classes */
extern const struct route image_proxy_routes[];        /* image_proxy.c: /images up to 2.35 */
extern const struct route usage_routes[];              /* tenant_usage.c */
extern const struct route usage_audit_routes[];        /* usage_audit.c */
extern const struct route external_event_routes[];     /* external_events.c */
extern const struct route zone_routes[];               /* zones.c: /os-zones and the 2011 paths */
extern const struct route zone_plan_routes[];          /* zone_plan.c: before zone_routes, whose /{zone_id} takes any word */
extern const struct route zone_onward_routes[];        /* zone_onward.c: servers that come back, over a link */
extern const struct route zone_group_routes[];         /* zone_groups.c: members of server groups, over a link */
extern const struct route zone_usage_routes[];         /* zone_usage.c: what quotas count, over a link */
extern const struct route zone_build_routes[];         /* zone_build.c: select and servers, over a link */
extern const struct route zone_holds_routes[];         /* zone_holds.c: several servers, all or none, over a link */

/* The bodies of PUT /servers/{id} by version. */
extern const struct body_schema server_update_schemas[];

extern const struct route version_routes[]; /* versions.c: the version document of compute */

extern const struct service compute_service;          /* compute.c */
extern const struct service compute_legacy_service;   /* compute.c: v2.0 */
extern const struct service compute_versions_service; /* versions.c: /compute */
extern const struct service root_service;             /* versions.c: /, /healthcheck, /metrics */
