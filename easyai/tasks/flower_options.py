"""The defaults of ``celery -A easyai flower``.

Without them, Flower listens on all addresses, remembers 100,000 tasks (half a gigabyte) and lists
tasks without their arguments. Each default is a FLOWER_… variable: ``flowerconfig.py`` and the
command line win over it, as Flower documents.
"""

from __future__ import annotations

import ipaddress
from collections.abc import MutableMapping, Sequence
from typing import Final

from easyai.settings.file import text_of

_DEFAULTS: Final = {
    "FLOWER_ADDRESS": "127.0.0.1",
    "FLOWER_MAX_TASKS": "10000",
    "FLOWER_TASKS_COLUMNS": "name,args,result,state,received,runtime,worker,uuid",
}
_LOGIN: Final = "FLOWER_BASIC_AUTH"
_LOGIN_FILE: Final = "FLOWER_BASIC_AUTH_FILE"
_OPEN_API: Final = "FLOWER_UNAUTHENTICATED_API"


def set_flower_defaults(environ: MutableMapping[str, str], arguments: Sequence[str]) -> list[str]:
    """Set the options that the operator left open; returns warnings about open access to Flower.

    FLOWER_BASIC_AUTH_FILE names a file with user:password, for secrets of containers. Raises
    SettingsError when that file cannot be read.
    """
    path = environ.get(_LOGIN_FILE)
    if path and not environ.get(_LOGIN):
        environ[_LOGIN] = text_of(_LOGIN_FILE, path)
    for name, value in _DEFAULTS.items():
        if not environ.get(name):
            environ[name] = value
    return _warnings(environ, arguments)


def _warnings(environ: MutableMapping[str, str], arguments: Sequence[str]) -> list[str]:
    if any(_given(name, environ, arguments) for name in ("basic_auth", "auth", "conf")):
        return []  # Flower reads a file that --conf names later
    warnings = []
    address = _given("address", environ, arguments)
    if not _given("unix_socket", environ, arguments) and not _is_loopback(address):
        warnings.append(
            f"Flower listens on {address or 'all addresses'} without a password: whoever reaches "
            "its port sees tasks, workers and settings; set FLOWER_BASIC_AUTH=user:password, or "
            "FLOWER_BASIC_AUTH_FILE to a file with it"
        )
    if environ.get(_OPEN_API, "").lower() in ("1", "true", "yes", "on", "t", "y"):
        warnings.append(
            f"{_OPEN_API} is set and Flower has no password: whoever reaches its port, and every "
            "web page that a browser of this machine opens, may shut down workers; unset it and "
            "set FLOWER_BASIC_AUTH=user:password"
        )
    return warnings


def _given(option: str, environ: MutableMapping[str, str], arguments: Sequence[str]) -> str:
    """The value of an option: the last value on the command line, else that of the variable."""
    value = environ.get(f"FLOWER_{option.upper()}", "")
    for argument in arguments:
        name, equals, text = argument.lstrip("-").partition("=")
        if equals and name.replace("-", "_") == option:
            value = text
    return value


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"
