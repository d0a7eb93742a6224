"""The engine of a PostgreSQL database: direct, behind a pooler such as PgBouncer, or of several.

What easyai relies on is in force in each of its transactions, and nothing is left behind in a
session: behind a pooler in transaction mode the next transaction of a connection may run in another
one, and somebody else's in this (docs/databases.md).
"""

from __future__ import annotations

import time
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.engine.interfaces import ExceptionContext
from sqlalchemy.exc import DisconnectionError

from easyai.db import clock
from easyai.domain.reason import Reason
from easyai.errors import DatabaseUnavailableError

READ_ONLY: Final = "25006"  # the state of an error: a standby, or a server that was demoted

_PING_AFTER_SEC: Final = 1.0
# force_custom_plan: a plan kept since the tables were empty reads all of them later.
_SETTINGS: Final = {
    "lock_timeout": "15s",
    "idle_in_transaction_session_timeout": "10s",
    "plan_cache_mode": "force_custom_plan",
}
_OPTIONS: Final = " ".join(f"-c {name}={value}" for name, value in _SETTINGS.items())
_IN_FORCE: Final = " AND ".join(
    f"current_setting('{name}') = '{value}'" for name, value in _SETTINGS.items()
)
# A picture is deleted right after the commit that says so: a server that answers before its log is
# written would forget the commit when it is killed. Other levels are the operator's choice.
_COMMIT: Final = """
    SELECT set_config('synchronous_commit', 'on', {local})
     WHERE current_setting('synchronous_commit') = 'off'
"""
_ASK: Final = f"""
    SELECT pg_backend_pid(), {_IN_FORCE}, current_setting('synchronous_commit') <> 'off'
"""
_COMMIT_OF_SESSION: Final = _COMMIT.format(local="false")
_SET_LOCAL: Final = "; ".join(
    [
        *(f"SET LOCAL {name} = '{value}'" for name, value in _SETTINGS.items()),
        _COMMIT.format(local="true"),
    ]
)
_UNSUPPORTED: Final = "unsupported startup parameter"  # PgBouncer's words
_OWN_REFUSED: Final = Reason("database.options_refused")
#: Of a connection: its transactions begin with `_SET_LOCAL`.
_NEEDS_SETTINGS: Final = "easyai_needs_settings"


def postgresql_engine(url: str) -> Engine:
    """The engine; connections that are lost or read-only are made anew."""
    # Keepalives notice a server that vanished without a word, within half a minute.
    own_options = make_url(url).query.get("options", "")
    connect_args: dict[str, Any] = {
        "connect_timeout": 5,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 20_000,
        "options": f"{own_options} {_OPTIONS}".strip(),
    }
    if _has_several_hosts(url) and "target_session_attrs" not in make_url(url).query:
        connect_args["target_session_attrs"] = "read-write"  # the primary, whichever that is now
    engine = create_engine(url, pool_timeout=10, connect_args=connect_args)
    event.listen(engine, "do_connect", _Connecting(has_own_options=bool(own_options)))
    event.listen(engine, "connect", _configure)
    event.listen(engine, "begin", _begin)
    event.listen(engine, "handle_error", _drop_read_only)
    _ping_after_idling(engine)
    return engine


def _has_several_hosts(url: str) -> bool:
    hosts = make_url(url).query.get("host", "")
    return isinstance(hosts, tuple) or "," in hosts


class _Connecting:
    """Connects; without our options where a pooler refuses them, as it did once.

    Never without the operator's own: they may name the schema, and without them easyai would work
    on the tables of another one. Raises DatabaseUnavailableError then.
    """

    def __init__(self, *, has_own_options: bool) -> None:
        self._has_own_options = has_own_options
        self._refuses = False

    def __call__(self, dialect: Any, _record: Any, arguments: Any, options: dict[str, Any]) -> Any:
        if not self._refuses:
            try:
                return dialect.connect(*arguments, **options)
            except dialect.loaded_dbapi.OperationalError as error:
                if _UNSUPPORTED not in str(error) or not options["options"]:
                    raise
                if self._has_own_options:
                    raise DatabaseUnavailableError(_OWN_REFUSED) from error
            self._refuses = True
        return dialect.connect(*arguments, **{**options, "options": ""})


def _configure(connection: Any, record: Any) -> None:
    """Make a new connection ready; closed when that fails, as by a pooler without its server."""
    try:
        record.info[_NEEDS_SETTINGS] = _needs_settings(connection)
    except BaseException:
        connection.close()
        raise
    # No ping now: one that fails with a new connection, too, raises what is no error of the driver.
    record.info["used_at"] = time.monotonic()


def _needs_settings(connection: Any) -> bool:
    """Find out what is at the other end: whether each transaction has to bring its settings.

    A pooler tells its clients a process of its own. A role may have our settings as its defaults
    (ALTER ROLE): then they need not be set in each transaction. A direct connection has them from
    its options, but not where a pooler refused these before: the address may lead elsewhere now.
    """
    process, in_force, commits_safely = connection.execute(_ASK).fetchone()
    if process != connection.info.backend_pid:
        connection.prepare_threshold = None  # the session of the next transaction has not seen it
        in_force = in_force and commits_safely
    else:
        connection.execute(_COMMIT_OF_SESSION)
    connection.commit()
    return not in_force


def _begin(conn: Connection) -> None:
    clock.forget(conn)
    if conn.info.get(_NEEDS_SETTINGS):
        conn.exec_driver_sql(_SET_LOCAL)


def _drop_read_only(context: ExceptionContext) -> None:
    """After a failover the server behind a connection may be a standby: look for the new primary.

    With all connections of the pool, for they lead to the same server.
    """
    if getattr(context.original_exception, "sqlstate", None) == READ_ONLY:
        context.is_disconnect = True


def _ping_after_idling(engine: Engine) -> None:
    """Try a connection before use, unless it was in use a moment ago.

    A ping before every transaction costs a twentieth of the throughput.
    """

    def checked_out(connection: Any, record: Any, _proxy: Any) -> None:
        if time.monotonic() - record.info.get("used_at", 0.0) < _PING_AFTER_SEC:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise DisconnectionError from error  # the pool makes a new one

    def checked_in(_connection: Any, record: Any) -> None:
        record.info["used_at"] = time.monotonic()

    event.listen(engine, "checkout", checked_out)
    event.listen(engine, "checkin", checked_in)
