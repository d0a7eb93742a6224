"""The wire contract with the standard library alone, to copy into any language.

It "detects" only the size of the file: a frame of at least --min-bytes gets one object as large as
the picture, a smaller frame gets none. A JPEG of an empty wall is small, a JPEG of a busy street is
large, but the service does not read pixels, because the standard library cannot decode them. It
reads the picture's width and height from the header.

    python examples/plain_service.py --server http://127.0.0.1:5066 --port 9100

It does everything that a service must do: register, send heartbeats, register again when the
server does not know it, answer POST /infer and GET /health, unregister at the end.
"""

import argparse
import json
import signal
import struct
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote

MAX_PICTURE_BYTES = 50 * 1024 * 1024
MAX_REQUEST_BYTES = 4 * 1024 * 1024
RETRY_SEC = 2.0

# The server and its pictures are in the local network: no proxy.
web = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class FrameError(Exception):
    """The frame fails, with the message as its reason."""


# ---- The picture ---------------------------------------------------------------------------


def picture_size(content: bytes) -> tuple[int, int]:
    """Return (width, height) from the header of a PNG or JPEG; raises FrameError."""
    try:
        if content[:8] == b"\x89PNG\r\n\x1a\n":
            width, height = struct.unpack(">II", content[16:24])
            return width, height
        if content[:2] == b"\xff\xd8":
            return jpeg_size(content)
    except struct.error:
        raise FrameError("the picture ends within its header") from None
    raise FrameError("not a JPEG or PNG picture")


def jpeg_size(content: bytes) -> tuple[int, int]:
    """Read the segments of a JPEG up to the segment with its size."""
    at = 2
    while content[at : at + 1] == b"\xff":
        marker, length = struct.unpack(">BH", content[at + 1 : at + 4])
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", content[at + 5 : at + 9])
            return width, height
        at += 2 + length
    raise FrameError("the JPEG has no frame header")


def download(url: str) -> bytes:
    """Get the picture; error messages omit the URL's query, because it is a signature."""
    if not url.startswith(("http://", "https://")):
        raise FrameError("image_url is not an http URL")
    try:
        with web.open(url, timeout=10) as response:
            content: bytes = response.read(MAX_PICTURE_BYTES + 1)
    except (OSError, ValueError) as error:  # OSError: also urllib's errors and timeouts
        status = getattr(error, "code", type(error).__name__)
        raise FrameError(f"cannot download the picture: {status}") from None
    if len(content) > MAX_PICTURE_BYTES:
        raise FrameError("the picture is too large")
    return content


# ---- The service ---------------------------------------------------------------------------


class PlainService(ThreadingHTTPServer):
    """POST /infer and GET /health, with the numbers of a heartbeat."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], min_bytes: int) -> None:
        self.min_bytes = min_bytes
        self.lock = threading.Lock()
        self.total_requests = 0
        self.sum_ms = 0.0
        self.last_ms = 0.0
        super().__init__(address, Handler)

    def infer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return the answer for one frame; unknown keys of the request are ignored."""
        content = download(str(request.get("image_url", "")))
        started = time.perf_counter()
        width, height = picture_size(content)
        objects = []
        if len(content) >= self.min_bytes:
            box = [0, 0, width, height]
            objects.append({"bbox": box, "label": "large file", "confidence": 0.5})
        inference_ms = (time.perf_counter() - started) * 1000
        self.count(inference_ms)
        return {
            "success": True,
            "result": {"total_count": len(objects), "objects": objects},
            "confidence": 0.5 if objects else 0.0,
            "inference_time_ms": inference_ms,
        }

    def count(self, inference_ms: float) -> None:
        """Record one inference."""
        with self.lock:
            self.total_requests += 1
            self.sum_ms += inference_ms
            self.last_ms = inference_ms

    def statistics(self) -> dict[str, Any]:
        """Return the body of a heartbeat."""
        with self.lock:
            return {
                "total_requests": self.total_requests,
                "avg_inference_time_ms": self.sum_ms / max(1, self.total_requests),
                "last_inference_time_ms": self.last_ms,
                "last_total_time_ms": self.last_ms,
            }


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 75
    server: PlainService

    def do_GET(self) -> None:
        """Answer /health: the server calls it when heartbeats are missing."""
        self.reply(200, {"status": "ok", **self.server.statistics()})

    def do_POST(self) -> None:
        """Answer /infer: an error of a frame is status 200 and success false."""
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > MAX_REQUEST_BYTES:
            self.close_connection = True  # the body stays unread
            self.reply(400, {"success": False, "error": "send a JSON body with its length"})
            return
        try:
            request = json.loads(self.rfile.read(int(length)))
        except ValueError:
            self.reply(400, {"success": False, "error": "the body is not JSON"})
            return
        if self.path != "/infer" or not isinstance(request, dict):
            self.reply(400, {"success": False, "error": "POST a JSON object to /infer"})
            return
        try:
            self.reply(200, self.server.infer(request))
        except FrameError as error:
            self.reply(200, {"success": False, "error": str(error)})

    def reply(self, status: int, answer: dict[str, Any]) -> None:
        """Send a JSON object."""
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
        """Do not print a line per frame."""


