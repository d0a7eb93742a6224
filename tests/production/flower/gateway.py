"""nginx with the location that docs/flower.md names."""

from __future__ import annotations

from pathlib import Path

from tests.support.needs import program
from tests.support.server_process import ServerProcess
from tests.support.waiting import accepts_connections

_PAGE = Path(__file__).parents[3] / "docs" / "flower.md"


class FlowerGateway(ServerProcess):
    """In the foreground, on loopback; only Flower's port is replaced."""

    name = "flower-gateway"

    def __init__(self, flower_port: int) -> None:
        super().__init__()
        self._flower_port = flower_port

    def command(self) -> list[str]:
        """A server with the documented location."""
        location = _PAGE.read_text(encoding="utf-8").partition("```nginx\n")[2].partition("```")[0]
        location = location.replace("5555", str(self._flower_port))
        folders = "".join(
            f"{name}_temp_path {self.folder}/{name};"
            for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        server = f"server {{ listen 127.0.0.1:{self.port}; {location} }}"
        config = self.folder / "nginx.conf"
        config.write_text(
            f"daemon off; pid {self.folder}/pid; error_log stderr; events {{}} "
            f"http {{ access_log off; {folders} {server} }}",
            encoding="utf-8",
        )
        nginx = program("nginx", "nginx")
        return [nginx, "-c", str(config), "-p", str(self.folder), "-e", "stderr"]

    def answers(self) -> bool:
        """It takes connections."""
        return accepts_connections(self.port)
