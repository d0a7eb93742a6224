"""The points of the wire contract that a service must meet."""

from collections.abc import Callable
from dataclasses import dataclass

from easyai.sdk.check import contract_points
from easyai.sdk.check.bench import Bench


@dataclass(frozen=True)
class ContractPoint:
    """A promise of a service."""

    name: str  # a short name, for --json and for people
    title: str  # the promise
    remedy: str  # the fix for the author when the promise is broken
    check: Callable[[Bench], str]  # returns the observation, raises BreachError


POINTS = (
    ContractPoint(
        "frame",
        "a valid frame is answered with status 200 and a JSON object",
        "answer POST at this path with JSON; errors of a frame are status 200, success false",
        contract_points.frame,
    ),
    ContractPoint(
        "fetch",
        "the picture is fetched from image_url exactly as sent",
        "GET image_url whole: its query is the signature; it needs no other credentials",
        contract_points.fetch,
    ),
    ContractPoint(
        "shape",
        "the answer has success true, an object result and confidences of 0..1",
        'answer {"success": true, "result": {...}, "confidence": 0.95, "inference_time_ms": 45.2}',
        contract_points.shape,
    ),
    ContractPoint(
        "inference-time",
        "inference_time_ms is a number",
        "measure the inference in milliseconds and send it as a number, not as a string",
        contract_points.inference_time,
    ),
    ContractPoint(
        "count",
        "result gives a detection count, the same as its list of boxes",
        "put total_count, count, num, detections or objects into result: without them the server "
        "counts 0 and may delete the frame; the first of them counts, so a count beside a list "
        "must be its length: leave the list out when nothing is located",
        contract_points.count,
    ),
    ContractPoint(
        "boxes",
        "boxes are x1,y1,x2,y2 in pixels within the picture",
        "scale boxes back from the model's input to the frame, and send corners",
        contract_points.boxes,
    ),
    ContractPoint(
        "algo-config",
        "a camera's algo_config object is accepted",
        "algo_config is an object, {} by default; use the regions you know and ignore the rest",
        contract_points.algo_config,
    ),
    ContractPoint(
        "extra-keys",
        "unknown keys in the request are ignored",
        "read the keys you need and let others pass",
        contract_points.extra_keys,
    ),
    ContractPoint(
        "chinese",
        "Chinese task types and cameras are understood",
        "read the body as UTF-8, whatever the locale",
        contract_points.chinese,
    ),
    ContractPoint(
        "missing-picture",
        "a picture that is gone (404) is answered with success false",
        'catch a failed download and answer {"success": false, "error": "..."}; give it a timeout',
        contract_points.missing_picture,
    ),
    ContractPoint(
        "broken-picture",
        "a picture that cannot be decoded is answered with success false",
        'check what the decoder returns and answer {"success": false, "error": "..."}',
        contract_points.broken_picture,
    ),
    ContractPoint(
        "garbage-json",
        "a body that is not JSON is refused, and the service goes on",
        "catch the parser's error and answer status 400",
        contract_points.garbage,
    ),
    ContractPoint(
        "concurrent",
        f"{contract_points.CONCURRENT_FRAMES} frames at the same time are all answered",
        "let requests wait for the model instead of refusing them; register max_concurrency",
        contract_points.concurrent,
    ),
    ContractPoint(
        "health",
        "GET /health is answered under status 500",
        "answer GET /health; the server asks it when heartbeats are missing",
        contract_points.health,
    ),
)
