"""A primary and a standby that follows it by streaming replication, on loopback."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

import psycopg

from tests.support.services import PostgresServer
from tests.support.waiting import wait_until


class Primary(PostgresServer):
    """A PostgreSQL that others may copy and follow, with further settings."""

    settings: Mapping[str, str] = {"wal_level": "replica", "max_wal_senders": "10"}

    def command(self) -> list[str]:
        """As the plain server, with its settings."""
        return [
            *super().command(),
            *(word for key, value in self.settings.items() for word in ("-c", f"{key}={value}")),
        ]

    def query(self, statement: str) -> list[tuple[object, ...]]:
        """The result of a query on the maintenance database."""
        with psycopg.connect(
            host="127.0.0.1", port=self.port, user="easyai", dbname="postgres", autocommit=True
        ) as connection:
            return connection.execute(statement.encode()).fetchall()

    def change(self, name: str, value: str) -> None:
        """Change a setting of the running server."""
        self.execute(f"ALTER SYSTEM SET {name} = '{value}'")
        self.execute("SELECT pg_reload_conf()")

    def wait_for_standby(self, *, synchronous: bool) -> None:
        """Wait until a standby has everything, or is waited for at each commit from now on."""
        if synchronous:
            self.change("synchronous_standby_names", "*")
        state = "sync" if synchronous else "async"
        self_says = f"SELECT 1 FROM pg_stat_replication WHERE sync_state = '{state}'"
        caught_up = f"{self_says} AND replay_lsn = pg_current_wal_lsn()"
        wait_until(lambda: self.query(caught_up), 30, f"a standby is {state}")


class Copy(Primary):
    """A PostgreSQL whose data are a base backup of another server."""

    def __init__(self, of: Primary, *options: str) -> None:
        super().__init__()
        self._of, self._options = of, ("--checkpoint=fast", *options)

    def _make_cluster(self) -> None:
        program = str(Path(self._initdb).parent / "pg_basebackup")
        where = ["-h", "127.0.0.1", "-p", str(self._of.port), "-U", "easyai"]
        subprocess.run(  # type: ignore[call-overload]
            [program, *where, "-D", str(self.folder / "data"), "--no-sync", *self._options],
            check=True,
            cwd=self.folder,
            capture_output=True,
            timeout=60,
            **({"user": self.user, "group": self.user} if self.user else {}),
        )


class Standby(Copy):
    """Follows a primary until it is promoted."""

    def __init__(self, of: Primary) -> None:
        super().__init__(of, "--write-recovery-conf")

    def follow_no_more(self) -> None:
        """Commits of the primary from now on do not arrive."""
        self.change("primary_conninfo", "")
        nobody = "SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM pg_stat_wal_receiver)"
        wait_until(lambda: self.query(nobody), 20, "it follows no more")

    def promote(self) -> None:
        """Make it the primary."""
        assert self.query("SELECT pg_promote(true, 60)") == [(True,)]
