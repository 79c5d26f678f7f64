"""Servers in great numbers, straight into a zone's database: copies of one that was made there. They run nowhere and have no host, so
nobody looks after them; lists show them like others."""
STATE = {"vm_state": "'error'", "task_state": "NULL", "host": "NULL", "node": "NULL", "power_state": "0"}
CHUNK = 50_000  # rows of a statement


def copy_server(mariadb, schema, server, count, metadata_bytes=0):
    """`count` copies of `server` (an id) in this zone, ten made in each second before it; ids carry the same tag, and lie in the table
    as the rows were made. `metadata_bytes` make each row longer."""
    bare = server.replace("-", "")
    words = {**STATE, "uuid": f"UNHEX(CONCAT(LPAD(HEX(seq), 12, '0'), '4', SUBSTRING(MD5('{bare}'), 1, 3), '8',"
                              f" SUBSTRING(MD5(seq), 4, 9), RIGHT('{bare}', 6)))",
             "created_at": "created_at - INTERVAL seq DIV 10 SECOND"}
    if metadata_bytes:
        pairs = ", ".join(f"'k{number}', REPEAT('x', 250)" for number in range(metadata_bytes // 260))
        words["metadata"] = f"JSON_OBJECT({pairs})"
    columns = [name for name, made in mariadb.sql(
        "", "SELECT column_name, generation_expression FROM information_schema.columns"
            f" WHERE table_schema = '{schema}' AND table_name = 'servers'") if made is None]
    values = ", ".join(words.get(name, f"s.{name}") for name in columns)
    for first in range(1, count + 1, CHUNK):
        last = min(first + CHUNK - 1, count)
        mariadb.sql(schema, f"INSERT INTO servers ({', '.join(columns)}) SELECT {values} FROM servers s, seq_{first}_to_{last}"
                            f" WHERE s.uuid = UNHEX('{bare}')")
