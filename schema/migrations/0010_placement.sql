-- allocation_ratio keeps what it was given: FLOAT has six digits, so a ratio read was not the one written, and a host that reports
-- the same again looked changed. Through text, so that 1.1 stays 1.1.

ALTER TABLE inventories MODIFY allocation_ratio VARCHAR(32) NOT NULL DEFAULT '1';
ALTER TABLE inventories MODIFY allocation_ratio DOUBLE NOT NULL DEFAULT 1.0;
