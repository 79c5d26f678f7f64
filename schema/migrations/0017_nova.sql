-- Children of kind nova: plain OpenStack clouds behind a Keystone (schema/zone_nova.h).
CREATE TABLE IF NOT EXISTS zone_nova (
    zone_id        INT UNSIGNED    NOT NULL PRIMARY KEY,
    identity_url   VARCHAR(1024)   NOT NULL,           -- without version
    username       VARCHAR(255)    NOT NULL,
    user_domain    VARCHAR(255)    NOT NULL,           -- a name
    password       VARBINARY(4096) NOT NULL,           -- sealed; kept, since every token is bought with it
    project_domain VARCHAR(255)    NOT NULL,           -- a name
    region         VARCHAR(255)    NULL,               -- NULL: the first compute endpoint of the catalog
    read_only      BOOLEAN         NOT NULL DEFAULT 1,
    CONSTRAINT zone_nova_zone FOREIGN KEY (zone_id) REFERENCES zones (id) ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_nopad_bin;

-- Whose servers there are whose here. Servers of projects that are not in it are shown to nobody.
CREATE TABLE IF NOT EXISTS zone_nova_projects (
    zone_id INT UNSIGNED NOT NULL,
    project VARCHAR(64)  NOT NULL, -- this tree's id
    remote  VARCHAR(255) NOT NULL, -- the project there: its id (32 hex digits) or its name
    PRIMARY KEY (zone_id, project),
    UNIQUE KEY zone_nova_projects_remote (zone_id, remote),
    CONSTRAINT zone_nova_projects_zone FOREIGN KEY (zone_id) REFERENCES zone_nova (zone_id) ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_nopad_bin;
