-- Long work as rows (schema/task/task.h). A finished task has no row. Every row is live, so (kind, subject) says "one at a time".
CREATE TABLE IF NOT EXISTS tasks (
    id            BINARY(16)       NOT NULL PRIMARY KEY,
    kind          VARCHAR(64)      NOT NULL,
    subject       BINARY(16)       NOT NULL,
    request_id    VARCHAR(64)      NOT NULL,
    step          INT UNSIGNED     NOT NULL DEFAULT 0, -- forward: steps that are finished; undoing: steps still to be undone
    state         VARCHAR(16)      NOT NULL,           -- ready (nobody holds it) or running
    begun         BOOLEAN          NOT NULL DEFAULT 0, -- the next step was begun, and may have had effects
    undoing       BOOLEAN          NOT NULL DEFAULT 0,
    cancelled     BOOLEAN          NOT NULL DEFAULT 0,
    attempt       INT UNSIGNED     NOT NULL DEFAULT 0,
    holder        VARCHAR(255)     NOT NULL DEFAULT '',
    fence         BIGINT UNSIGNED  NOT NULL DEFAULT 0,
    heartbeat     BIGINT UNSIGNED  NOT NULL DEFAULT 0,
    not_before    DATETIME(6)      NOT NULL,
    error_kind    VARCHAR(32)      NOT NULL DEFAULT '',
    error_message VARCHAR(1023)    NOT NULL DEFAULT '',
    data          LONGTEXT         NOT NULL,
    created_at    DATETIME(6)      NOT NULL,
    updated_at    DATETIME(6)      NOT NULL,
    UNIQUE KEY one_per_subject (kind, subject),
    KEY due (state, not_before),
    KEY by_subject (subject)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
