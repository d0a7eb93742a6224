"""Hides passwords and tokens in texts and URLs before a text is logged or shown."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

HIDDEN: Final = "********"
_LONGEST_ENDPOINT: Final = 200
# Greedy up to the last '@' of a word: a password may hold '@' and ':' itself, and a user may be a
# mail address.
_PASSWORD = re.compile(r"(://[^\s:/]*):\S*@")
# Stops at the host: a path may hold ':' and '@', and stays unchanged.
_CREDENTIALS = re.compile(r"([a-z][a-z0-9+.-]*://[^\s:/?#]*):[^\s/?#]*@", re.IGNORECASE)
# Parameters as services take them in their endpoints. Not `key` alone, which may mean anything.
_QUERY_SECRET = re.compile(
    r"([?&](?:[\w.-]*(?:password|passwd|pwd|secret|token)|[\w.-]*(?:api|access)[_-]?key)=)"
    r"[^&#\s]*",
    re.IGNORECASE,
)
_PARAMETER = re.compile(
    r"([?&;](?:[\w.-]*password|passwd|pwd|secret|token|key)=)[^&;\s]*", re.IGNORECASE
)


def hide_secrets(text: str) -> str:
    """The text with the passwords of URLs hidden."""
    return _PARAMETER.sub(rf"\1{HIDDEN}", _PASSWORD.sub(rf"\1:{HIDDEN}@", text))


def hide_credentials(text: str) -> str:
    """The text with the passwords and tokens of URLs hidden, such as the URLs of endpoints."""
    if "@" in text:
        text = _CREDENTIALS.sub(rf"\1:{HIDDEN}@", text)
    return _QUERY_SECRET.sub(rf"\1{HIDDEN}", text) if "?" in text else text


@lru_cache(maxsize=4096)
def endpoint_label(url: str) -> str:
    """An endpoint as metrics name it, in 200 characters: without user, password and tokens.

    The label of a label is the same label.
    """
    url = hide_credentials(url)  # before the cut, which would leave half of a token
    try:
        parts = urlsplit(url)
    except ValueError:
        return url[:_LONGEST_ENDPOINT]
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=host).geturl()[:_LONGEST_ENDPOINT]
