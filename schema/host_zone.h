/* The availability zone of a row of `hosts`, as an expression: that of its aggregate, else its own; NULL: the zone's default. */
#pragma once

#define HOST_ZONE_KEY "availability_zone"
#define HOST_ZONE                                                                                                                  \
    "COALESCE((SELECT zm.value FROM aggregate_hosts zh JOIN aggregate_metadata zm ON zm.aggregate = zh.aggregate"                  \
    " AND zm.name = '" HOST_ZONE_KEY "' WHERE zh.host = hosts.name LIMIT 1), hosts.availability_zone)"
