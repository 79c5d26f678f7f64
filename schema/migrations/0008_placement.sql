-- Placement's own tables (Placement 1.39): providers form trees, inventories and allocations hang on them, generations guard every write.

CREATE TABLE IF NOT EXISTS resource_classes (
    id INT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    name VARCHAR(255) NOT NULL,
    updated_at DATETIME(6) NOT NULL,
    UNIQUE KEY resource_classes_name (name)
) ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

INSERT IGNORE INTO resource_classes (name, updated_at) VALUES
    ('VCPU', UTC_TIMESTAMP(6)), ('MEMORY_MB', UTC_TIMESTAMP(6)), ('DISK_GB', UTC_TIMESTAMP(6));

CREATE TABLE IF NOT EXISTS traits (
    id INT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    name VARCHAR(255) NOT NULL,
    updated_at DATETIME(6) NOT NULL,
    UNIQUE KEY traits_name (name)
) ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS resource_providers (
    id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    uuid BINARY(16) NOT NULL,
    name VARCHAR(200) NOT NULL,
    generation INT NOT NULL DEFAULT 0,
    root_provider_id BIGINT NULL,
    parent_provider_id BIGINT NULL,
    updated_at DATETIME(6) NOT NULL,
    UNIQUE KEY resource_providers_uuid (uuid),
    UNIQUE KEY resource_providers_name (name),
    KEY resource_providers_root (root_provider_id),
    KEY resource_providers_parent (parent_provider_id)
) ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS inventories (
    resource_provider_id BIGINT NOT NULL,
    resource_class_id INT NOT NULL,
    total INT NOT NULL,
    reserved INT NOT NULL DEFAULT 0,
    min_unit INT NOT NULL DEFAULT 1,
    max_unit INT NOT NULL DEFAULT 2147483647,
    step_size INT NOT NULL DEFAULT 1,
    allocation_ratio FLOAT NOT NULL DEFAULT 1.0,
    updated_at DATETIME(6) NOT NULL,
    PRIMARY KEY (resource_provider_id, resource_class_id),
    KEY inventories_by_class (resource_class_id, resource_provider_id)
) ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS placement_aggregates (
    id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    uuid BINARY(16) NOT NULL,
    UNIQUE KEY placement_aggregates_uuid (uuid)
) ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS resource_provider_aggregates (
    resource_provider_id BIGINT NOT NULL,
    aggregate_id BIGINT NOT NULL,
    PRIMARY KEY (resource_provider_id, aggregate_id),
    KEY resource_provider_aggregates_back (aggregate_id, resource_provider_id)
) ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS resource_provider_traits (
    resource_provider_id BIGINT NOT NULL,
    trait_id INT NOT NULL,
    PRIMARY KEY (resource_provider_id, trait_id),
    KEY resource_provider_traits_back (trait_id, resource_provider_id)
) ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS consumer_types (
    id INT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    name VARCHAR(255) NOT NULL,
    UNIQUE KEY consumer_types_name (name)
) ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

INSERT IGNORE INTO consumer_types (name) VALUES ('INSTANCE'), ('MIGRATION');

CREATE TABLE IF NOT EXISTS consumers (
    id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    uuid BINARY(16) NOT NULL,
    project_id VARCHAR(255) NOT NULL,
    user_id VARCHAR(255) NOT NULL,
    generation INT NOT NULL DEFAULT 0,
    consumer_type_id INT NULL,
    updated_at DATETIME(6) NOT NULL,
    UNIQUE KEY consumers_uuid (uuid),
    KEY consumers_by_project (project_id, user_id)
) ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS allocations (
    consumer_id BIGINT NOT NULL,
    resource_provider_id BIGINT NOT NULL,
    resource_class_id INT NOT NULL,
    used INT NOT NULL,
    updated_at DATETIME(6) NOT NULL,
    PRIMARY KEY (consumer_id, resource_provider_id, resource_class_id),
    KEY allocations_by_provider (resource_provider_id, resource_class_id, used)
) ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
