-- What zones below said last of what a project, or one of its users, uses there and further down: it counts for quotas while they
-- are silent (gateway/conductor/quota_usage.h).
CREATE TABLE IF NOT EXISTS usage_below (
    zone_id    INT UNSIGNED NOT NULL, -- the child that told it
    project_id VARCHAR(64)  NOT NULL,
    user_id    VARCHAR(64)  NOT NULL, -- '': no user was asked for
    answer     MEDIUMTEXT   NOT NULL, -- JSON, as it came
    PRIMARY KEY (zone_id, project_id, user_id),
    FOREIGN KEY (zone_id) REFERENCES zones (id) ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_nopad_bin;