# ---- Its registration at the server --------------------------------------------------------


def call(method: str, url: str, body: dict[str, Any] | None = None) -> int:
    """Return the HTTP status of a call to the server, 0 when it does not answer."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
    try:
        with web.open(request, timeout=5) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
    except OSError:
        return 0


def keep_registered(
    server: str,
    registration: dict[str, Any],
    service: PlainService,
    heartbeat_sec: float,
    stop: threading.Event,
) -> None:
    """Retry the registration, then send heartbeats; unregister when stopped.

    Requests name the service by its percent-encoded endpoint, so that they do not affect other
    endpoints of the same service_id.
    """
    api = server.rstrip("/") + "/api/v1/ai_analysis"
    endpoint = quote(registration["endpoint"], safe="")
    registered, pause, before = False, 0.0, -1
    while not stop.wait(pause):
        if registered:
            status = call("POST", f"{api}/heartbeat/{endpoint}", service.statistics())
            # 400 is "service not found": the server has lost the registration, so register again.
            registered = status != 400
        else:
            status = call("POST", f"{api}/register", registration)
            registered = status == 200
        if status != before:
            print(f"server answers {status or 'nothing'}, registered: {registered}", flush=True)
        before = status
        pause = heartbeat_sec if status == 200 else RETRY_SEC
    call("DELETE", f"{api}/unregister/{endpoint}")


def main() -> None:
    """Serve until SIGTERM or Ctrl-C."""
    options = parse_arguments()
    service = PlainService((options.host, options.port), options.min_bytes)
    registration = {
        "service_id": options.service_id,
        "name": "Plain service (standard library)",
        "task_types": [options.task_type],
        "endpoint": f"http://{options.host}:{service.server_address[1]}/infer",
        "version": "1.0.0",
    }
    print(f"serving at {registration['endpoint']}", flush=True)
    stop = threading.Event()
    registrar = threading.Thread(
        target=keep_registered,
        args=(options.server, registration, service, options.heartbeat_sec, stop),
    )
    registrar.start()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C
    try:
        service.serve_forever()
    except KeyboardInterrupt:
        print("stopping", flush=True)
    finally:
        stop.set()
        registrar.join()
        service.server_close()


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description="An easyai service with the standard library alone: shows the wire contract. "
        "Answers one object for a large file, none for a small one.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--server", default="http://127.0.0.1:5066", help="the easyai server")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=0, help="port to listen on, 0: any free one")
    parser.add_argument("--service-id", default="plain-service", help="name for the server")
    parser.add_argument("--task-type", default="人数统计", help="the task type to register for")
    parser.add_argument("--min-bytes", type=int, default=50_000, help="a file this large counts")
    parser.add_argument("--heartbeat-sec", type=float, default=30.0, help="between heartbeats")
    return parser.parse_args()


if __name__ == "__main__":
    main()
