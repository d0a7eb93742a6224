"""``easyai frames``."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from easyai.domain.reason import Reason
from easyai.domain.verdict import TIMED_OUT
from tests.support.installation import CAMERA, TYPE, Installation


def _listed(installation: Installation, *arguments: str) -> list[dict[str, Any]]:
    result = installation.run("frames", "--json", *arguments)
    frames: list[dict[str, Any]] = json.loads(result.stdout)["frames"]
    return frames


def _story(installation: Installation, frame: int) -> str:
    result = installation.run("frames", "--key", installation.row(frame).key)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_a_failed_frame_shows_its_attempts_its_reason_and_where_its_picture_is(
    installation: Installation,
) -> None:
    frame = installation.frame(reason="success: false: no face")
    result = installation.run("frames")
    assert result.exit_code == 0, result.output
    line = result.stdout.splitlines()[1]
    assert line.split()[:3] == [str(frame), "failed", "failed"]
    assert installation.row(frame).image_path in line
    assert line.endswith("success: false: no face")
    assert result.stdout.splitlines()[-1] == "pending 0 · parked 0 · leased 0 · failed 1"


def test_filters_choose_the_frames(installation: Installation) -> None:
    wanted = installation.frame()
    installation.frame(task_type="人脸")
    installation.frame(task_id="门口3")
    installation.frame(settled_at=installation.now - 7200)
    installation.pending()
    filters = ("--state", "failed", "--task-type", TYPE, "--task-id", CAMERA, "--since", "1h")
    assert [row["id"] for row in _listed(installation, *filters)] == [wanted]


@pytest.mark.parametrize("state", ["failed", "parked", "dropped"])
def test_frames_are_shown_by_state_with_reason_and_attempts(
    installation: Installation, state: str
) -> None:
    words = "more than 5000 frames waited (queue_full_strategy drop_oldest)"
    frame = installation.frame(state=state, reason=words, attempts=2)
    installation.frame(state=state, reason="waited for 24 hours")
    installation.pending()
    result = installation.run("frames", "--state", state, "--reason", "QUEUE_FULL")
    assert result.exit_code == 0, result.output
    (line,) = result.stdout.splitlines()[1:-1]
    assert line.split()[:2] == [str(frame), state]
    assert line.endswith(words)
    (row,) = _listed(installation, "--state", state, "--reason", "queue_full")
    assert (row["reason"], row["attempts"]) == (words, 2)


def test_frames_command_lists_at_most_the_limit(installation: Installation) -> None:
    ids = [installation.frame() for _ in range(3)]
    assert [row["id"] for row in _listed(installation, "--limit", "2")] == [ids[2], ids[1]]


@pytest.mark.parametrize(
    ("columns", "path", "state"),
    [
        ({"image_path": None}, "KEY", "in_place"),
        ({"image_path": "failed/a.jpg"}, "failed/a.jpg", "kept"),
        ({"image_path": None, "image_target": "failed/a.jpg"}, "KEY", "moving"),
        ({"image_path": "failed/a.jpg", "image_target": ""}, "failed/a.jpg", "being_deleted"),
        ({"image_path": ""}, None, "gone"),
    ],
)
def test_json_has_the_path_of_the_picture(
    installation: Installation, columns: dict[str, Any], path: str | None, state: str
) -> None:
    frame = installation.frame(**columns)
    (row,) = _listed(installation)
    expected = installation.row(frame).key if path == "KEY" else path
    assert (row["picture"], row["picture_state"]) == (expected, state)


def test_json_has_times_in_utc_and_null_for_events_to_come(
    installation: Installation,
) -> None:
    installation.pending(found_at=1_763_107_200.0)
    (row,) = _listed(installation)
    assert row["found_at"] == "2025-11-14T08:00:00.000Z"
    assert (row["settled_at"], row["outcome"], row["service_id"]) == (None, None, None)


def test_json_has_the_code_and_the_arguments_of_a_reason_beside_its_text(
    installation: Installation,
) -> None:
    installation.frame(reason=Reason.of(TIMED_OUT, timeout_sec=30.0))
    installation.frame(reason=None)
    without, timed_out = _listed(installation)
    assert timed_out["reason"] == "no answer within 30 s"
    assert (timed_out["reason_code"], timed_out["reason_args"]) == (
        "call.timed_out",
        {"timeout_sec": 30.0},
    )
    assert [without[name] for name in ("reason", "reason_code", "reason_args")] == [None] * 3


def test_the_story_of_a_failed_frame_names_service_reason_and_remedy(
    installation: Installation,
) -> None:
    pk = installation.service("yolo-1")
    now = installation.now
    frame = installation.frame(service_pk=pk, leased_at=now, tries=3, last_failure_at=now - 1)
    story = _story(installation, frame)
    assert "yolo-1 at http://127.0.0.1:7901/yolo-1" in story
    assert re.search(r"failed    3 calls, the last at .*; 3 held against the frame\n", story)
    assert "no face" in story
    assert "kept until it is requeued" in story
    assert installation.row(frame).image_path in story


def test_the_story_of_a_saved_frame_names_its_alert(installation: Installation) -> None:
    frame = installation.frame(
        state="done", outcome="alert", reason=None, detection_count=4, inference_ms=41.7
    )
    alert = installation.alert(frame_id=frame)
    assert f"4 detections, saved as alert {alert} (42 ms)" in _story(installation, frame)


def test_count_of_1_is_written_in_the_singular(installation: Installation) -> None:
    counts = {"detection_count": 1, "attempts": 1, "tries": 1}
    frame = installation.frame(
        state="done", outcome="alert", last_failure_at=installation.now, **counts
    )
    story = _story(installation, frame)
    assert "1 detection, saved as" in story
    assert "failed    1 call, the last at" in story
    assert "1 held against the frame" in story


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"due_at": -3600.0}, "pending for 60 min: waits for a service with room"),
        ({"due_at": 3600.0}, "pending: next attempt in 60 min"),
        ({"state": "parked", "due_at": -3600.0}, "parked for 60 min: waits for a service of its"),
        ({"state": "dropped", "outcome": "too_old", "settled_at": 0.0}, "waited or was kept"),
        ({"state": "dropped", "outcome": "queue_full", "settled_at": 0.0}, "max_queue_size"),
        ({"state": "dropped", "outcome": "disk_low", "settled_at": 0.0}, "disk_min_free_percent"),
        ({"state": "dropped", "outcome": "sampled", "settled_at": 0.0}, "sampled out"),
        ({"state": "leased", "lease_expires_at": 3600.0}, "the lease is good for 60 min"),
        ({"state": "leased", "lease_expires_at": -9.0}, "its worker is silent"),
        ({"state": "done", "outcome": "missing", "settled_at": 0.0}, "somebody removed"),
        ({"state": "done", "outcome": "no_detection", "settled_at": 0.0}, "nothing detected"),
    ],
)
def test_story_names_the_next_step_of_the_frame(
    installation: Installation, columns: dict[str, Any], words: str
) -> None:
    moments = {
        name: value + installation.now if isinstance(value, float) else value
        for name, value in columns.items()
    }
    assert words in _story(installation, installation.pending(**moments))


def test_reused_name_shows_the_story_of_every_frame(installation: Installation) -> None:
    first = installation.frame()
    installation.pending(key=installation.row(first).key)
    story = _story(installation, first)
    assert "used 2 times" in story
    assert story.index("pending") < story.index("no face")


def test_unknown_key_is_exit_code_1_and_explains_the_form_of_a_key(
    installation: Installation,
) -> None:
    result = installation.run("frames", "--key", "x.jpg")
    assert result.exit_code == 1
    assert "a key is <task_type>/<task_id>/" in result.stderr


def test_no_frame_is_exit_code_1_and_the_counts_are_still_printed(
    installation: Installation,
) -> None:
    installation.pending()
    result = installation.run("frames", "--state", "failed")
    assert result.exit_code == 1
    assert result.stdout == "pending 1 · parked 0 · leased 0 · failed 0\n"
    as_json = installation.run("frames", "--state", "failed", "--json")
    assert json.loads(as_json.stdout)["counts"] == {
        "pending": 1,
        "parked": 0,
        "leased": 0,
        "failed": 0,
    }


def test_the_story_and_the_times_of_a_failed_frame_agree(installation: Installation) -> None:
    now = installation.now
    frame = installation.frame(
        tries=3, leased_at=now - 0.1, last_failure_at=now - 60, settled_at=now, inference_ms=3.0
    )
    story = _story(installation, frame)
    (failed,) = re.findall(r"the last at (\S+ \S+);", story)
    assert f"state     failed at {failed}\n" in story
    assert "outcome   kept until it is requeued\n" in story, "no answer was good: no duration"
    key = installation.row(frame).key
    shown = json.loads(installation.run("frames", "--key", key, "--json").stdout)["frames"][0]
    assert shown["last_failure_at"] == shown["settled_at"]
