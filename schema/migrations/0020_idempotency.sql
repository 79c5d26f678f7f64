-- Answers to requests that came with an Idempotency-Key (spec link.md section 3); kept 24 hours (schema/idempotency.h).

CREATE TABLE IF NOT EXISTS idempotency (
    id BINARY(32) NOT NULL PRIMARY KEY, -- hash of user and key
    question BINARY(32) NOT NULL,       -- hash of method, target and body
    answer MEDIUMBLOB NULL,             -- sealed; NULL: it is being worked on, or its process died
    created_at DATETIME(6) NOT NULL,
    KEY idempotency_by_time (created_at)
) ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
