"""A gateway in front of easyai, with a documented configuration."""

from __future__ import annotations

import re
from collections.abc import Mapping

from tests.support.needs import program
from tests.support.server_process import ServerProcess
from tests.support.waiting import accepts_connections

NGINX, CADDY = "nginx", "caddy"


class Gateway(ServerProcess):
    """nginx or Caddy; raises MissingError if the program is not installed.

    `replaced`: numbers and names of the configuration, with those that stand for them here;
    "{port}" in the latter is the port of the gateway.
    """

    name = "gateway"

    def __init__(self, kind: str, configuration: str, replaced: Mapping[str, str]) -> None:
        super().__init__()
        self._kind = kind
        self._program = program(kind, kind)
        self._text = configuration
        for old, new in replaced.items():
            here = new.replace("{port}", str(self.port))
            self._text = re.sub(rf"(?<!\d){re.escape(old)}(?!\d)", here, self._text)

    def command(self) -> list[str]:
        """In the foreground, everything in the folder of the test."""
        own = self.folder / "own.conf"
        own.write_text(self._text, encoding="utf-8")
        if self._kind == CADDY:
            return [self._program, "run", "--config", str(own), "--adapter", "caddyfile"]
        places = "".join(
            f"{name}_temp_path {self.folder}/{name};"
            for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        whole = self.folder / "whole.conf"
        whole.write_text(
            f"daemon off; pid {self.folder}/pid; error_log stderr; events {{}} "
            f"http {{ access_log off; {places} include {own}; }}",
            encoding="utf-8",
        )
        return [self._program, "-c", str(whole), "-p", str(self.folder), "-e", "stderr"]

    def environment(self) -> dict[str, str]:
        """Caddy keeps state below the home."""
        return super().environment() | {"HOME": str(self.folder)}

    def answers(self) -> bool:
        """Whether the port is open."""
        return accepts_connections(self.port)
