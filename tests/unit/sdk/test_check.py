"""The contract check passes good services and names the faults of bad services."""

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from easyai.sdk import Detection, Picture, Service
from easyai.sdk.check import POINTS, Bench, Report, run, wait_reports
from easyai.sdk.check.__main__ import main
from easyai.sdk.check.picture_host import PictureHost
from easyai.sdk.check.results import detection_count
from easyai.sdk.check.sample import SAMPLE_JPEG
from easyai.sdk.image_header import image_size
from tests.support.ports import free_port
from tests.unit.sdk.http_stub import Answer, Call, HttpStub, as_json

GOOD: dict[str, Any] = {
    "success": True,
    "result": {"detections": [{"bbox": [1, 2, 30, 40], "label": "person", "score": 0.5}]},
    "confidence": 0.5,
    "inference_time_ms": 3,
}
FAILED: dict[str, Any] = {"success": False, "error": "no picture"}


def fetch(url: str) -> bytes | None:
    """Get a picture; None when it is not there or none."""
    answer = requests.get(url, timeout=10)
    is_picture = answer.status_code == 200 and answer.content.startswith(b"\xff\xd8")
    return answer.content if is_picture else None


def good(call: Call) -> Answer:
    """A service that holds the contract."""
    if call.method == "GET":
        return as_json(404, {})
    try:
        request = call.json()
    except ValueError:
        return as_json(400, {"success": False})
    return as_json(200, GOOD if fetch(request["image_url"]) else FAILED)


def check(answer: Callable[[Call], Answer], timeout_sec: float = 10.0) -> Report:
    """Check a service made of a function."""
    with HttpStub(answer) as service, PictureHost(SAMPLE_JPEG) as pictures:
        size = image_size(SAMPLE_JPEG)
        url = f"{service.url}/infer"
        return run(Bench(url, pictures, size, timeout_sec=timeout_sec))


def failed(report: Report) -> set[str]:
    """The names of the points that do not hold."""
    return {finding.name for finding in report.findings if finding.ok is False}


def detail(report: Report, name: str) -> str:
    """The finding at a point."""
    return next(finding.detail for finding in report.findings if finding.name == name)


def detect(picture: Picture) -> list[Detection]:
    """Finds a single object as large as the picture."""
    return [Detection((0, 0, *picture.size), "frame", 0.5)]


def test_a_service_of_the_sdk_holds_every_point() -> None:
    with (
        Service(detect, service_id="demo", task_types=["x"], server=None) as service,
        PictureHost(SAMPLE_JPEG) as pictures,
    ):
        report = run(Bench(service.endpoint, pictures, image_size(SAMPLE_JPEG)))
    assert report.ok, report.as_text()
    assert len(report.findings) == len(POINTS)


def test_a_service_without_the_sdk_holds_every_point_too() -> None:
    report = check(good)
    assert report.ok, report.as_text()


_WRONG_ANSWERS: list[tuple[dict[str, Any], str]] = [
    ({"confidence": 95}, "shape"),
    ({"confidence": "0.5"}, "shape"),
    ({"confidence": None}, "shape"),
    ({"result": {"detections": [{"bbox": [1, 2, 30, 40], "confidence": 95}]}}, "shape"),
    ({"result": {"count": 1, "objects": [{"bbox": [1, 2, 3, 4], "score": 1.01}]}}, "shape"),
    ({"confidence": 95, "result": {"detections": [{"confidence": 95}]}}, "shape"),
    ({"success": "true"}, "shape"),
    ({"result": [1]}, "shape"),
    ({"inference_time_ms": "3 ms"}, "inference-time"),
    ({"inference_time_ms": -1}, "inference-time"),
    ({"inference_time_ms": True}, "inference-time"),
    ({"result": {"people": 3}}, "count"),
    ({"result": {"total_count": "3"}}, "count"),
    ({"result": {"count": 1.5}}, "count"),
    ({"result": {"total_count": 3, "detections": [{"bbox": [1, 2, 30, 40]}]}}, "count"),
    ({"result": {"total_count": 3, "detections": []}}, "count"),
    ({"result": {"num": 0, "objects": [{"bbox": [1, 2, 30, 40]}]}}, "count"),
    ({"result": {"detections": "none"}}, "count"),
    ({"result": {"num": -1}}, "count"),
    ({"result": {"count": 1, "detections": [{"bbox": [0, 0, 1000, 90]}]}}, "boxes"),
    ({"result": {"count": 1, "detections": [{"bbox": [-20, 0, 10, 90]}]}}, "boxes"),
    ({"result": {"count": 1, "objects": [{"bbox": [100, 90, 20, 20]}]}}, "boxes"),
    ({"result": {"count": 1, "objects": [{"bbox": [0.1, 0.1, 0.5, 0.5]}]}}, "boxes"),
    ({"result": {"count": 1, "objects": [{"bbox": "1,2,3,4"}]}}, "boxes"),
    ({"result": {"count": 1, "objects": [{"bbox": [1, 2, 3]}]}}, "boxes"),
    ({"result": {"count": 1, "objects": ["person"]}}, "boxes"),
]


