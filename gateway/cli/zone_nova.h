/* What `zone add` and `zone set` say of a plain Nova (zones/nova.h). */
#pragma once

#include <jansson.h>

#include "gateway/cli/cli.h"
#include "schema/db.h"

#define NOVA_OPTIONS "kind= identity-url= project= local-project= user= user-domain= project-domain= region= read-only="

/* The options as members of the registry's object. E_INVALID. */
MUST_CHECK enum err zone_nova_options(struct cli *cli, json_t *spec);
/* A project there without one here stands for the project that `user bootstrap` makes. E_INVALID: there is none. */
MUST_CHECK enum err zone_nova_default_project(struct cli *cli, struct db *db, json_t *spec);
