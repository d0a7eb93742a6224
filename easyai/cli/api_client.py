"""Asks the API of a running easyai, for commands that do not find its database."""

from __future__ import annotations

import json
from http.client import HTTPConnection, HTTPException
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

if TYPE_CHECKING:
    from easyai.settings.schema import Settings

_SOON_SEC: Final = 3.0  # /readyz answers within 2 s
_REPORT_SEC: Final = 15.0
_ANY: Final = dict.fromkeys(("", "0.0.0.0", "::"), "127.0.0.1")  # noqa: S104


class ApiClient:
    """Asks the API at the address in the settings; never raises when the API does not answer."""

    def __init__(self, settings: Settings) -> None:
        own = settings.easyai
        self._host, self._port = _ANY.get(own.host, own.host), own.port
        shown = f"[{self._host}]" if ":" in self._host else self._host
        self.url = f"http://{shown}:{self._port}"

    def answers(self) -> bool:
        """Whether an easyai API answers at the address, ready for work or not."""
        body = self._json("/readyz", _SOON_SEC)
        return isinstance(body, dict) and isinstance(body.get("checks"), dict)

    def diagnosis(self, lang: str, probes: bool) -> dict[str, Any] | None:
        """The API's report as JSON; None when the API gives none."""
        report = self._json(self._report(lang, probes, "json"), _REPORT_SEC)
        return report if isinstance(report, dict) and "status" in report else None

    def diagnosis_text(self, lang: str, probes: bool, *, in_short: bool) -> str:
        """The API's report for people; '' when the API gives none."""
        form = "short" if in_short else "markdown"
        return self._get(self._report(lang, probes, form), _REPORT_SEC) or ""

    @staticmethod
    def _report(lang: str, probes: bool, form: str) -> str:
        query = urlencode({"lang": lang, "probes": str(probes).lower(), "format": form})
        return f"/api/v1/ai_analysis/diagnosis?{query}"

    def _json(self, path: str, limit_sec: float) -> Any:
        try:
            return json.loads(self._get(path, limit_sec) or "null")
        except ValueError:
            return None

    def _get(self, path: str, limit_sec: float) -> str | None:
        connection = HTTPConnection(self._host, self._port, timeout=limit_sec)
        try:
            connection.request("GET", path)
            return connection.getresponse().read().decode("utf-8", "replace")
        except (OSError, HTTPException):
            return None
        finally:
            connection.close()
