-- Security groups of projects, their rules, and which servers are in them. Every server with an interface is in one at least.
CREATE TABLE IF NOT EXISTS security_groups (
    uuid BINARY(16) NOT NULL PRIMARY KEY,
    project_id VARCHAR(64) NOT NULL,
    name VARCHAR(255) NOT NULL,
    description VARCHAR(255) NOT NULL,
    created_at DATETIME(6) NOT NULL,
    UNIQUE KEY security_groups_name (project_id, name)
) ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS security_group_rules (
    uuid BINARY(16) NOT NULL PRIMARY KEY,
    parent BINARY(16) NOT NULL,
    protocol VARCHAR(8) NULL, -- tcp, udp, icmp; NULL: any
    from_port INT NULL,       -- of icmp: type and code, -1 any
    to_port INT NULL,
    cidr VARCHAR(64) NULL,    -- one of the two
    source BINARY(16) NULL,   -- the servers of another group
    created_at DATETIME(6) NOT NULL,
    KEY security_group_rules_by_parent (parent),
    KEY security_group_rules_by_source (source)
) ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS server_security_groups (
    server BINARY(16) NOT NULL,
    security_group BINARY(16) NOT NULL,
    PRIMARY KEY (server, security_group),
    KEY server_security_groups_by_group (security_group)
) ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
