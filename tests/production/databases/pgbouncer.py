"""PgBouncer in transaction mode on loopback, as Debian packs it."""

from __future__ import annotations

import os
from typing import Final

import psycopg

from tests.support.needs import MissingError, program
from tests.support.server_process import ServerProcess
from tests.support.services import PostgresServer

#: As packed: a client that sends options is refused.
STRICT: Final = ""
#: As many set it up: options are taken and have no effect.
IGNORING: Final = "ignore_startup_parameters = options"


class PgBouncer(ServerProcess):
    """A pooler of every database of a PostgreSQL; few connections, so that sessions are mixed."""

    name = "pgbouncer"

    def __init__(self, postgres: PostgresServer, extra: str = STRICT) -> None:
        try:
            self._pgbouncer = program("pgbouncer", "PgBouncer")
        except MissingError:
            raise MissingError("PgBouncer", "install: scripts/install-engine") from None
        super().__init__(user="postgres" if os.geteuid() == 0 else None)
        self._settings = self.folder / "pgbouncer.ini"
        self._settings.write_text(
            "[databases]\n"
            f"* = host=127.0.0.1 port={postgres.port} user=easyai\n"
            "[pgbouncer]\n"
            f"listen_addr = 127.0.0.1\nlisten_port = {self.port}\nunix_socket_dir =\n"
            "auth_type = any\npool_mode = transaction\ndefault_pool_size = 4\n"
            "max_client_conn = 500\nserver_login_retry = 1\nquery_wait_timeout = 5\n"
            "server_round_robin = 1\n"
            f"{extra}\n",
            encoding="utf-8",
        )

    def command(self) -> list[str]:
        """In the foreground."""
        return [self._pgbouncer, str(self._settings)]

    def answers(self) -> bool:
        """It takes connections to its own database."""
        try:
            psycopg.connect(
                host="127.0.0.1",
                port=self.port,
                user="easyai",
                dbname="postgres",
                autocommit=True,
                connect_timeout=2,
                prepare_threshold=None,
            ).close()
        except psycopg.OperationalError:
            return False
        return True

    def through(self, url: str) -> str:
        """The URL of a database of the PostgreSQL behind it, through this pooler."""
        start, _, name = url.rpartition("/")
        return f"{start.rpartition(':')[0]}:{self.port}/{name}"
