-- Networks that servers may be on: libvirt networks of the hosts, by name; which host has them; and the interfaces of servers, so
-- that no MAC or address is given twice. What a server shows of its interfaces lies in its row (compute/build/nics.h).
CREATE TABLE IF NOT EXISTS networks (
    uuid BINARY(16) NOT NULL PRIMARY KEY,
    name VARCHAR(255) NOT NULL,
    bridge VARCHAR(64) NULL,
    gateway INT UNSIGNED NULL, -- IPv4, as numbers; NULL: no addresses are given out
    prefix TINYINT UNSIGNED NULL,
    dhcp_first INT UNSIGNED NULL,
    dhcp_last INT UNSIGNED NULL,
    created_at DATETIME(6) NOT NULL,
    UNIQUE KEY networks_name (name)
) ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS host_networks (
    host BINARY(16) NOT NULL,
    network BINARY(16) NOT NULL,
    PRIMARY KEY (host, network),
    KEY host_networks_by_network (network)
) ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS ports (
    uuid BINARY(16) NOT NULL PRIMARY KEY,
    server BINARY(16) NOT NULL,
    network BINARY(16) NOT NULL,
    mac CHAR(17) NOT NULL,
    address INT UNSIGNED NULL,
    created_at DATETIME(6) NOT NULL,
    UNIQUE KEY ports_mac (mac),
    UNIQUE KEY ports_address (network, address),
    KEY ports_by_server (server)
) ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

ALTER TABLE servers ADD COLUMN IF NOT EXISTS nics MEDIUMTEXT NULL;
