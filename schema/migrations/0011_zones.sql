-- A child that is drained may be forgotten as soon as it and all below it have no server left (zones/poller_round.c).
ALTER TABLE zones ADD COLUMN IF NOT EXISTS delete_when_empty BOOLEAN NOT NULL DEFAULT 0;
