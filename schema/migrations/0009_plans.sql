-- Sealed entries that were used: the first use binds an entry to one server (spec link.md section 7). Rows go when the entry has expired.

CREATE TABLE IF NOT EXISTS plan_uses (
    entry BINARY(32) NOT NULL PRIMARY KEY,
    server BINARY(16) NOT NULL,
    expires_at DATETIME(6) NOT NULL,
    KEY plan_uses_by_expiry (expires_at)
) ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
