"""`make audit` is green only when the advisories of every locked version were read."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


class _Advisories(BaseHTTPRequestHandler):
    """Answers as OSV does: a single advisory, on celery."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["package"]["name"]
        package = {"name": asked, "ecosystem": "PyPI"}
        events = [{"introduced": "0"}, {"fixed": "999"}]
        advisory = {
            "id": "GHSA-test",
            "summary": "a test",
            "details": "a test",
            "modified": "2026-01-01T00:00:00Z",
            "affected": [{"package": package, "ranges": [{"type": "ECOSYSTEM", "events": events}]}],
        }
        body = json.dumps({"vulns": [advisory]} if asked == "celery" else {}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def advisories() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Advisories)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1/query"
    server.shutdown()
    server.server_close()
    thread.join(5)


def _audit(url: str) -> subprocess.CompletedProcess[str]:
    command = ["scripts/audit", sys.prefix, "--vulnerability-service", "osv", "--osv-url", url]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)


def test_audit_names_vulnerable_packages_and_fails(advisories: str) -> None:
    done = _audit(advisories)
    assert done.returncode == 1, done.stderr
    assert "celery" in done.stdout
    assert "GHSA-test" in done.stdout
    assert "make lock" in done.stderr


def test_audit_without_advisories_fails_and_reports_that_nothing_was_checked() -> None:
    done = _audit("http://127.0.0.1:1/v1/query")  # nobody listens there
    assert done.returncode == 2
    assert "NOTHING WAS CHECKED" in done.stderr
    assert "no known vulnerability" not in done.stdout
    assert "Traceback" not in done.stderr
