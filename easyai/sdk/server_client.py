"""The calls a service makes to the easyai server."""

from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import requests

from easyai.sdk.download import without_query
from easyai.sdk.sdk_version import version
from easyai.sdk.service_errors import (
    ServerRefusedError,
    ServerUnreachableError,
    ServiceNotFoundError,
)

_PREFIX = "/api/v1/ai_analysis"
_TIMEOUT_SEC = 5.0


class ServerClient:
    """Registers, reports and unregisters an endpoint."""

    def __init__(self, server: str, registration: dict[str, Any]) -> None:
        """Call `server`, e.g. http://127.0.0.1:5066, for the endpoint in `registration`."""
        self._base = server.rstrip("/") + _PREFIX
        self._registration = registration
        # By endpoint, not by service_id: other processes may serve under the same id. This process
        # must neither hide their silence nor unregister them.
        self._id = quote(registration["endpoint"], safe="")
        self._session = requests.Session()
        self._session.headers["User-Agent"] = f"easyai-sdk/{version()}"
        self._session.trust_env = False  # the server is in the local network, not behind a proxy

    def register(self) -> None:
        """Register the endpoint; raises ServerError."""
        self._call("POST", "/register", self._registration)

    def heartbeat(self, statistics: dict[str, Any]) -> None:
        """Report life and statistics. Raises ServerError, also for an unknown endpoint."""
        self._call("POST", f"/heartbeat/{self._id}", statistics)

    def unregister(self) -> None:
        """Unregister the endpoint; raises ServerError."""
        self._call("DELETE", f"/unregister/{self._id}", None)

    def close(self) -> None:
        """Close the connection."""
        self._session.close()

    def _call(self, method: str, path: str, body: dict[str, Any] | None) -> None:
        try:
            response = self._session.request(
                method, self._base + path, json=body, timeout=_TIMEOUT_SEC, allow_redirects=False
            )
        except requests.RequestException as error:
            where = without_query(self._base)
            raise ServerUnreachableError(f"{where}: {type(error).__name__}") from error
        answer = _json_object(response)
        if response.status_code == HTTPStatus.OK and answer.get("ok") is True:
            return
        error_text = str(answer.get("error", ""))
        if "service not found" in error_text:
            raise ServiceNotFoundError(error_text)
        if not error_text:
            error_text = "not an answer of easyai: does the address lead to its API?"
        raise ServerRefusedError(f"status {response.status_code}: {error_text}")


def _json_object(response: requests.Response) -> dict[str, Any]:
    try:
        answer = response.json()
    except requests.JSONDecodeError:
        return {}
    return answer if isinstance(answer, dict) else {}
