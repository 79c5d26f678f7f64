-- What is allocated of an inventory, kept beside it: a claim reads one number instead of adding up all allocations of the provider.
-- Triggers keep it, in the transaction of whoever writes allocations: a program of an earlier version that still runs keeps it too.
-- A statement that writes allocations cannot read inventories in passing (error 1442): it is the triggers' then.
-- With a binary log, making triggers needs SUPER or log_bin_trust_function_creators = 1.

ALTER TABLE inventories ADD COLUMN IF NOT EXISTS used BIGINT NOT NULL DEFAULT 0;

CREATE OR REPLACE TRIGGER allocations_inserted AFTER INSERT ON allocations FOR EACH ROW
    UPDATE inventories SET used = used + NEW.used
    WHERE resource_provider_id = NEW.resource_provider_id AND resource_class_id = NEW.resource_class_id;

CREATE OR REPLACE TRIGGER allocations_deleted AFTER DELETE ON allocations FOR EACH ROW
    UPDATE inventories SET used = used - OLD.used
    WHERE resource_provider_id = OLD.resource_provider_id AND resource_class_id = OLD.resource_class_id;

CREATE OR REPLACE TRIGGER allocations_updated_from AFTER UPDATE ON allocations FOR EACH ROW
    UPDATE inventories SET used = used - OLD.used
    WHERE resource_provider_id = OLD.resource_provider_id AND resource_class_id = OLD.resource_class_id;

CREATE OR REPLACE TRIGGER allocations_updated_to AFTER UPDATE ON allocations FOR EACH ROW
    UPDATE inventories SET used = used + NEW.used
    WHERE resource_provider_id = NEW.resource_provider_id AND resource_class_id = NEW.resource_class_id;

-- An inventory that comes after its allocations (put back by hand) counts them.
CREATE OR REPLACE TRIGGER inventories_inserting BEFORE INSERT ON inventories FOR EACH ROW
    SET NEW.used = (SELECT COALESCE(SUM(a.used), 0) FROM allocations a
                    WHERE a.resource_provider_id = NEW.resource_provider_id AND a.resource_class_id = NEW.resource_class_id);

-- What was there before the triggers. Whoever writes allocations locks their providers first, so nothing moves between these two.
START TRANSACTION;
SELECT COUNT(*) INTO @zonegate_providers FROM resource_providers FOR UPDATE;
UPDATE inventories i SET i.used = (SELECT COALESCE(SUM(a.used), 0) FROM allocations a
                                   WHERE a.resource_provider_id = i.resource_provider_id AND a.resource_class_id = i.resource_class_id);
COMMIT;
