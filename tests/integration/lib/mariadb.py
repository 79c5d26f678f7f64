"""A throw-away MariaDB server on a unix socket, and SQL asked independently of our own code (the mariadb command)."""
import shutil

from .process import Process, run

SETTINGS = ("--skip-networking", "--innodb-buffer-pool-size=64M", "--innodb-log-file-size=32M", "--performance-schema=OFF",
            "--aria-pagecache-buffer-size=1M", "--key-buffer-size=1M", "--max-connections=800", "--innodb-log-buffer-size=2M",
            "--skip-name-resolve", "--table-open-cache=800", "--innodb-flush-log-at-trx-commit=2")


def programs_missing():
    return [name for name in ("mariadbd", "mariadb-install-db", "mariadb") if not shutil.which(name)]


class MariaDB:
    """One server for many zones: each has a schema of its own."""

    def __init__(self, directory):
        self.directory = directory
        self.socket = directory / "db.sock"
        self.data = directory / "data"
        self.process = None
        (directory / "tmp").mkdir(parents=True)
        run(["mariadb-install-db", "--no-defaults", "--user=root", f"--datadir={self.data}", f"--tmpdir={directory}/tmp", "--skip-test-db",
             "--auth-root-authentication-method=normal", "--innodb-log-file-size=32M"])
        self.start()

    def start(self):
        command = ["mariadbd", "--no-defaults", "--user=root", f"--datadir={self.data}", f"--tmpdir={self.directory}/tmp", f"--socket={self.socket}",
                   f"--pid-file={self.directory}/db.pid", *SETTINGS]
        self.process = Process(command, self.directory / "mariadbd.log")
        self.process.wait_line(r"ready for connections", 60)

    def stop(self):
        self.process.stop()

    def kill(self):
        self.process.kill()

    def url(self, schema):
        return f"mariadb:///{schema}?socket={self.socket}&user=root"

    def sql(self, schema, statement):
        """Rows as lists of text (None for NULL)."""
        return sql(self.socket, schema, statement)

    def drop(self, schema):
        """A file that a killed statement left makes MariaDB keep the directory: it goes with the server."""
        command = ["mariadb", "--no-defaults", "--batch", "-uroot", f"--socket={self.socket}"]
        status, _, said = run(command, stdin=f"DROP DATABASE IF EXISTS `{schema}`", check=False)
        assert status == 0 or "Directory not empty" in said, said


def sql(socket, schema, statement):
    """Asks the server behind `socket` by the mariadb command; rows as lists of text (None for NULL)."""
    command = ["mariadb", "--no-defaults", "--batch", "--skip-column-names", "-uroot", f"--socket={socket}", *([schema] if schema else [])]
    _, out, _ = run(command, stdin=statement)
    return [[None if cell == "NULL" else cell for cell in line.split("\t")] for line in out.splitlines()]

