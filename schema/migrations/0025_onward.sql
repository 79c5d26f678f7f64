-- What became of servers that zones below gave back to this one (gateway/conductor/onward.h): by the hash of the ticket they came with,
-- so that the same question gets the same answer for as long as the ticket is good.
CREATE TABLE IF NOT EXISTS onward_decisions (
    ticket     BINARY(32)  NOT NULL PRIMARY KEY,
    server     BINARY(16)  NOT NULL,
    owner      BINARY(16),           -- the zone that has it now; NULL: nobody took it
    expires_at DATETIME(6) NOT NULL,
    KEY expired (expires_at)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_nopad_bin;
