-- Who this zone is: one row, made at the first start (schema/zone_self.h).
CREATE TABLE IF NOT EXISTS zone_self (
    id          TINYINT UNSIGNED NOT NULL DEFAULT 1 PRIMARY KEY CHECK (id = 1),
    uuid        BINARY(16)       NOT NULL,
    name        VARCHAR(64)      NOT NULL,
    incarnation BIGINT UNSIGNED  NOT NULL,
    created_at  DATETIME(6)      NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
