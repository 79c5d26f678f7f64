-- Places of a request for several servers, claimed here until the zone that planned it has decided (schema/hold.h).

CREATE TABLE IF NOT EXISTS holds (
    server BINARY(16) NOT NULL PRIMARY KEY,
    host BINARY(16) NOT NULL,
    project_id VARCHAR(64) NOT NULL,
    sizing MEDIUMTEXT NOT NULL,
    expires_at DATETIME(6) NOT NULL,
    KEY holds_by_expiry (expires_at)
) ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
