-- The neighbours of this zone (schema/zone.h), their keys and directories; join tokens; nonces that were seen (spec link.md).

CREATE TABLE IF NOT EXISTS zones (
    id            INT UNSIGNED   NOT NULL AUTO_INCREMENT PRIMARY KEY,
    side          VARCHAR(8)     NOT NULL,           -- child or parent
    uuid          BINARY(16)     NULL,               -- NULL until joined
    name          VARCHAR(64)    NOT NULL,
    name_given    BOOLEAN        NOT NULL DEFAULT 1, -- 0: the child's own name takes its place when it joins
    api_url       VARCHAR(1024)  NOT NULL,
    kind          VARCHAR(16)    NOT NULL DEFAULT 'zonegate',
    username      VARCHAR(255)   NULL,               -- both until joined
    credential    VARBINARY(4096) NULL,              -- sealed: a password, or a join token when username is NULL
    weight_offset DOUBLE         NOT NULL DEFAULT 0,
    weight_scale  DOUBLE         NOT NULL DEFAULT 1,
    state         VARCHAR(16)    NOT NULL DEFAULT 'enabled',
    max_in_flight INT UNSIGNED   NOT NULL DEFAULT 256,
    timeout_ms    INT UNSIGNED   NULL,               -- NULL: [zones] child_timeout_ms
    tls_ca        TEXT           NULL,
    tls_pin       VARCHAR(128)   NULL,
    insecure      BOOLEAN        NOT NULL DEFAULT 0,
    untagged      BOOLEAN        NOT NULL DEFAULT 0,
    joined        BOOLEAN        NOT NULL DEFAULT 0,
    incarnation   BIGINT         NOT NULL DEFAULT 0,
    protocol      INT UNSIGNED   NOT NULL DEFAULT 0,
    signing_key   BINARY(32)     NULL,
    policy        TEXT           NULL,               -- JSON; NULL: everything the direction allows
    last_seen     DATETIME(6)    NULL,
    last_error    VARCHAR(1023)  NULL,
    latency_ms    INT UNSIGNED   NOT NULL DEFAULT 0,
    info          LONGTEXT       NULL,               -- the last /os-zones/info, without its directory
    created_at    DATETIME(6)    NOT NULL,
    updated_at    DATETIME(6)    NOT NULL,
    UNIQUE KEY zones_name (side, name),
    UNIQUE KEY zones_uuid (side, uuid)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS zone_sessions (
    id         BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, -- a greater one is newer
    zone_id    INT UNSIGNED    NOT NULL,
    key_id     CHAR(8)         NOT NULL,
    sealed     VARBINARY(256)  NOT NULL,
    created_at DATETIME(6)     NOT NULL,
    UNIQUE KEY zone_sessions_key (zone_id, key_id),
    CONSTRAINT zone_sessions_zone FOREIGN KEY (zone_id) REFERENCES zones (id) ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS zone_directory (
    zone_id  INT UNSIGNED NOT NULL, -- the child that told it
    uuid     BINARY(16)   NOT NULL,
    path     VARCHAR(703) NOT NULL, -- from the child; "." itself
    state    VARCHAR(16)  NOT NULL,
    untagged BOOLEAN      NOT NULL,
    PRIMARY KEY (zone_id, path),
    CONSTRAINT zone_directory_zone FOREIGN KEY (zone_id) REFERENCES zones (id) ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS zone_join_tokens (
    secret_hash BINARY(32)  NOT NULL PRIMARY KEY,
    expires_at  DATETIME(6) NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS zone_nonces (
    link       BINARY(16)  NOT NULL, -- the neighbour's uuid
    nonce      BINARY(16)  NOT NULL,
    expires_at DATETIME(6) NOT NULL,
    PRIMARY KEY (link, nonce),
    KEY zone_nonces_expiry (expires_at)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_nopad_bin;
