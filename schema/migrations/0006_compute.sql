-- This zone's machines: hosts, servers, what was done to them, and which images' bytes lie on which host.
-- Sorted text is utf8mb4_nopad_bin (spec link.md section 5); times that are sorted hold no fraction.

CREATE TABLE IF NOT EXISTS hosts (
    uuid BINARY(16) NOT NULL PRIMARY KEY,
    service_uuid BINARY(16) NOT NULL,
    name VARCHAR(255) NOT NULL,
    uri VARCHAR(1024) NOT NULL,
    availability_zone VARCHAR(255) NULL,
    vcpus INT NULL,
    ram_mib INT NULL,
    disk_gib INT NULL,
    disabled BOOLEAN NOT NULL DEFAULT FALSE,
    disabled_reason VARCHAR(255) NULL,
    up BOOLEAN NOT NULL DEFAULT FALSE,
    last_seen DATETIME(6) NULL,
    last_error VARCHAR(1024) NULL,
    inventory MEDIUMTEXT NULL,
    created_at DATETIME(6) NOT NULL,
    updated_at DATETIME(6) NOT NULL,
    UNIQUE KEY hosts_name (name)
) ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS servers (
    uuid BINARY(16) NOT NULL PRIMARY KEY,
    project_id VARCHAR(64) NOT NULL,
    user_id VARCHAR(64) NOT NULL,
    display_name VARCHAR(255) NOT NULL,
    display_description VARCHAR(255) NULL,
    hostname VARCHAR(255) NOT NULL,
    host VARCHAR(255) NULL,
    node VARCHAR(255) NULL,
    availability_zone VARCHAR(255) NULL,
    vm_state VARCHAR(32) NOT NULL,
    task_state VARCHAR(64) NULL,
    power_state INT NOT NULL DEFAULT 0,
    progress INT NOT NULL DEFAULT 0,
    launch_index INT NOT NULL DEFAULT 0,
    reservation_id VARCHAR(64) NOT NULL,
    flavor_id VARCHAR(255) NOT NULL,
    flavor MEDIUMTEXT NOT NULL,
    vcpus INT NOT NULL,
    ram_mib INT NOT NULL,
    disk_gib INT NOT NULL,
    image_ref VARCHAR(64) NULL,
    image MEDIUMTEXT NULL,
    kernel_id VARCHAR(64) NULL,
    ramdisk_id VARCHAR(64) NULL,
    root_device_name VARCHAR(64) NULL,
    key_name VARCHAR(255) NULL,
    key_data MEDIUMTEXT NULL,
    user_data MEDIUMTEXT NULL,
    config_drive BOOLEAN NOT NULL DEFAULT FALSE,
    metadata MEDIUMTEXT NOT NULL,
    tags MEDIUMTEXT NOT NULL,
    security_groups MEDIUMTEXT NULL,
    trusted_certs MEDIUMTEXT NULL,
    access_ip_v4 VARCHAR(45) NULL,
    access_ip_v6 VARCHAR(45) NULL,
    disk_config VARCHAR(8) NOT NULL DEFAULT 'MANUAL',
    locked BOOLEAN NOT NULL DEFAULT FALSE,
    locked_by VARCHAR(16) NULL,
    locked_reason VARCHAR(255) NULL,
    fault MEDIUMTEXT NULL,
    request_spec MEDIUMTEXT NOT NULL,
    created_at DATETIME NOT NULL,
    updated_at DATETIME NULL,
    launched_at DATETIME NULL,
    terminated_at DATETIME NULL,
    deleted_at DATETIME NULL,
    deleted BOOLEAN NOT NULL DEFAULT FALSE,
    -- Nova's hostId: hidden names, equal for one project and host
    host_id VARCHAR(56) AS (IF(host IS NULL, '', SHA2(CONCAT(project_id, host), 224))) VIRTUAL,
    KEY servers_by_project (project_id, deleted, created_at, uuid),
    KEY servers_by_time (deleted, created_at, uuid),
    KEY servers_by_reservation (reservation_id),
    KEY servers_by_host (host, deleted),
    KEY servers_by_change (updated_at)
) ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS server_actions (
    id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    server BINARY(16) NOT NULL,
    action VARCHAR(64) NOT NULL,
    request_id VARCHAR(64) NOT NULL,
    user_id VARCHAR(64) NOT NULL,
    project_id VARCHAR(64) NOT NULL,
    message VARCHAR(255) NULL,
    start_time DATETIME(6) NOT NULL,
    updated_at DATETIME(6) NOT NULL,
    KEY server_actions_by_server (server, start_time),
    KEY server_actions_by_request (server, request_id)
) ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS server_action_events (
    id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    action_id BIGINT NOT NULL,
    event VARCHAR(64) NOT NULL,
    host VARCHAR(255) NULL,
    start_time DATETIME(6) NOT NULL,
    finish_time DATETIME(6) NULL,
    result VARCHAR(32) NULL,
    traceback MEDIUMTEXT NULL,
    KEY server_action_events_by_action (action_id)
) ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

-- An image's bytes on a host: `holder` (a task) copies them, then ready_at is set.
CREATE TABLE IF NOT EXISTS host_images (
    host VARCHAR(255) NOT NULL,
    image VARCHAR(64) NOT NULL,
    holder BINARY(16) NOT NULL,
    ready_at DATETIME(6) NULL,
    PRIMARY KEY (host, image)
) ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
