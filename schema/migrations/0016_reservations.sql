-- Which direct children got parts of a reservation (schema/reservation.h). Rows without a zone: this zone has kept the set from the
-- reservation's beginning, at created_at; without a reservation: when a zone came into the tree last, and sets from before it are void.
CREATE TABLE IF NOT EXISTS reservation_zones (
    reservation VARCHAR(15) NOT NULL,
    zone        BINARY(16)  NOT NULL, -- a child's uuid; zeros: none
    created_at  DATETIME(6) NOT NULL,
    PRIMARY KEY (reservation, zone),
    KEY by_age (created_at)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_nopad_bin;

INSERT IGNORE INTO reservation_zones (reservation, zone, created_at) VALUES ('', UNHEX(REPEAT('00', 16)), UTC_TIMESTAMP(6));
