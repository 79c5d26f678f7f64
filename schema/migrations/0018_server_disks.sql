-- The local disks that a request gave its server; NULL: those of its flavor.
ALTER TABLE servers ADD COLUMN IF NOT EXISTS block_devices MEDIUMTEXT NULL;
