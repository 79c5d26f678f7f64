-- What seldom changes is kept in memory by each gateway (schema/db_cache.h) as long as its counter stands. Triggers count, in the
-- transaction of whoever writes: other gateways of the zone and programs of earlier versions are seen too. A row that a foreign key
-- takes away (flavor_access with its flavor) fires no trigger: its parent's does.
-- With a binary log, making triggers needs SUPER or log_bin_trust_function_creators = 1.

CREATE TABLE IF NOT EXISTS change_counters (
    name VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
    version BIGINT NOT NULL
) ENGINE=InnoDB;

INSERT IGNORE INTO change_counters (name, version) VALUES ('failures', 1), ('flavors', 1), ('hosts', 1), ('images', 1), ('names', 1), ('quotas', 1), ('traits', 1);

CREATE OR REPLACE TRIGGER flavors_count_inserted AFTER INSERT ON flavors FOR EACH ROW
    UPDATE change_counters SET version = version + 1 WHERE name = 'flavors';
CREATE OR REPLACE TRIGGER flavors_count_updated AFTER UPDATE ON flavors FOR EACH ROW
    UPDATE change_counters SET version = version + 1 WHERE name = 'flavors';
CREATE OR REPLACE TRIGGER flavors_count_deleted AFTER DELETE ON flavors FOR EACH ROW
    UPDATE change_counters SET version = version + 1 WHERE name = 'flavors';
CREATE OR REPLACE TRIGGER flavor_access_count_inserted AFTER INSERT ON flavor_access FOR EACH ROW
    UPDATE change_counters SET version = version + 1 WHERE name = 'flavors';
CREATE OR REPLACE TRIGGER flavor_access_count_updated AFTER UPDATE ON flavor_access FOR EACH ROW
    UPDATE change_counters SET version = version + 1 WHERE name = 'flavors';
CREATE OR REPLACE TRIGGER flavor_access_count_deleted AFTER DELETE ON flavor_access FOR EACH ROW
    UPDATE change_counters SET version = version + 1 WHERE name = 'flavors';
CREATE OR REPLACE TRIGGER aggregates_count_inserted AFTER INSERT ON aggregates FOR EACH ROW
    UPDATE change_counters SET version = version + 1 WHERE name = 'hosts';
CREATE OR REPLACE TRIGGER aggregates_count_updated AFTER UPDATE ON aggregates FOR EACH ROW
    UPDATE change_counters SET version = version + 1 WHERE name = 'hosts';
CREATE OR REPLACE TRIGGER aggregates_count_deleted AFTER DELETE ON aggregates FOR EACH ROW
    UPDATE change_counters SET version = version + 1 WHERE name = 'hosts';
CREATE OR REPLACE TRIGGER aggregate_hosts_count_inserted AFTER INSERT ON aggregate_hosts FOR EACH ROW
    UPDATE change_counters SET version = version + 1 WHERE name = 'hosts';
CREATE OR REPLACE TRIGGER aggregate_hosts_count_updated AFTER UPDATE ON aggregate_hosts FOR EACH ROW
    UPDATE change_counters SET version = version + 1 WHERE name = 'hosts';
CREATE OR REPLACE TRIGGER aggregate_hosts_count_deleted AFTER DELETE ON aggregate_hosts FOR EACH ROW
    UPDATE change_counters SET version = version + 1 WHERE name = 'hosts';
CREATE OR REPLACE TRIGGER aggregate_metadata_count_inserted AFTER INSERT ON aggregate_metadata FOR EACH ROW
    UPDATE change_counters SET version = version + 1 WHERE name = 'hosts';
CREATE OR REPLACE TRIGGER aggregate_metadata_count_updated AFTER UPDATE ON aggregate_metadata FOR EACH ROW
    UPDATE change_counters SET version = version + 1 WHERE name = 'hosts';
CREATE OR REPLACE TRIGGER aggregate_metadata_count_deleted AFTER DELETE ON aggregate_metadata FOR EACH ROW
    UPDATE change_counters SET version = version + 1 WHERE name = 'hosts';
CREATE OR REPLACE TRIGGER images_count_inserted AFTER INSERT ON images FOR EACH ROW
    UPDATE change_counters SET version = version + 1 WHERE name = 'images';
CREATE OR REPLACE TRIGGER images_count_updated AFTER UPDATE ON images FOR EACH ROW
    UPDATE change_counters SET version = version + 1 WHERE name = 'images';
CREATE OR REPLACE TRIGGER images_count_deleted AFTER DELETE ON images FOR EACH ROW
    UPDATE change_counters SET version = version + 1 WHERE name = 'images';
CREATE OR REPLACE TRIGGER image_members_count_inserted AFTER INSERT ON image_members FOR EACH ROW
    UPDATE change_counters SET version = version + 1 WHERE name = 'images';
