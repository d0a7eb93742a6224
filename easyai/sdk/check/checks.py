"""How each contract point is checked: a function returns what it saw or raises BreachError."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from easyai.sdk.check.bench import Answer, Bench, BreachError
from easyai.sdk.check.results import check_boxes, detection_count, is_number

CONCURRENT_FRAMES = 4


def frame(bench: Bench) -> str:
    """A valid frame gets an answer."""
    bench.valid.object()
    return f"{bench.valid.elapsed_ms:.0f} ms"


def fetch(bench: Bench) -> str:
    """The picture is downloaded from the URL as it was sent."""
    _ = bench.valid
    if bench.pictures.fetched("good"):
        return "fetched"
    if bench.pictures.fetched("unsigned"):
        raise BreachError("the picture was asked for without the query of image_url")
    raise BreachError("the picture was never asked for")


def shape(bench: Bench) -> str:
    """The answer has the keys the server reads."""
    data = bench.valid.success()
    if not isinstance(data.get("result"), dict):
        raise BreachError(f"result is not an object: {data.get('result')!r}")
    confidence = data.get("confidence")
    if not (is_number(confidence) and 0 <= confidence <= 1):
        raise BreachError(f"confidence is not a number within 0..1: {confidence!r}")
    return f"confidence {confidence}"


def inference_time(bench: Bench) -> str:
    """The answer tells how long the inference took."""
    value = bench.valid.success().get("inference_time_ms")
    if not is_number(value) or value < 0:
        raise BreachError(f"inference_time_ms is not a number of at least 0: {value!r}")
    return f"{value} ms"


def count(bench: Bench) -> str:
    """The result gives a number of detections."""
    number = detection_count(_result(bench))
    return f"{number} detection{'' if number == 1 else 's'}"


def boxes(bench: Bench) -> str:
    """Boxes are pixels of the frame."""
    number = check_boxes(_result(bench), bench.picture_size)
    return f"{number} boxes" if number else "no boxes in this answer: try --image"


def algo_config(bench: Bench) -> str:
    """A camera's configuration may come along."""
    region = {"type": "polygon", "name": "入口", "points": [[0, 0], [100, 0], [100, 100]]}
    config = {"regions": [region], "algorithm_params": {"confidence": 0.5}}
    bench.infer({**bench.request(), "algo_config": config}).success()
    return "accepted"


def extra_keys(bench: Bench) -> str:
    """Keys of a later version of the contract are ignored."""
    bench.infer({**bench.request(), "trace_id": "check", "x_future": {"a": [1]}}).success()
    return "ignored"


def chinese(bench: Bench) -> str:
    """Chinese names arrive in plain UTF-8."""
    request = bench.request(task_type="人数统计", task_id="门口2")
    data = bench.infer(request, ascii_only=False).object()
    if not isinstance(data.get("success"), bool):
        raise BreachError(f"success is not true or false: {data.get('success')!r}")
    return "understood"


def missing_picture(bench: Bench) -> str:
    """A picture that is gone fails this frame only."""
    return _refused(bench.infer(bench.request("missing")))


def broken_picture(bench: Bench) -> str:
    """A picture that cannot be decoded fails this frame only."""
    return _refused(bench.infer(bench.request("broken")))


def garbage(bench: Bench) -> str:
    """A body that is not JSON is refused and does no harm."""
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
    with ThreadPoolExecutor(CONCURRENT_FRAMES) as pool:
        answers = list(pool.map(bench.infer, [bench.request() for _ in range(CONCURRENT_FRAMES)]))
    for answer in answers:
        answer.success()
    return f"slowest {max(answer.elapsed_ms for answer in answers):.0f} ms"


def health(bench: Bench) -> str:
    """The server can ask whether the service lives."""
    answer = bench.health()
    if answer.status >= 500:
        raise BreachError(f"status {answer.status}: {answer.text}")
    return f"status {answer.status}"


def _result(bench: Bench) -> dict[str, Any]:
    result = bench.valid.success().get("result")
    if not isinstance(result, dict):
        raise BreachError(f"result is not an object: {result!r}")
    return result


def _refused(answer: Answer) -> str:
    if answer.status >= 500:
        raise BreachError(f"status {answer.status}: {answer.text}")
    if answer.data is None or answer.data.get("success") is not False:
        raise BreachError(f"success is not false: {answer.text}")
    return f"refused within {answer.elapsed_ms:.0f} ms"
