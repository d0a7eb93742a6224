"""RabbitMQ over TLS, and a cluster of three nodes; all on loopback."""

from __future__ import annotations

import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.support.certificates import Authority
from tests.support.ports import HeldPort
from tests.support.services import RabbitmqServer

_COOKIE = "EASYAITESTS"


class ManagedRabbitmq(RabbitmqServer):
    """A node with rabbitmqctl, that can forget everything."""

    def __init__(self) -> None:
        super().__init__()
        cookie = self.folder / ".erlang.cookie"
        cookie.write_text(_COOKIE)
        cookie.chmod(0o400)

    @property
    def node(self) -> str:
        """The name of the node."""
        return self.environment()["RABBITMQ_NODENAME"]

    def configure(self, *lines: str) -> None:
        """Write rabbitmq.conf; before the start."""
        (self.folder / "rabbitmq.conf").write_text("\n".join(lines) + "\n")

    def control(self, *arguments: str) -> str:
        """The output of ``rabbitmqctl``."""
        program = Path(self.command()[0]).with_name("rabbitmqctl")
        done = subprocess.run(
            [program, "-q", *arguments],
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"rabbitmqctl {arguments}: {done.stdout}{done.stderr}"
        return done.stdout

    def forget(self) -> None:
        """Lose every queue and exchange; while it is stopped."""
        shutil.rmtree(self.folder / "mnesia")

    def queue_types(self, host: str = "/") -> dict[str, str]:
        """Each queue and its type."""
        lines = self.control("list_queues", "-p", host, "name", "type", "--no-table-headers")
        pairs = (line.split("\t") for line in lines.splitlines() if "\t" in line)
        return {name: kind.removeprefix("rabbit_").split("_")[0] for name, kind in pairs}


class SecureRabbitmq(ManagedRabbitmq):
    """A node that takes TLS at a second port, from clients with a certificate of our authority."""

    def __init__(self, authority: Authority) -> None:
        super().__init__()
        self._tls = HeldPort()
        self.tls_port = self._tls.number
        certificate, key = authority.pair("server")
        self.configure(
            f"listeners.ssl.1 = 127.0.0.1:{self.tls_port}",
            f"ssl_options.cacertfile = {authority.file}",
            f"ssl_options.certfile = {certificate}",
            f"ssl_options.keyfile = {key}",
            "ssl_options.verify = verify_peer",
            "ssl_options.fail_if_no_peer_cert = true",
        )

    def address(self, host: str = "%2F", parameters: str = "", login: str = "guest:guest") -> str:
        """The address over TLS."""
        return f"amqps://{login}@127.0.0.1:{self.tls_port}/{host}?{parameters}"

    def close(self) -> None:
        """Give the second port back as well."""
        super().close()
        self._tls.release()


class _Member(ManagedRabbitmq):
    """A node of a cluster; the nodes find each other by a shared port mapper."""

    mapper = 0

    def environment(self) -> dict[str, str]:
        """As the parent's, with the mapper of the cluster."""
        return super().environment() | {"ERL_EPMD_PORT": str(self.mapper)}


class RabbitmqCluster:
    """Three nodes."""

    def __init__(self) -> None:
        self.nodes = [_Member() for _ in range(3)]
        mapper = int(RabbitmqServer.environment(self.nodes[0])["ERL_EPMD_PORT"])
        for node in self.nodes:
            node.mapper = mapper
        names = [
            f"cluster_formation.classic_config.nodes.{number} = {node.node}"
            for number, node in enumerate(self.nodes, 1)
        ]
        for node in self.nodes:
            node.configure("cluster_formation.peer_discovery_backend = classic_config", *names)

    def start(self) -> None:
        """Start all at the same time: each waits for the others."""
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda node: node.start(), self.nodes))

    def address(self, parameters: str) -> str:
        """The address with all nodes; parameters hold for all."""
        urls = [node.url for node in self.nodes]
        return ";".join([f"{urls[0]}?{parameters}", *urls[1:]])

    def close(self) -> None:
        """Kill all; the port mapper of the first is that of all."""
        for node in reversed(self.nodes):
            node.close()
