/* What other files want of networks.c. */
#pragma once

/* Where a neighbouring zone is asked for its networks and those below it; at every version. */
#define NETWORKS_BELOW "/compute/v2.1/os-zones/networks"
