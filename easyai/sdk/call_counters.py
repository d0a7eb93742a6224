"""The counters that a service reports to the server with each heartbeat."""

import threading
from typing import Any


class Statistics:
    """Counters of a service since its start; safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._total_requests = 0
        self._inferences = 0
        self._inference_sum_ms = 0.0
        self._last_inference_ms = 0.0
        self._last_total_ms = 0.0

    def count_request(self, total_ms: float) -> None:
        """Count a request, answered in `total_ms` milliseconds, whatever the answer."""
        with self._lock:
            self._total_requests += 1
            self._last_total_ms = total_ms

    def count_inference(self, inference_ms: float) -> None:
        """Count a call of the author's function that returned after `inference_ms`."""
        with self._lock:
            self._inferences += 1
            self._inference_sum_ms += inference_ms
            self._last_inference_ms = inference_ms

    def as_heartbeat(self) -> dict[str, Any]:
        """Return the body of a heartbeat; times in milliseconds, 0 before the first inference."""
        with self._lock:
            average = self._inference_sum_ms / self._inferences if self._inferences else 0.0
            return {
                "total_requests": self._total_requests,
                "avg_inference_time_ms": round(average, 3),
                "last_inference_time_ms": round(self._last_inference_ms, 3),
                "last_total_time_ms": round(self._last_total_ms, 3),
            }
