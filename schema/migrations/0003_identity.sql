-- Keystone's part: domains, projects, users, roles, grants, application credentials; revoked tokens; the authority's public key.
-- Ids are Keystone's: 32 hex digits, or "default". Times that are compared with a token's are microseconds since 1970.

CREATE TABLE IF NOT EXISTS identity_domains (
    id VARCHAR(64) NOT NULL PRIMARY KEY,
    name VARCHAR(64) NOT NULL,
    description VARCHAR(4096) NOT NULL DEFAULT '',
    enabled BOOLEAN NOT NULL DEFAULT TRUE,
    UNIQUE KEY identity_domains_name (name)
) ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS identity_projects (
    id VARCHAR(64) NOT NULL PRIMARY KEY,
    domain_id VARCHAR(64) NOT NULL,
    name VARCHAR(64) NOT NULL,
    description VARCHAR(4096) NOT NULL DEFAULT '',
    enabled BOOLEAN NOT NULL DEFAULT TRUE,
    tags TEXT NOT NULL,
    UNIQUE KEY identity_projects_name (domain_id, name)
) ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

-- Tokens that were issued up to `tokens_after_us` are void.
CREATE TABLE IF NOT EXISTS identity_users (
    id VARCHAR(64) NOT NULL PRIMARY KEY,
    domain_id VARCHAR(64) NOT NULL,
    name VARCHAR(255) NOT NULL,
    description VARCHAR(4096) NOT NULL DEFAULT '',
    email VARCHAR(255) NOT NULL DEFAULT '',
    default_project_id VARCHAR(64) NOT NULL DEFAULT '',
    enabled BOOLEAN NOT NULL DEFAULT TRUE,
    password VARCHAR(255) NULL,
    tokens_after_us BIGINT NOT NULL DEFAULT 0,
    UNIQUE KEY identity_users_name (domain_id, name)
) ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

-- Roles are compared without case everywhere, so their names are too.
CREATE TABLE IF NOT EXISTS identity_roles (
    id VARCHAR(64) NOT NULL PRIMARY KEY,
    name VARCHAR(255) COLLATE utf8mb4_general_nopad_ci NOT NULL,
    description VARCHAR(4096) NOT NULL DEFAULT '',
    UNIQUE KEY identity_roles_name (name)
) ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

-- `scope` is project, domain or system; the system's `scope_id` is "all".
CREATE TABLE IF NOT EXISTS identity_grants (
    user_id VARCHAR(64) NOT NULL,
    scope VARCHAR(8) NOT NULL,
    scope_id VARCHAR(64) NOT NULL,
    role_id VARCHAR(64) NOT NULL,
    PRIMARY KEY (user_id, scope, scope_id, role_id),
    KEY identity_grants_by_scope (scope, scope_id),
    KEY identity_grants_by_role (role_id)
) ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS identity_credentials (
    id VARCHAR(64) NOT NULL PRIMARY KEY,
    user_id VARCHAR(64) NOT NULL,
    project_id VARCHAR(64) NOT NULL,
    name VARCHAR(255) NOT NULL,
    description VARCHAR(4096) NOT NULL DEFAULT '',
    secret VARCHAR(255) NOT NULL,
    unrestricted BOOLEAN NOT NULL DEFAULT FALSE,
    expires_us BIGINT NOT NULL DEFAULT 0,
    UNIQUE KEY identity_credentials_name (user_id, name),
    KEY identity_credentials_by_project (project_id)
) ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS identity_credential_roles (
    credential_id VARCHAR(64) NOT NULL,
    role_id VARCHAR(64) NOT NULL,
    PRIMARY KEY (credential_id, role_id)
) ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

-- `kind` is audit (one token), user, project, domain or credential (their tokens issued up to revoked_us).
CREATE TABLE IF NOT EXISTS identity_revocations (
    kind VARCHAR(16) NOT NULL,
    subject VARCHAR(64) NOT NULL,
    revoked_us BIGINT NOT NULL,
    expires_us BIGINT NOT NULL,
    PRIMARY KEY (kind, subject),
    KEY identity_revocations_by_expiry (expires_us)
) ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

-- One row: what makes a gateway read its snapshot again, and the region that the catalog names.
CREATE TABLE IF NOT EXISTS identity_state (
    id TINYINT UNSIGNED NOT NULL DEFAULT 1 PRIMARY KEY CHECK (id = 1),
    version BIGINT NOT NULL DEFAULT 0,
    region VARCHAR(255) NOT NULL DEFAULT 'RegionOne'
) ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

INSERT IGNORE INTO identity_state (id) VALUES (1);

-- The identity zone that this zone names in [identity] url, as it was last seen.
CREATE TABLE IF NOT EXISTS identity_authority (
    id TINYINT UNSIGNED NOT NULL DEFAULT 1 PRIMARY KEY CHECK (id = 1),
    url VARCHAR(1024) NOT NULL,
    zone BINARY(16) NOT NULL,
    public_key BINARY(32) NOT NULL
) ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
