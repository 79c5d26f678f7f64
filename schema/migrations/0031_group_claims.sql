-- Servers that are about to be made in other zones are members of their group before they exist; the claim of one that is never made
-- ends by itself (schema/server_group.h).
ALTER TABLE server_group_members ADD COLUMN IF NOT EXISTS claimed_until DATETIME(6) NULL;
