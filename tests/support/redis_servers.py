"""Redis with users, over TLS, and watched by Sentinels; all on loopback."""

from __future__ import annotations

from typing import Any

import redis

from tests.support.certificates import Authority
from tests.support.needs import program
from tests.support.server_process import ServerProcess
from tests.support.services import RedisServer
from tests.support.waiting import wait_until

PASSWORD = "geheim%40%3A%2F"  # as it stands in an address
PLAIN_PASSWORD = "geheim@:/"
MASTER = "frames"


class GuardedRedis(RedisServer):
    """A Redis that wants a password, and a certificate of the client where it speaks TLS.

    User `easyai` may do what easyai does and nothing else.
    """

    def __init__(
        self, authority: Authority | None = None, *, of: int | None = None, certificate: str = ""
    ) -> None:
        """`of`: the port of the primary that this server replicates."""
        self._authority, self._of = authority, of
        self._certificate = certificate or "server"
        super().__init__()

    def command(self) -> list[str]:
        """As the parent's, with requirepass, TLS and a primary."""
        plain = super().command()
        options = ["--requirepass", PLAIN_PASSWORD, "--masterauth", PLAIN_PASSWORD]
        options += ["--repl-diskless-sync-delay", "0"]
        if self._of:
            options += ["--replicaof", "127.0.0.1", str(self._of)]
        return plain + options + tls_options(self._authority, self.port, self._certificate)

    def address(self, user: str = "", parameters: str = "") -> str:
        """The address with its password."""
        scheme = "rediss" if self._authority else "redis"
        behind = f"?{parameters}" if parameters else ""
        return f"{scheme}://{user}:{PASSWORD}@127.0.0.1:{self.port}/0{behind}"

    def client(self) -> Any:
        """A client of the test's own."""
        return client_of(self.port, self._authority)

    def answers(self) -> bool:
        """PING gives PONG."""
        return pings(self.client())


class SentinelProcess(ServerProcess):
    """A Sentinel with a password of its own."""

    name = "sentinel"

    def __init__(self, primary: int, authority: Authority | None = None) -> None:
        super().__init__()
        self._authority = authority
        self._file = self.folder / "sentinel.conf"
        self._file.write_text(
            f"port {self.port}\nbind 127.0.0.1\ndir {self.folder}\n"
            f"requirepass {PLAIN_PASSWORD}\nsentinel sentinel-pass {PLAIN_PASSWORD}\n"
            f"sentinel monitor {MASTER} 127.0.0.1 {primary} 2\n"
            f"sentinel auth-pass {MASTER} {PLAIN_PASSWORD}\n"
            f"sentinel down-after-milliseconds {MASTER} 1500\n"
            f"sentinel failover-timeout {MASTER} 6000\n"
        )

    def command(self) -> list[str]:
        """``redis-server --sentinel``."""
        options = tls_options(self._authority, self.port, "server")
        return [program("redis-server", "Redis"), str(self._file), "--sentinel", *options]

    def client(self) -> Any:
        """A client of the test's own."""
        return client_of(self.port, self._authority)

    def answers(self) -> bool:
        """PING gives PONG."""
        return pings(self.client())


class Watched:
    """A primary and a replica that three Sentinels watch."""

    def __init__(self, authority: Authority | None = None) -> None:
        self._authority = authority
        primary = GuardedRedis(authority)
        self.servers = [primary, GuardedRedis(authority, of=primary.port)]
        self.sentinels = [SentinelProcess(primary.port, authority) for _ in range(3)]

    def start(self) -> None:
        """Start all and wait until a failover could succeed."""
        for server in (*self.servers, *self.sentinels):
            server.start()
        self.wait_until_complete()

    def wait_until_complete(self) -> None:
        """Wait until each Sentinel knows the others, and the replica follows."""
        wait_until(lambda: all(map(self._knows_all, self.sentinels)), 30, "the Sentinels know all")

    def _knows_all(self, sentinel: SentinelProcess) -> bool:
        with sentinel.client() as client:
            state = client.sentinel_master(MASTER)
            return (
                state["num-other-sentinels"] == 2
                and state["num-slaves"] == 1
                and not any(
                    replica["is_disconnected"] for replica in client.sentinel_slaves(MASTER)
                )
            )

    def primary_port(self) -> int:
        """The port of the primary that the first Sentinel names."""
        with self.sentinels[0].client() as client:
            return int(client.sentinel_get_master_addr_by_name(MASTER)[1])

    def primary(self) -> GuardedRedis:
        """The primary that the first Sentinel names."""
        port = self.primary_port()
        return next(server for server in self.servers if server.port == port)

    def address(self, parameters: str = "") -> str:
        """The address as easyai takes it: the login stands at the first Sentinel only."""
        first, *others = [sentinel.port for sentinel in self.sentinels]
        urls = [f"sentinel://:{PASSWORD}@127.0.0.1:{first}/0"]
        urls += [f"sentinel://127.0.0.1:{port}" for port in others]
        behind = f"?master_name={MASTER}&sentinel_password={PASSWORD}"
        return ";".join(urls) + behind + (f"&{parameters}" if parameters else "")

    @property
    def full_address(self) -> str:
        """The address, with the parameters of TLS where it is used."""
        return self.address(self._authority.parameters() if self._authority else "")

    def fail_over(self) -> None:
        """Ask a Sentinel to swap primary and replica, as before an upgrade."""
        before = self.primary_port()
        with self.sentinels[0].client() as client:
            client.execute_command("SENTINEL", "FAILOVER", MASTER)
        self.wait_for_other_than(before)

    def wait_for_other_than(self, port: int) -> None:
        """Wait until the Sentinels name another primary."""
        wait_until(lambda: self.primary_port() != port, 30, "another primary")

    def close(self) -> None:
        """Kill everything."""
        for server in (*self.sentinels, *self.servers):
            server.close()


def tls_options(authority: Authority | None, port: int, certificate: str) -> list[str]:
    """Options of redis-server that put TLS, with certificates of clients, in the port's place."""
    if authority is None:
        return []
    file, key = authority.pair(certificate)
    return [
        *("--port", "0", "--tls-port", str(port), "--tls-replication", "yes"),
        *("--tls-cert-file", file, "--tls-key-file", key),
        *("--tls-ca-cert-file", str(authority.file), "--tls-auth-clients", "yes"),
    ]


def client_of(port: int, authority: Authority | None) -> Any:
    """A client with the password."""
    tls: dict[str, Any] = {}
    if authority is not None:
        file, key = authority.pair("client")
        tls = {"ssl": True, "ssl_ca_certs": str(authority.file), "ssl_check_hostname": False}
        tls |= {"ssl_certfile": file, "ssl_keyfile": key}
    return redis.Redis(
        port=port, host="127.0.0.1", password=PLAIN_PASSWORD, socket_timeout=3, **tls
    )


def pings(client: Any) -> bool:
    """Whether PING is answered; closes the client."""
    with client:
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
