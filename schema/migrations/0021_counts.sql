-- What a project uses is summed for each create: from an index alone.
ALTER TABLE servers ADD INDEX IF NOT EXISTS servers_by_use (project_id, deleted, user_id, vcpus, ram_mib);
