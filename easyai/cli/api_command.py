"""``easyai api``: the API server alone."""

from __future__ import annotations

import logging
import os
import sys
from contextlib import suppress
from typing import Final

import click

EXAMPLES = """\b
Examples:
  easyai api                            on 127.0.0.1:5066
  easyai api --host 0.0.0.0             reachable from other machines
  easyai --config site.toml api --port 8080
"""

_SWITCH_SEC: Final = 0.0005  # Python's own: 5 ms
_NOT_STARTED: Final = 3  # as uvicorn has it
# The addresses of a gateway on this machine over IPv4, over IPv6 and over a socket for both.
_LOOPBACK: Final = "127.0.0.1,::1,::ffff:127.0.0.1"

log = logging.getLogger(__name__)


@click.command(epilog=EXAMPLES)
@click.option("--host", envvar="EASYAI_HOST", show_envvar=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    envvar="EASYAI_PORT",
    show_envvar=True,
    help="Port to listen on.",
)
def api(host: str | None, port: int | None) -> None:
    """Run the API server: one process, until Ctrl-C or SIGTERM.

    Defaults come from the settings: 127.0.0.1 and 5066.
    """
    for name, value in (("EASYAI_HOST", host), ("EASYAI_PORT", port)):
        if value is not None:
            os.environ[name] = str(value)
    _serve()


def _serve() -> None:
    # Imported here: a wrong option gets its error without waiting for the web framework.
    import uvicorn

    from easyai.api.connections import ConnectionLimits, bounded, most_connections, raise_file_limit
    from easyai.api.web_sockets import socket_options
    from easyai.cli.api_server import ApiServer
    from easyai.cli.link_warnings import link_warnings
    from easyai.messages.catalogue import text
    from easyai.process.database_library import library
    from easyai.process.supervisor_link import die_with_parent
    from easyai.settings import source as settings
    from easyai.supervisor.listening import open_sockets, shown
    from easyai.system import logs

    if os.environ.get("EASYAI_SUPERVISED") == "1":
        die_with_parent()
    loaded = settings.load()
    own = loaded.easyai
    logs.set_up()
    logging.getLogger("alembic").setLevel(logging.WARNING)  # alembic logs every step of a check
    sockets = open_sockets(own.host, own.port)
    log.info("api starts: http://%s:%d (docs /docs)", shown(own.host or "*"), own.port)
    files = raise_file_limit()
    limits = ConnectionLimits(most_connections(files))
    log.info("api takes up to %d connections; open files: %d", limits.most, files)
    log.info("%s", text(library(own.effective_database_url).summary))
    if os.environ.get("EASYAI_SUPERVISED") != "1":  # `easyai up` has already printed the address
        for warning in link_warnings(loaded):
            log.warning("settings: %s", text(warning))
    config = uvicorn.Config(
        "easyai.dashboard.dashboard_app:create_app",
        factory=True,
        http=bounded(limits),
        access_log=False,
        log_config=None,
        log_level="warning",
        timeout_graceful_shutdown=8,
        forwarded_allow_ips=os.environ.get("FORWARDED_ALLOW_IPS", _LOOPBACK),
        timeout_keep_alive=5,
        backlog=1024,
        **socket_options(),
    )
    # A thread that waits for the interpreter gets it after this time: a list that is read takes it
    # from heartbeats and registrations many times for each of their statements.
    sys.setswitchinterval(_SWITCH_SEC)
    config.load_app()
    server = ApiServer(config)
    with suppress(KeyboardInterrupt):
        server.run(sockets=sockets)
    if not server.started:
        sys.exit(_NOT_STARTED)
