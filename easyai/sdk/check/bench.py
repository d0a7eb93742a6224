"""The test bench of the contract points: requests to the service and its parsed answers."""

import json
import time
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import requests

from easyai.sdk.check.picture_host import PictureHost


class BreachError(Exception):
    """The service breaks a contract point; the message is the observation."""


class BlockedError(Exception):
    """A point cannot be judged, because another point fails; the message is that point's name."""


class UnreachableError(BreachError):
    """No connection to the service: nothing can be checked."""


@dataclass(frozen=True)
class Answer:
    """An HTTP answer of the service."""

    status: int
    data: dict[str, Any] | None  # the JSON object, None when the body is something else
    text: str  # the beginning of the body
    elapsed_ms: float

    def object(self) -> dict[str, Any]:
        """Return the JSON object of an answer with status 200; raises BreachError."""
        if self.status != 200:
            raise BreachError(f"status {self.status}: {self.text}")
        if self.data is None:
            raise BreachError(f"the body is not a JSON object: {self.text}")
        return self.data

    def success(self) -> dict[str, Any]:
        """Return the JSON object of an answer with success true; raises BreachError."""
        data = self.object()
        if data.get("success") is not True:
            raise BreachError(f"success is not true: {self.text}")
        return data


class Bench:
    """The service under test, with the pictures for its requests."""

    def __init__(
        self,
        url: str,
        pictures: PictureHost,
        picture_size: tuple[int, int],
        *,
        task_type: str = "人数统计",
        task_id: str = "check-camera",
        timeout_sec: float = 30.0,
    ) -> None:
        self.url = url
        self.pictures = pictures
        self.picture_size = picture_size
        self.timeout_sec = timeout_sec
        self._task_type = task_type
        self._task_id = task_id

    @property
    def valid(self) -> Answer:
        """The answer to the first valid frame, which several points examine.

        Raises BreachError without an answer. The frame is sent only once, because the answer may
        take the whole timeout.
        """
        if isinstance(self._first, BreachError):
            raise self._first
        return self._first

    @cached_property
    def _first(self) -> "Answer | BreachError":
        try:
            return self.infer(self.request())
        except UnreachableError:
            raise
        except BreachError as error:
            return error

    def request(
        self, kind: str = "good", task_type: str | None = None, task_id: str | None = None
    ) -> dict[str, Any]:
        """Return a request body of the server, for a `good`, `broken` or `missing` picture."""
        task_type = task_type or self._task_type
        task_id = task_id or self._task_id
        image_path = f"{task_type}/{task_id}/20250101-120000.000.jpg"
        return {
            "image_url": self.pictures.url(kind, image_path),
            "task_id": task_id,
            "task_type": task_type,
            "image_path": image_path,
            "algo_config": {},
            "algo_config_url": "",
        }

    def infer(self, request: dict[str, Any], *, ascii_only: bool = True) -> Answer:
        """Post a request; `ascii_only` writes Chinese as \\u escapes, else as plain UTF-8."""
        return self.post(json.dumps(request, ensure_ascii=ascii_only).encode())

    def post(self, body: bytes) -> Answer:
        """Post raw bytes as JSON; raises BreachError when no answer comes in time."""
        headers = {"Content-Type": "application/json"}
        return self._call("POST", self.url, data=body, headers=headers)

    def health(self) -> Answer:
        """Get /health at the origin of the URL."""
        parts = urlsplit(self.url)
        return self._call("GET", urlunsplit((parts.scheme, parts.netloc, "/health", "", "")))

    def _call(self, method: str, url: str, **options: Any) -> Answer:
        started = time.perf_counter()
        try:
            with requests.Session() as session:
                session.trust_env = False  # a proxy for the web is not part of the contract
                response = session.request(method, url, timeout=self.timeout_sec, **options)
        except requests.Timeout:
            raise BreachError(f"no answer within {self.timeout_sec:g} s") from None
        except requests.ConnectionError as error:
            if "NewConnectionError" in repr(error):
                raise UnreachableError(f"no connection to {url}") from None
            raise BreachError("the connection was closed without an answer") from None
        except requests.RequestException as error:
            raise BreachError(f"no readable answer: {type(error).__name__}") from None
        return _answer(response, (time.perf_counter() - started) * 1000)


def _answer(response: requests.Response, elapsed_ms: float) -> Answer:
    try:
        data = response.json()
    except requests.JSONDecodeError:
        data = None
    text = response.content[:200].decode("utf-8", "replace").strip() or "(empty body)"
    return Answer(response.status_code, data if isinstance(data, dict) else None, text, elapsed_ms)
