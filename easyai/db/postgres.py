"""The engine of a PostgreSQL database: direct, behind a pooler such as PgBouncer, or several hosts.

The settings that easyai needs are in force in each of its transactions, and it leaves nothing
behind in a session. Behind a pooler in transaction mode the next transaction of a connection may
run in another session, and another client's transaction in this session (docs/databases.md).
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

READ_ONLY: Final = "25006"  # SQLSTATE of errors of a standby, or of a demoted server

_PING_AFTER_SEC: Final = 1.0
# force_custom_plan: a plan cached while the tables were empty reads whole tables later.
_SETTINGS: Final = {
    "lock_timeout": "15s",
    "idle_in_transaction_session_timeout": "10s",
    "plan_cache_mode": "force_custom_plan",
}
_OPTIONS: Final = " ".join(f"-c {name}={value}" for name, value in _SETTINGS.items())
_IN_FORCE: Final = " AND ".join(
    f"current_setting('{name}') = '{value}'" for name, value in _SETTINGS.items()
)
# A picture is deleted right after the commit that records the deletion. With `off` the server
# answers before its log is written, and would lose the commit when it is killed. Other levels are
# the operator's choice.
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
_UNSUPPORTED: Final = "unsupported startup parameter"  # in PgBouncer's message
_OWN_REFUSED: Final = Reason("database.options_refused")
#: Key in a connection's info: whether its transactions begin with `_SET_LOCAL`.
_NEEDS_SETTINGS: Final = "easyai_needs_settings"


def postgresql_engine(url: str) -> Engine:
    """The engine; replaces connections that are lost or read-only."""
    # Keepalives detect within half a minute that a server has vanished silently.
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
        connect_args["target_session_attrs"] = "read-write"  # the present primary
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
    """Connects; without our options once a pooler has refused them.

    Raises DatabaseUnavailableError when a pooler refuses the operator's own options. These options
    may name the schema, and without them easyai would work on the tables of another schema.
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
    """Prepare a new connection; close it on an error, such as a pooler without its server."""
    try:
        record.info[_NEEDS_SETTINGS] = _needs_settings(connection)
    except BaseException:
        connection.close()
        raise
    # No ping now: if it failed on a new connection too, it would raise no error of the driver.
    record.info["used_at"] = time.monotonic()


def _needs_settings(connection: Any) -> bool:
    """Find out whether the connection is direct and each transaction must set our settings.

    A pooler reports a process id of its own to its clients. A role may have our settings as its
    defaults (ALTER ROLE): then a transaction need not set them. A direct connection has the
    settings from its options, unless a pooler refused the options before: the address may lead to
    another server now.
    """
    process, in_force, commits_safely = connection.execute(_ASK).fetchone()
    if process != connection.info.backend_pid:
        connection.prepare_threshold = None  # the next session lacks the prepared statements
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
    """Disconnect from a standby, so that the next connection finds the new primary.

    After a failover the server behind a connection may be a standby. All connections of the pool
    are closed, because they lead to the same server.
    """
    if getattr(context.original_exception, "sqlstate", None) == READ_ONLY:
        context.is_disconnect = True


def _ping_after_idling(engine: Engine) -> None:
    """Ping a connection before use, unless it was in use a moment ago.

    A ping before every transaction costs a twentieth of the throughput.
    """

    def checked_out(connection: Any, record: Any, _proxy: Any) -> None:
        if time.monotonic() - record.info.get("used_at", 0.0) < _PING_AFTER_SEC:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise DisconnectionError from error  # the pool makes a new connection

    def checked_in(_connection: Any, record: Any) -> None:
        record.info["used_at"] = time.monotonic()

    event.listen(engine, "checkout", checked_out)
    event.listen(engine, "checkin", checked_in)
