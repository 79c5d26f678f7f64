-- Flavors, who may see the private ones, and key pairs (schema/flavor.h, schema/keypair.h).

-- `id` only breaks ties in sorted lists; clients know `flavorid`. `extra_specs` is a JSON object of strings.
CREATE TABLE IF NOT EXISTS flavors (
    id           BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    flavorid     VARCHAR(255)    NOT NULL,
    name         VARCHAR(255)    NOT NULL,
    memory_mb    INT UNSIGNED    NOT NULL,
    vcpus        INT UNSIGNED    NOT NULL,
    root_gb      INT UNSIGNED    NOT NULL,
    ephemeral_gb INT UNSIGNED    NOT NULL DEFAULT 0,
    swap         INT UNSIGNED    NOT NULL DEFAULT 0,
    rxtx_factor  DOUBLE          NOT NULL DEFAULT 1,
    is_public    BOOLEAN         NOT NULL DEFAULT TRUE,
    disabled     BOOLEAN         NOT NULL DEFAULT FALSE,
    description  MEDIUMTEXT      NULL,
    extra_specs  MEDIUMTEXT      NOT NULL,
    created_at   DATETIME(6)     NOT NULL,
    updated_at   DATETIME(6)     NULL,
    UNIQUE KEY flavors_flavorid (flavorid),
    UNIQUE KEY flavors_name (name)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS flavor_access (
    flavor     BIGINT UNSIGNED NOT NULL,
    project_id VARCHAR(255)    NOT NULL,
    PRIMARY KEY (flavor, project_id),
    CONSTRAINT flavor_access_flavor FOREIGN KEY (flavor) REFERENCES flavors (id) ON DELETE CASCADE
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS keypairs (
    id          BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    user_id     VARCHAR(255)    NOT NULL,
    name        VARCHAR(255)    NOT NULL,
    type        VARCHAR(8)      NOT NULL,
    fingerprint VARCHAR(128)    NOT NULL,
    public_key  MEDIUMTEXT      NOT NULL,
    created_at  DATETIME(6)     NOT NULL,
    UNIQUE KEY keypairs_name (user_id, name)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
