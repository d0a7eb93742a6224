"""A real object store with the S3 API, OpenStack Swift, on loopback."""

from __future__ import annotations

import sys
from pathlib import Path

from easyai.store.condition_names import DELETE, TARGET
from tests.support.object_server import ObjectServer

PAGE = 7  # keys in a page of a listing: small, so that every test pages


class SwiftServer(ObjectServer):
    """Swift with a single disk in a folder."""

    name = "swift"
    access_key, secret_key = "test:tester", "testing"
    viewer_access_key, viewer_secret_key = "test:viewer", "viewing"
    # It refuses to copy to a name that is free as well.
    ignores = (DELETE, TARGET)
    host = "127.0.0.1"  # where it listens

    def __init__(self, region: str = "us-east-1", page: int = PAGE) -> None:
        super().__init__()
        self.region, self._page = region, page

    def command(self) -> list[str]:
        """All of Swift in a single process."""
        program = str(Path(__file__).with_name("swift_process.py"))
        options = [str(self.folder), str(self.port), self.region, str(self._page)]
        options.append(self.host)
        return [sys.executable, program, *options]