CREATE OR REPLACE TRIGGER image_members_count_updated AFTER UPDATE ON image_members FOR EACH ROW
    UPDATE change_counters SET version = version + 1 WHERE name = 'images';
CREATE OR REPLACE TRIGGER image_members_count_deleted AFTER DELETE ON image_members FOR EACH ROW
    UPDATE change_counters SET version = version + 1 WHERE name = 'images';
CREATE OR REPLACE TRIGGER resource_classes_count_inserted AFTER INSERT ON resource_classes FOR EACH ROW
    UPDATE change_counters SET version = version + 1 WHERE name = 'names';
CREATE OR REPLACE TRIGGER resource_classes_count_updated AFTER UPDATE ON resource_classes FOR EACH ROW
    UPDATE change_counters SET version = version + 1 WHERE name = 'names';
CREATE OR REPLACE TRIGGER resource_classes_count_deleted AFTER DELETE ON resource_classes FOR EACH ROW
    UPDATE change_counters SET version = version + 1 WHERE name = 'names';
CREATE OR REPLACE TRIGGER traits_count_inserted AFTER INSERT ON traits FOR EACH ROW
    UPDATE change_counters SET version = version + 1 WHERE name = 'names';
CREATE OR REPLACE TRIGGER traits_count_updated AFTER UPDATE ON traits FOR EACH ROW
    UPDATE change_counters SET version = version + 1 WHERE name = 'names';
CREATE OR REPLACE TRIGGER traits_count_deleted AFTER DELETE ON traits FOR EACH ROW
    UPDATE change_counters SET version = version + 1 WHERE name = 'names';
CREATE OR REPLACE TRIGGER quotas_count_inserted AFTER INSERT ON quotas FOR EACH ROW
    UPDATE change_counters SET version = version + 1 WHERE name = 'quotas';
CREATE OR REPLACE TRIGGER quotas_count_updated AFTER UPDATE ON quotas FOR EACH ROW
    UPDATE change_counters SET version = version + 1 WHERE name = 'quotas';
CREATE OR REPLACE TRIGGER quotas_count_deleted AFTER DELETE ON quotas FOR EACH ROW
    UPDATE change_counters SET version = version + 1 WHERE name = 'quotas';
CREATE OR REPLACE TRIGGER quota_classes_count_inserted AFTER INSERT ON quota_classes FOR EACH ROW
    UPDATE change_counters SET version = version + 1 WHERE name = 'quotas';
CREATE OR REPLACE TRIGGER quota_classes_count_updated AFTER UPDATE ON quota_classes FOR EACH ROW
    UPDATE change_counters SET version = version + 1 WHERE name = 'quotas';
CREATE OR REPLACE TRIGGER quota_classes_count_deleted AFTER DELETE ON quota_classes FOR EACH ROW
    UPDATE change_counters SET version = version + 1 WHERE name = 'quotas';
CREATE OR REPLACE TRIGGER resource_provider_traits_count_inserted AFTER INSERT ON resource_provider_traits FOR EACH ROW
    UPDATE change_counters SET version = version + 1 WHERE name = 'traits';
CREATE OR REPLACE TRIGGER resource_provider_traits_count_updated AFTER UPDATE ON resource_provider_traits FOR EACH ROW
    UPDATE change_counters SET version = version + 1 WHERE name = 'traits';
CREATE OR REPLACE TRIGGER resource_provider_traits_count_deleted AFTER DELETE ON resource_provider_traits FOR EACH ROW
    UPDATE change_counters SET version = version + 1 WHERE name = 'traits';

-- A host says now and then that it is there: that is no change of what is kept.
CREATE OR REPLACE TRIGGER hosts_count_inserted AFTER INSERT ON hosts FOR EACH ROW
    UPDATE change_counters SET version = version + 1 WHERE name = 'hosts';
CREATE OR REPLACE TRIGGER hosts_count_updated AFTER UPDATE ON hosts FOR EACH ROW
    UPDATE change_counters SET version = version + 1 WHERE name = 'hosts' AND NOT (NEW.name <=> OLD.name AND NEW.uri <=> OLD.uri
        AND NEW.availability_zone <=> OLD.availability_zone AND NEW.disabled <=> OLD.disabled
        AND NEW.disabled_reason <=> OLD.disabled_reason AND NEW.up <=> OLD.up AND NEW.forced_down <=> OLD.forced_down
        AND NEW.inventory <=> OLD.inventory);
CREATE OR REPLACE TRIGGER hosts_count_deleted AFTER DELETE ON hosts FOR EACH ROW
    UPDATE change_counters SET version = version + 1 WHERE name = 'hosts';
