/* Nova's default quotas (nova-api.md section 14), per project, key pairs per user. -1 is unlimited. */
#pragma once

#define QUOTA_INSTANCES                   10
#define QUOTA_CORES                       20
#define QUOTA_RAM_MIB                     51200
#define QUOTA_KEY_PAIRS                   100
#define QUOTA_METADATA_ITEMS              128
#define QUOTA_SERVER_GROUPS               10
#define QUOTA_SERVER_GROUP_MEMBERS        10
#define QUOTA_INJECTED_FILES              5
#define QUOTA_INJECTED_FILE_CONTENT_BYTES 10240
#define QUOTA_INJECTED_FILE_PATH_BYTES    255
#define QUOTA_NETWORK                     (-1) /* nova-network's, in old versions' replies only */
