-- Zones that left the tree a while ago: their ids are not said to be unknown at once (schema/zone_directory.h).
CREATE TABLE IF NOT EXISTS zone_departed (
    uuid    BINARY(16)    NOT NULL PRIMARY KEY,
    path    VARCHAR(1407) NOT NULL, -- from this zone, when it was last seen
    left_at DATETIME(6)   NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_nopad_bin;

-- Servers that were born here and live elsewhere now (schema/zone_forwarding.h).
CREATE TABLE IF NOT EXISTS zone_forwardings (
    server     BINARY(16)  NOT NULL PRIMARY KEY,
    zone       BINARY(16)  NOT NULL, -- the owner's uuid
    created_at DATETIME(6) NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_nopad_bin;

-- The incarnation that agrees with the hypervisors; below `incarnation` after a restored backup (schema/zone_self.h).
ALTER TABLE zone_self ADD COLUMN IF NOT EXISTS reconciled BIGINT UNSIGNED NOT NULL DEFAULT 1;
