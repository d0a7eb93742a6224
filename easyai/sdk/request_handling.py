"""A request from body to answer: parse, download, call the author's function, shape."""

import json
import logging
import threading
import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Self

from easyai.sdk.call_counters import Statistics
from easyai.sdk.detection import DetectFunction, to_result
from easyai.sdk.download import Downloader
from easyai.sdk.picture import Picture
from easyai.sdk.service_errors import PictureError, RequestError, UnavailableError

log = logging.getLogger(__name__)

Reply = tuple[HTTPStatus, dict[str, Any]]

# The server never sends more than max_concurrency frames at once, so only a caller that ignores the
# limit waits for a slot. It must get the error before its own timeout.
_SLOT_TIMEOUT_SEC = 30.0


@dataclass(frozen=True)
class InferRequest:
    """The keys of a request that a service needs; other keys are ignored."""

    image_url: str
    task_type: str
    task_id: str
    image_path: str
    algo_config: dict[str, Any] | None

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """Read a request body; raises RequestError that names the wrong key."""
        try:
            data = json.loads(body)
        except (ValueError, RecursionError):  # ValueError: also for a body that is not UTF-8
            raise RequestError("the body is not JSON") from None
        if not isinstance(data, dict):
            raise RequestError("the body must be a JSON object")
        config = data.get("algo_config")
        if config is not None and not isinstance(config, dict):
            raise RequestError("algo_config must be an object or null")
        texts = {key: _text(data, key) for key in ("task_type", "task_id", "image_path")}
        return cls(image_url=_http_url(data), algo_config=config, **texts)


class Inference:
    """Answers requests with the author's function, with at most `max_concurrency` calls at once."""

    def __init__(
        self,
        detect: DetectFunction,
        downloader: Downloader,
        statistics: Statistics,
        max_concurrency: int,
        max_pixels: int,
    ) -> None:
        self._detect = detect
        self._max_pixels = max_pixels
        self._downloader = downloader
        self._statistics = statistics
        self._slots = threading.BoundedSemaphore(max_concurrency)

    def reply(self, body: bytes) -> Reply:
        """Return status and JSON object for a request body; never raises."""
        started = time.perf_counter()
        try:
            request = InferRequest.parse(body)
            return self._reply(request)
        except RequestError as error:
            return HTTPStatus.BAD_REQUEST, failure(str(error))
        finally:
            self._statistics.count_request(_ms_since(started))

    def _reply(self, request: InferRequest) -> Reply:
        frame = request.image_path
        try:
            return HTTPStatus.OK, self._infer(request)
        except PictureError as error:
            log.warning("frame %s fails: %s", frame, error)
            return HTTPStatus.OK, failure(str(error))
        except UnavailableError as error:
            log.warning("frame %s cannot be inferred now: %s", frame, error)
            return HTTPStatus.SERVICE_UNAVAILABLE, failure(str(error))
        except Exception as error:
            log.exception("frame %s fails in the detection function, the service goes on", frame)
            return HTTPStatus.OK, failure(f"{type(error).__name__}: {error}")

    def _infer(self, request: InferRequest) -> dict[str, Any]:
        picture = Picture(
            content=self._downloader.fetch(request.image_url),
            task_type=request.task_type,
            task_id=request.task_id,
            image_path=request.image_path,
            algo_config=request.algo_config,
            max_pixels=self._max_pixels,
        )
        # A broken or huge picture fails here, even if the function decodes it by itself or never.
        picture.check_pixels()
        if not self._slots.acquire(timeout=_SLOT_TIMEOUT_SEC):
            raise UnavailableError("busy: more requests at once than max_concurrency")
        try:
            started = time.perf_counter()
            result, confidence = to_result(self._detect(picture))
            inference_ms = _ms_since(started)
        finally:
            self._slots.release()
        self._statistics.count_inference(inference_ms)
        return {
            "success": True,
            "result": result,
            "confidence": confidence,
            "inference_time_ms": round(inference_ms, 3),
        }


def failure(message: str) -> dict[str, Any]:
    """Return the wire's form of an error."""
    return {"success": False, "error": message}


def _ms_since(started: float) -> float:
    return (time.perf_counter() - started) * 1000


def _text(data: dict[str, Any], key: str) -> str:
    value = data.get(key, "")
    if not isinstance(value, str):
        raise RequestError(f"{key} must be a string")
    return value


def _http_url(data: dict[str, Any]) -> str:
    url = _text(data, "image_url")
    if not url.startswith(("http://", "https://")):
        raise RequestError("image_url must be an http or https URL")
    return url
