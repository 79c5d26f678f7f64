-- What scheduling and its limits need beside hosts and servers: server groups, aggregates, forced-down services, quotas.

-- `id` gives lists the order of birth; clients know `uuid`, which carries the tag of the zone that made the group.
CREATE TABLE IF NOT EXISTS server_groups (
    id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    uuid BINARY(16) NOT NULL,
    project_id VARCHAR(64) NOT NULL,
    user_id VARCHAR(64) NOT NULL,
    name VARCHAR(255) NOT NULL,
    policy VARCHAR(32) NOT NULL,
    max_server_per_host INT UNSIGNED NULL, -- NULL: no such rule
    created_at DATETIME(6) NOT NULL,
    UNIQUE KEY server_groups_uuid (uuid),
    KEY server_groups_by_project (project_id, id)
) ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

-- A member may be owned by another zone, so `server` refers to no row here.
CREATE TABLE IF NOT EXISTS server_group_members (
    server_group BIGINT UNSIGNED NOT NULL,
    server BINARY(16) NOT NULL,
    user_id VARCHAR(64) NOT NULL,
    joined_at DATETIME(6) NOT NULL,
    PRIMARY KEY (server_group, server),
    KEY server_group_members_by_server (server),
    CONSTRAINT server_group_members_group FOREIGN KEY (server_group) REFERENCES server_groups (id) ON DELETE CASCADE
) ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

-- `id` is derived from `uuid` (gateway/base/id.h); another uuid is taken when it is in use.
CREATE TABLE IF NOT EXISTS aggregates (
    id INT UNSIGNED NOT NULL PRIMARY KEY,
    uuid BINARY(16) NOT NULL,
    name VARCHAR(255) NOT NULL,
    created_at DATETIME(6) NOT NULL,
    updated_at DATETIME(6) NULL,
    UNIQUE KEY aggregates_uuid (uuid),
    UNIQUE KEY aggregates_name (name)
) ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS aggregate_hosts (
    aggregate INT UNSIGNED NOT NULL,
    host VARCHAR(255) NOT NULL,
    added_at DATETIME(6) NOT NULL,
    PRIMARY KEY (aggregate, host),
    KEY aggregate_hosts_by_host (host),
    CONSTRAINT aggregate_hosts_aggregate FOREIGN KEY (aggregate) REFERENCES aggregates (id) ON DELETE CASCADE
) ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS aggregate_metadata (
    aggregate INT UNSIGNED NOT NULL,
    name VARCHAR(255) NOT NULL,
    value VARCHAR(255) NOT NULL,
    PRIMARY KEY (aggregate, name),
    CONSTRAINT aggregate_metadata_aggregate FOREIGN KEY (aggregate) REFERENCES aggregates (id) ON DELETE CASCADE
) ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

ALTER TABLE hosts ADD COLUMN IF NOT EXISTS forced_down BOOLEAN NOT NULL DEFAULT FALSE;

-- `user_id` '' is the project's own limit.
CREATE TABLE IF NOT EXISTS quotas (
    project_id VARCHAR(255) NOT NULL,
    user_id VARCHAR(255) NOT NULL DEFAULT '',
    resource VARCHAR(64) NOT NULL,
    hard_limit INT NOT NULL,
    PRIMARY KEY (project_id, user_id, resource)
) ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS quota_classes (
    class_name VARCHAR(255) NOT NULL,
    resource VARCHAR(64) NOT NULL,
    hard_limit INT NOT NULL,
    PRIMARY KEY (class_name, resource)
) ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
