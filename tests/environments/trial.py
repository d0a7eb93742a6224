"""A row: start, register, a picture, its alert, a clean stop."""

from __future__ import annotations

import os
import signal
import tempfile
from contextlib import ExitStack
from pathlib import Path

import requests

from tests.environments.place import Place
from tests.environments.row import Row
from tests.support.algorithm_stub import AlgorithmStub, detections
from tests.support.easyai_process import EasyaiProcess
from tests.support.jpeg import jpeg
from tests.support.outside import Outside
from tests.support.waiting import wait_until

_CAMERA = "门口2"
_SUPERVISOR = "easyai.supervisor.supervise"


def try_row(row: Row) -> None:
    """Raise AssertionError with the fault, MissingError where the machine lacks a program."""
    with ExitStack() as stack:
        # Not below /tmp/pytest-of-…: users without rights must get there.
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="easyai-row-")))
        root.chmod(0o755)
        for name in ("here", "scratch"):
            (root / name).mkdir()
        place = Place(root / "here", root / "scratch", stack)
        row.settle(place)
        place.folder.mkdir(parents=True, exist_ok=True)
        _try(place)


def _try(place: Place) -> None:
    if place.unset:
        place.prefix[:0] = ["env", *(word for name in place.unset for word in ("-u", name))]
    easyai = EasyaiProcess(place.folder, place.settings, place.environment, place.prefix)
    place.stack.callback(easyai.close)
    camera = easyai.frames / place.task_type / _CAMERA
    camera.mkdir(parents=True)
    _give(place)
    easyai.start(wait=False)
    if place.refused:
        assert easyai.exit_code(place.start_sec) == 2, f"refused\n{easyai.log[-6000:]}"
        assert place.refused in easyai.log, f"{place.refused!r} is in the log\n{easyai.log[-6000:]}"
        return
    url = _url(place.host, easyai.port)
    try:
        wait_until(lambda: _is_ready(easyai, url), place.start_sec, "ready", every=0.1)
        for call in place.ready:
            call()
        _journey(place, easyai, Outside(url, easyai.frames))
        _stop(easyai)
    except AssertionError as error:
        raise AssertionError(f"{error}\n{easyai.log[-6000:]}\n{_logs(easyai)[-6000:]}") from None


def _give(place: Place) -> None:
    """The folder belongs to the user who starts easyai."""
    if place.user is None:
        return
    for path in (place.folder, *place.folder.rglob("*")):
        os.chown(path, place.user, place.user)


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _is_ready(easyai: EasyaiProcess, url: str) -> bool:
    try:
        answers = _session().get(f"{url}/readyz", timeout=10).ok
    except requests.RequestException:
        return False
    return answers and "easyai is ready:" in _logs(easyai)


def _session() -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    return session


def _logs(easyai: EasyaiProcess) -> str:
    found = sorted((easyai.data / "logs").glob("*.log"))
    return "".join(path.read_text(encoding="utf-8", errors="strict") for path in found)


def _journey(place: Place, easyai: EasyaiProcess, site: Outside) -> None:
    with AlgorithmStub(
        "row", (place.task_type,), answer=lambda _: detections(1), download=True
    ) as stub:
        if place.waiting:  # no service infers until the end of the trial
            site.put(f"{place.task_type}/{_CAMERA}/1.jpg", jpeg(1))
            wait_until(lambda: site.stats()["queue_size"] == 1, 60, "the picture is known")
            place.waiting[0]()
            stub.register(site.url)
            wait_until(lambda: stub.count, 60, "it is sent")
            for call in place.waiting[1:]:
                call()
        else:
            stub.register(site.url)
            site.put(f"{place.task_type}/{_CAMERA}/1.jpg", jpeg(1))
        site.assert_one_alert_each([f"{place.task_type}/{_CAMERA}/1.jpg"], timeout=90)
        (alert,) = site.alerts(place.task_type)
        assert alert["detection_count"] == 1
        picture = _session().get(alert["image_url"], timeout=30)
        assert picture.content == jpeg(1), "the picture of the alert"
        assert stub.received[-1].picture == jpeg(1), "the picture that the service was sent"
    found = easyai.run("diagnose", "--no-probes", "--json")
    assert found.returncode in (0, 1), found.stderr


def _stop(easyai: EasyaiProcess) -> None:
    """By SIGTERM to the supervisor itself: a wrapper may stand before it."""
    processes = easyai.processes()
    supervisors = [pid for pid, line in processes.items() if f"-m {_SUPERVISOR}" in line]
    own = [pid for pid in supervisors if Path(f"/proc/{pid}/comm").read_text().startswith("python")]
    os.kill(own[0], signal.SIGTERM)
    wait_until(lambda: not easyai.processes(), 60, f"no process is left of {processes}")
    assert easyai.exit_code() == 0, "exit code"
    assert "easyai: stopped" in _logs(easyai)
    assert "Traceback" not in _logs(easyai) + easyai.log, "a traceback in the log"
