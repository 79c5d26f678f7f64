/*
 * Quotas per project, key pairs per user; -1 is unlimited. What create enforces has Nova's default (nova-api.md section 14);
 * instances, cores and memory are not limited yet, and say so.
 */
#pragma once

#define QUOTA_INSTANCES                   (-1)
#define QUOTA_CORES                       (-1)
#define QUOTA_RAM_MIB                     (-1)
#define QUOTA_KEY_PAIRS                   100
#define QUOTA_METADATA_ITEMS              128
#define QUOTA_SERVER_GROUPS               10
#define QUOTA_SERVER_GROUP_MEMBERS        10
#define QUOTA_INJECTED_FILES              5
#define QUOTA_INJECTED_FILE_CONTENT_BYTES 10240
#define QUOTA_INJECTED_FILE_PATH_BYTES    255
#define QUOTA_NETWORK                     (-1) /* nova-network's, in old versions' replies only */
