"""The check of each contract point: a function returns its observation or raises BreachError."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from easyai.sdk.check.bench import Answer, Bench, BlockedError, BreachError, UnreachableError
from easyai.sdk.check.results import check_boxes, check_confidences, detection_count, is_number

CONCURRENT_FRAMES = 4


def frame(bench: Bench) -> str:
    """A valid frame gets an answer."""
    try:
        bench.valid.object()
    except BreachError:
        if _asked_unsigned(bench):
            raise BlockedError("fetch") from None
        raise
    return f"{bench.valid.elapsed_ms:.0f} ms"


def fetch(bench: Bench) -> str:
    """The service downloads the picture from the exact URL of the request."""
    if not _asked_unsigned(bench):
        _object(bench)
    if bench.pictures.fetched("good"):
        return "fetched"
    if _asked_unsigned(bench):
        raise BreachError("the picture was asked for without the query of image_url")
    raise BreachError("the picture was never asked for")


def shape(bench: Bench) -> str:
    """The answer has the keys that the server reads."""
    if _object(bench).get("success") is not True and not bench.pictures.fetched("good"):
        raise BlockedError("fetch")
    data = bench.valid.success()
    if not isinstance(data.get("result"), dict):
        raise BreachError(f"result is not an object: {data.get('result')!r}")
    confidence = data.get("confidence")
    if not (is_number(confidence) and 0 <= confidence <= 1):
        raise BreachError(f"confidence is not a number within 0..1: {confidence!r}")
    check_confidences(data["result"])
    return f"confidence {confidence}"


def inference_time(bench: Bench) -> str:
    """The answer has the duration of the inference."""
    value = _success(bench).get("inference_time_ms")
    if not is_number(value) or value < 0:
        raise BreachError(f"inference_time_ms is not a number of at least 0: {value!r}")
    return f"{value} ms"


def count(bench: Bench) -> str:
    """The result gives a number of detections."""
    number = detection_count(_result(bench))
    return _counted(number, "detection", "detections")


def boxes(bench: Bench) -> str:
    """Boxes are pixels of the frame."""
    for key in ("detections", "objects"):
        if not isinstance(_result(bench).get(key, []), list):
            raise BlockedError("count")
    number = check_boxes(_result(bench), bench.picture_size)
    return _counted(number, "box", "boxes") if number else "no boxes in this answer: try --image"


def algo_config(bench: Bench) -> str:
    """A request may carry a camera's configuration."""
    _success(bench)
    region = {"type": "polygon", "name": "入口", "points": [[0, 0], [100, 0], [100, 100]]}
    config = {"regions": [region], "algorithm_params": {"confidence": 0.5}}
    bench.infer({**bench.request(), "algo_config": config}).success()
    return "accepted"


def extra_keys(bench: Bench) -> str:
    """Keys of a later version of the contract are ignored."""
    _success(bench)
    bench.infer({**bench.request(), "trace_id": "check", "x_future": {"a": [1]}}).success()
    return "ignored"


def chinese(bench: Bench) -> str:
    """Chinese names arrive in plain UTF-8."""
    if not isinstance(_object(bench).get("success"), bool):
        raise BlockedError("shape")
    request = bench.request(task_type="人数统计", task_id="门口2")
    data = bench.infer(request, ascii_only=False).object()
    if not isinstance(data.get("success"), bool):
        raise BreachError(f"success is not true or false: {data.get('success')!r}")
    return "understood"


def missing_picture(bench: Bench) -> str:
    """A picture that is gone fails this frame only."""
    _looks_at_pictures(bench)
    return _refused(bench.infer(bench.request("missing")))


def broken_picture(bench: Bench) -> str:
    """A picture that cannot be decoded fails this frame only."""
    _looks_at_pictures(bench)
    return _refused(bench.infer(bench.request("broken")))


def garbage(bench: Bench) -> str:
    """The service refuses a body that is not JSON, and goes on."""
    _success(bench)
    answer = bench.post(b'{"image_url": \xff\xfe')
    if answer.status < 400 and not (answer.data and answer.data.get("success") is False):
        raise BreachError(f"status {answer.status}: {answer.text}")
    try:
        bench.infer(bench.request()).success()
    except BreachError as error:
        raise BreachError(f"a valid frame after it: {error}") from None
    return f"status {answer.status}, and the next frame is answered"


def concurrent(bench: Bench) -> str:
    """Frames that come at the same time are all answered."""
    _success(bench)
    with ThreadPoolExecutor(CONCURRENT_FRAMES) as pool:
        answers = list(pool.map(bench.infer, [bench.request() for _ in range(CONCURRENT_FRAMES)]))
    for answer in answers:
        answer.success()
    return f"slowest {max(answer.elapsed_ms for answer in answers):.0f} ms"


def health(bench: Bench) -> str:
    """The server can probe whether the service lives."""
    answer = bench.health()
    if answer.status >= 500:
        raise BreachError(f"status {answer.status}: {answer.text}")
    return f"status {answer.status}"


def _counted(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _result(bench: Bench) -> dict[str, Any]:
    result = _success(bench).get("result")
    if not isinstance(result, dict):
        raise BlockedError("shape")
    return result


def _asked_unsigned(bench: Bench) -> bool:
    """Whether the service requested the first frame's picture only without its signature."""
    try:
        _ = bench.valid
    except UnreachableError:
        raise
    except BreachError:
        pass
    return bool(bench.pictures.fetched("unsigned") and not bench.pictures.fetched("good"))


def _object(bench: Bench) -> dict[str, Any]:
    """The answer to the first frame, for points that cannot be judged without an answer."""
    try:
        return bench.valid.object()
    except UnreachableError:
        raise
    except BreachError:
        raise BlockedError("fetch" if _asked_unsigned(bench) else "frame") from None


def _success(bench: Bench) -> dict[str, Any]:
    """The answer to the first frame, for points that cannot be judged if that frame failed."""
    data = _object(bench)
    if data.get("success") is not True:
        raise BlockedError("shape" if bench.pictures.fetched("good") else "fetch")
    return data


def _looks_at_pictures(bench: Bench) -> None:
    _object(bench)
    if not bench.pictures.fetched("good"):
        raise BlockedError("fetch")


def _refused(answer: Answer) -> str:
    if answer.status >= 500:
        raise BreachError(f"status {answer.status}: {answer.text}")
    if answer.data is None or answer.data.get("success") is not False:
        raise BreachError(f"success is not false: {answer.text}")
    return f"refused within {answer.elapsed_ms:.0f} ms"