def test_a_wrong_answer_fails_its_own_point_only(subtests: pytest.Subtests) -> None:
    for changes, point in _WRONG_ANSWERS:
        with subtests.test(changes=changes, point=point):
            report = check(_with_changes(changes))
            assert failed(report) == {point}, report.as_text()
            assert f"FAIL  {point}" in report.as_text()
            assert "what to do:" in report.as_text()


def _with_changes(changes: dict[str, Any]) -> Callable[[Call], Answer]:
    """A service whose results differ from a good service's by these fields."""

    def answer(call: Call) -> Answer:
        status, body = good(call)
        return as_json(status, json.loads(body) | changes) if b"result" in body else (status, body)

    return answer


def no_health(call: Call) -> Answer:
    """Breaks on a GET."""
    return as_json(500, {}) if call.method == "GET" else good(call)


def strict_keys(call: Call) -> Answer:
    """Refuses unknown fields."""
    return as_json(422, {"detail": "extra"}) if b"x_future" in call.body else good(call)


def no_config(call: Call) -> Answer:
    """Breaks on a configuration."""
    return as_json(500, {}) if b"regions" in call.body else good(call)


def ascii_only(call: Call) -> Answer:
    """Reads the body as ASCII."""
    is_text = call.body.isascii() or b"\xff" in call.body
    return good(call) if is_text else as_json(500, {})


def breaks_on_missing(call: Call) -> Answer:
    """Lets the 404 of the store become a 500."""
    return as_json(500, {"detail": "404"}) if b"/missing/" in call.body else good(call)


def trusts_missing(call: Call) -> Answer:
    """Finds something in a picture that is not there."""
    return as_json(200, GOOD) if b"/missing/" in call.body else good(call)


def trusts_broken(call: Call) -> Answer:
    """Finds nothing in a picture that it cannot decode."""
    return as_json(200, GOOD) if b"/broken/" in call.body else good(call)


def trusts_garbage(call: Call) -> Answer:
    """Answers success to a body that is not JSON."""
    return as_json(200, GOOD) if b"\xff" in call.body else good(call)


def never_fetches(call: Call) -> Answer:
    """Answers without a look at the picture."""
    return good(call) if b"\xff" in call.body else as_json(200, GOOD)


def always_fails(call: Call) -> Answer:
    """Answers success false to every frame, whose picture it has seen."""
    status, body = good(call)
    return (status, body) if call.method == "GET" or status != 200 else as_json(200, FAILED)


def always_breaks(call: Call) -> Answer:
    """Answers nothing but errors."""
    return as_json(500, {})


def drops_signature(call: Call) -> Answer:
    """Asks for the picture without the query, and fails."""
    return good(Call(call.method, call.path, call.body.replace(b"signature=", b"s=")))


def breaks_without_signature(call: Call) -> Answer:
    """The same, and lets it become a 500."""
    status, body = drops_signature(call)
    return as_json(500, {}) if json.loads(body) == FAILED else (status, body)


@pytest.mark.parametrize(
    ("service", "points"),
    [
        (no_health, {"health"}),
        (strict_keys, {"extra-keys"}),
        (no_config, {"algo-config"}),
        (ascii_only, {"chinese"}),
        (breaks_on_missing, {"missing-picture"}),
        (trusts_missing, {"missing-picture"}),
        (trusts_broken, {"broken-picture"}),
        (trusts_garbage, {"garbage-json"}),
        (never_fetches, {"fetch"}),
        (always_fails, {"shape"}),
        (always_breaks, {"frame", "health"}),
        (drops_signature, {"fetch"}),
        (breaks_without_signature, {"fetch"}),
    ],
)
def test_bad_service_fails_the_contract_points_that_it_breaks(
    service: Callable[[Call], Answer], points: set[str]
) -> None:
    report = check(service)
    assert failed(report) == points, report.as_text()


def test_check_names_a_dropped_signature() -> None:
    report = check(drops_signature)
    assert "without the query" in detail(report, "fetch")


