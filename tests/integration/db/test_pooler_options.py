"""A pooler that refuses connection options, as PgBouncer does with its default settings."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import text

from easyai.db import migrate
from easyai.db.session import Database
from easyai.errors import DatabaseUnavailableError

_FIELDS = (b"SFATAL", b"C08P01", b"Munsupported startup parameter: options")


class _FakePooler(socketserver.BaseRequestHandler):
    """A fake: it refuses every connection in PgBouncer's words, and counts the attempts.

    tests/production/databases uses a real PgBouncer, which `make test` does not need.
    """

    starts = 0

    def handle(self) -> None:
        while start := self.request.recv(4096):
            if start[4:8] in (b"\x04\xd2\x16\x2f", b"\x04\xd2\x16\x30"):
                self.request.sendall(b"N")  # neither TLS nor GSS
                continue
            type(self).starts += 1
            body = b"".join(field + b"\0" for field in _FIELDS) + b"\0"
            self.request.sendall(b"E" + (len(body) + 4).to_bytes(4, "big") + body)
            return


@pytest.fixture
def pooler() -> Iterator[str]:
    """The URL of a database behind the fake pooler."""
    _FakePooler.starts = 0
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _FakePooler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"postgresql+psycopg://easyai@127.0.0.1:{server.server_address[1]}/easyai"
        server.shutdown()
        thread.join()


def test_connection_options_of_the_operator_are_never_dropped(pooler: str) -> None:
    url = f"{pooler}?options=-csearch_path%3Dsite"
    database = Database(url)
    with pytest.raises(DatabaseUnavailableError, match=r"\?options=.*ALTER ROLE"), database.read():
        pass
    database.dispose()
    assert _FakePooler.starts == 1, "not once more without them"
    with pytest.raises(DatabaseUnavailableError, match=r"\?options=.*ALTER ROLE"):
        migrate.upgrade(url)


def test_own_connection_options_are_dropped_when_a_pooler_refuses_them(pooler: str) -> None:
    database = Database(pooler)
    with pytest.raises(DatabaseUnavailableError, match="unsupported startup"), database.read():
        pass
    database.dispose()
    assert _FakePooler.starts == 2, "with them and without them"


def test_own_settings_hold_after_a_refusing_pooler_was_removed(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Afterwards the same address leads directly to PostgreSQL, or to another host of the URL."""
    database = Database(postgres_url)
    dialect = database.engine.dialect
    connect = dialect.connect
    refused: list[str] = []

    def refusing_once(*arguments: Any, **options: Any) -> Any:
        """A fake of the pooler's refusal; later connections go to the real server."""
        if not refused:
            refused.append(options["options"])
            raise dialect.loaded_dbapi.OperationalError("unsupported startup parameter: options")
        return connect(*arguments, **options)

    monkeypatch.setattr(dialect, "connect", refusing_once)
    settings = ("lock_timeout", "idle_in_transaction_session_timeout", "plan_cache_mode")
    ask = text("SELECT " + ", ".join(f"current_setting('{name}')" for name in settings))
    for _ in range(2):
        with database.read() as conn:
            assert tuple(conn.execute(ask).one()) == ("15s", "10s", "force_custom_plan")
    database.dispose()
    assert len(refused) == 1
