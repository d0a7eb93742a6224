"""PostgreSQL, Redis and RabbitMQ as real programs on loopback, for tests and benchmarks."""

from __future__ import annotations

import itertools
import os
import re
import signal
import socket
import subprocess
from pathlib import Path

import psycopg

from tests.support.needs import program
from tests.support.ports import HeldPort
from tests.support.server_process import ServerProcess


def _postgres_folders() -> list[Path]:
    def version(folder: Path) -> int:
        digits = re.match(r"\d+", folder.parent.name)
        return int(digits.group()) if digits else 0

    return sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=version, reverse=True)


class PostgresServer(ServerProcess):
    """A cluster of its own: user ``easyai``, no password, nothing synced to disk."""

    name = "postgresql"
    stop_signal = signal.SIGINT  # "fast": ends sessions instead of waiting for them

    def __init__(self) -> None:
        self._postgres = program("postgres", "PostgreSQL", *_postgres_folders())
        self._initdb = program("initdb", "PostgreSQL", Path(self._postgres).parent)
        # initdb and postgres refuse to run as root.
        super().__init__(user="postgres" if os.geteuid() == 0 else None)
        self._numbers = itertools.count(1)

    def start(self) -> None:
        """Make the cluster the first time, start, wait for a query to work."""
        if not (self.folder / "data").exists():
            self._make_cluster()
        super().start()

    def _make_cluster(self) -> None:
        options = ["-U", "easyai", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
        command = [self._initdb, "-D", str(self.folder / "data"), *options]
        identity: dict[str, str] = {"user": self.user, "group": self.user} if self.user else {}
        subprocess.run(  # type: ignore[call-overload]
            command, check=True, cwd=self.folder, capture_output=True, timeout=60, **identity
        )

    def command(self) -> list[str]:
        """No sockets in the file system, loopback only, durability off for speed."""
        options = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "fsync": "off",
            "synchronous_commit": "off",
            "full_page_writes": "off",
            "max_connections": "200",
            "shared_buffers": "64MB",
        }
        command = [self._postgres, "-D", str(self.folder / "data"), "-p", str(self.port)]
        for key, value in options.items():
            command += ["-c", f"{key}={value}"]
        return command

    def answers(self) -> bool:
        """A query works."""
        try:
            self.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def execute(self, statement: str) -> None:
        """Run a statement on the maintenance database, outside of a transaction."""
        with psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user="easyai",
            dbname="postgres",
            autocommit=True,
            connect_timeout=2,
        ) as connection:
            connection.execute(statement.encode())

    def create_database(self) -> str:
        """A new empty database; returns its SQLAlchemy URL."""
        name = f"easyai_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name}")
        return f"postgresql+psycopg://easyai@127.0.0.1:{self.port}/{name}"

    def drop_database(self, url: str) -> None:
        """Remove a database made by `create_database`, open sessions or not."""
        self.execute(f"DROP DATABASE IF EXISTS {url.rpartition('/')[2]} WITH (FORCE)")


class RedisServer(ServerProcess):
    """A Redis that forgets everything when it stops."""

    name = "redis"

    def __init__(self) -> None:
        self._redis = program("redis-server", "Redis")
        super().__init__()

    @property
    def url(self) -> str:
        """The broker URL of database 0."""
        return f"redis://127.0.0.1:{self.port}/0"

    def command(self) -> list[str]:
        """Loopback only, no persistence."""
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder)]
        return [self._redis, *options, "--save", "", "--appendonly", "no"]

    def flush(self) -> None:
        """Forget every key."""
        assert _exchange(self.port, b"FLUSHALL\r\n").startswith(b"+OK")

    def answers(self) -> bool:
        """PING gives PONG."""
        return _exchange(self.port, b"PING\r\n").startswith(b"+PONG")


class RabbitmqServer(ServerProcess):
    """A RabbitMQ node of its own; starts in 5 to 10 s."""

    name = "rabbitmq"
    start_limit_sec = 90.0

    def __init__(self) -> None:
        # The script of /usr/sbin insists on root or rabbitmq; this program runs as any user.
        self._server = program("rabbitmq-server", "RabbitMQ", Path("/usr/lib/rabbitmq/bin"))
        super().__init__()
        self._distribution, self._epmd = HeldPort(), HeldPort()

    @property
    def url(self) -> str:
        """The AMQP URL of the default virtual host."""
        return f"amqp://guest:guest@127.0.0.1:{self.port}//"

    def command(self) -> list[str]:
        """The node in the foreground."""
        return [self._server]

    def environment(self) -> dict[str, str]:
        """Own node name, own ports, all files below our folder."""
        folder = self.folder
        own = {
            "HOME": str(folder),
            "RABBITMQ_NODENAME": f"easyai{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self._distribution.number),
            "RABBITMQ_BASE": str(folder),
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            "RABBITMQ_CONF_ENV_FILE": str(folder / "rabbitmq-env.conf"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            "ERL_EPMD_PORT": str(self._epmd.number),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
        }
        return dict(os.environ) | own

    def answers(self) -> bool:
        """A client's greeting is answered with Connection.Start (class 10, method 10)."""
        return _exchange(self.port, b"AMQP\x00\x00\x09\x01")[7:11] == b"\x00\x0a\x00\x0a"

    def close(self) -> None:
        """Kill the node and the port mapper that Erlang leaves behind."""
        super().close()
        subprocess.run(
            [program("epmd", "RabbitMQ"), "-port", str(self._epmd.number), "-kill"],
            env=self.environment(),
            capture_output=True,
            timeout=10,
            check=False,
        )
        self._distribution.release()
        self._epmd.release()


def _exchange(port: int, greeting: bytes) -> bytes:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.settimeout(2)
            connection.sendall(greeting)
            return connection.recv(64)
    except OSError:
        return b""