def test_a_hang_on_a_missing_picture_is_found_within_the_limit() -> None:
    done = threading.Event()

    def hangs(call: Call) -> Answer:
        if b"/missing/" in call.body:
            done.wait(10)
        return good(call)

    report = check(hangs, timeout_sec=1)
    done.set()
    assert failed(report) == {"missing-picture"}
    assert detail(report, "missing-picture") == "no answer within 1 s"


def test_hanging_service_is_a_single_failure_after_a_single_time_out(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wait_reports, "REPORT_EVERY_SEC", 0.2)
    done = threading.Event()

    def hangs(call: Call) -> Answer:
        if call.method == "POST":
            done.wait(10)
        return good(call)

    with HttpStub(hangs) as service:
        assert main([f"{service.url}/infer", "--timeout", "1", "--json"]) == 1
        done.set()
    shown = capsys.readouterr()
    assert "frame: no answer for 0 s, waiting up to 1 s" in shown.err
    points = json.loads(shown.out)["points"]
    assert [point["name"] for point in points if point["ok"] is False] == ["frame"]
    assert [point["name"] for point in points if point["ok"]] == ["health"]
    assert {point["detail"] for point in points if point["ok"] is None} == {"not judged: see frame"}


def test_lines_are_accepted_beside_boxes() -> None:
    result = {"line_crossing": {"门": {"count": 0}}, "total_count": 0, "detections": [{}, {}]}
    assert detection_count(result) == 0


def test_check_finds_a_service_that_breaks_after_garbage() -> None:
    broken = threading.Event()

    def breaks(call: Call) -> Answer:
        if b"\xff" in call.body:
            broken.set()
            return as_json(400, {"success": False})
        return as_json(500, {}) if broken.is_set() else good(call)

    report = check(breaks)
    assert "a valid frame after it: status 500" in detail(report, "garbage-json")


def test_a_service_that_refuses_a_second_frame_at_once_is_found() -> None:
    changed = threading.Condition()
    active = 0

    def alone(call: Call) -> Answer:
        nonlocal active
        with changed:
            active += 1
            changed.notify_all()
            crowded = changed.wait_for(lambda: active > 1, timeout=0.1)
        try:
            return as_json(503, {"success": False}) if crowded else good(call)
        finally:
            with changed:
                active -= 1

    assert failed(check(alone)) == {"concurrent"}


def test_an_answer_that_is_not_json_fails_the_first_point() -> None:
    report = check(lambda call: (200, b"<html>hello</html>"))
    assert not report.findings[0].ok
    assert "not a JSON object: <html>hello</html>" in report.findings[0].detail


def test_unreachable_service_is_a_single_finding_and_exit_status_1(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main([f"http://127.0.0.1:{free_port()}/infer"]) == 1
    text = capsys.readouterr().out
    assert "no connection to" in text
    assert "start the service" in text


def test_json_output_holds_every_point_and_the_verdict(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with HttpStub(no_health) as service:
        assert main([f"{service.url}/infer", "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["ok"] is False
    assert [point["name"] for point in report["points"]] == [point.name for point in POINTS]
    assert report["points"][-1]["remedy"]


def test_an_own_picture_and_own_names_are_sent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "own.jpg"
    picture.write_bytes(SAMPLE_JPEG + b"own")
    seen: set[bytes | None] = set()
    types: set[str] = set()

    def remembers(call: Call) -> Answer:
        if call.method == "POST" and b"/good/" in call.body:
            request = call.json()
            types.add(f"{request['task_type']} {request['task_id']}")
            seen.add(fetch(request["image_url"]))
        return good(call)

    with HttpStub(remembers) as service:
        arguments = ["--image", str(picture), "--task-type", "helmet", "--task-id", "gate"]
        assert main([f"{service.url}/infer", *arguments]) == 0, capsys.readouterr().out
    assert seen == {SAMPLE_JPEG + b"own"}
    assert "helmet gate" in types


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["127.0.0.1:9001"], "is not like http://"),
        (["http://127.0.0.1:port/infer"], "is not like http://"),
        (["http://127.0.0.1:1/infer", "--image", "/no/such.jpg"], "there is no file"),
        (["http://127.0.0.1:1/infer", "--image", __file__], "not a JPEG or PNG"),
        (["http://127.0.0.1:1/infer", "--timeout", "soon"], "seconds above 0"),
        (["http://127.0.0.1:1/infer", "--host", "192.0.2.1"], "--host 192.0.2.1"),
    ],
)
def test_a_wrong_argument_is_named(
    arguments: list[str], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert text in capsys.readouterr().err


def test_the_command_explains_itself() -> None:
    root = Path(__file__).parents[3]
    command = [sys.executable, "-m", "easyai.sdk.check", "--help"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    assert "examples:" in done.stdout
    assert "exit status: 0" in done.stdout
