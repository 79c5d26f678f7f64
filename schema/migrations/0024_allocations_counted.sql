-- Who gives something to a new consumer raises inventories.used itself, with the check whether there is room: one statement for all
-- classes of a claim instead of one for each of its rows. Such rows say so (counted = 1), and the trigger leaves them alone; whoever
-- does not know the column (a program of an earlier version) has its rows counted by the trigger as before.

ALTER TABLE allocations ADD COLUMN IF NOT EXISTS counted TINYINT NOT NULL DEFAULT 0;

CREATE OR REPLACE TRIGGER allocations_inserted AFTER INSERT ON allocations FOR EACH ROW
    IF NEW.counted = 0 THEN
        UPDATE inventories SET used = used + NEW.used
        WHERE resource_provider_id = NEW.resource_provider_id AND resource_class_id = NEW.resource_class_id;
    END IF;
