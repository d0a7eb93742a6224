"""``easyai requeue``: options in, words and exit code out."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from unicodedata import normalize

import pytest

from easyai.cli import requeue_command
from easyai.domain.reason import Reason
from easyai.domain.verdict import TIMED_OUT
from tests.support.installation import CAMERA, TYPE, Installation


def test_failed_frames_are_requeued_and_counted_by_type(installation: Installation) -> None:
    frame = installation.frame()
    installation.frame(task_type="人脸")
    result = installation.run("requeue")
    assert result.exit_code == 0, result.output
    assert "requeued 2 failed frames" in result.stdout
    assert installation.row(frame).state == "pending"
    counts = {tuple(line.split()) for line in result.stdout.splitlines()}
    assert {(TYPE, "1"), ("人脸", "1")} <= counts


def test_every_option_narrows_the_choice(installation: Installation) -> None:
    wanted = installation.frame()
    others = [
        installation.frame(task_type="人脸"),
        installation.frame(task_id="门口3"),
        installation.frame(settled_at=installation.now - 7200),
        installation.frame(reason="timeout"),
    ]
    unwanted = installation.frame()
    ids = [text for frame in (wanted, *others) for text in ("--id", str(frame))]
    narrow = ("--task-type", TYPE, "--task-id", CAMERA, "--since", "1h", "--reason", "FACE")
    result = installation.run("requeue", "--json", *narrow, *ids)
    assert json.loads(result.stdout)["requeued"] == 1
    assert installation.row(wanted).state == "pending"
    assert {installation.row(frame).state for frame in (*others, unwanted)} == {"failed"}


def test_dry_run_prints_would_requeue_and_changes_nothing(installation: Installation) -> None:
    frame = installation.frame()
    result = installation.run("requeue", "--dry-run")
    assert result.exit_code == 0
    assert "would requeue 1 failed frame\n" in result.stdout
    assert installation.row(frame).state == "failed"


def test_frames_left_alone_are_counted_with_the_reason(installation: Installation) -> None:
    installation.frame(image_path=None, image_target="failed/x.jpg")
    installation.frame(image_path="")
    result = installation.run("requeue")
    assert result.exit_code == 0
    assert "left alone: 1 whose picture is just being moved" in result.stdout
    assert "left alone: 1 whose picture is gone" in result.stdout


def test_json_has_every_count(installation: Installation) -> None:
    installation.frame()
    installation.frame(image_path=None, image_target="failed/x.jpg")
    result = installation.run("requeue", "--json", "--dry-run")
    assert json.loads(result.stdout) == {
        "dry_run": True,
        "requeued": 1,
        "by_task_type": {TYPE: 1},
        "picture_moving": 1,
        "picture_gone": 0,
    }


@pytest.mark.parametrize("state", ["done", "pending", "parked", "leased", "dropped"])
def test_a_state_that_cannot_be_requeued_is_refused_with_the_remedy(
    installation: Installation, state: str
) -> None:
    result = installation.run("requeue", "--state", state)
    assert result.exit_code == 2
    assert "only failed frames can be requeued" in result.stderr
    assert "use state failed" in result.stderr


def test_nothing_to_requeue_is_exit_code_1(installation: Installation) -> None:
    result = installation.run("requeue")
    assert result.exit_code == 1
    assert "no failed frame matches" in result.stderr


def test_ids_of_no_failed_frame_are_counted(installation: Installation) -> None:
    frame = installation.frame()
    result = installation.run("requeue", "--id", str(frame), "--id", "4711")
    assert result.exit_code == 0
    assert "1 of the ids given" in result.stderr


def test_requeue_of_a_time_span_leaves_other_frames(installation: Installation) -> None:
    ages = (4 * 3600, 2 * 3600, 600)
    early, meant, late = (installation.frame(settled_at=installation.now - age) for age in ages)
    result = installation.run("requeue", "--since", "3h", "--until", "1h")
    assert result.exit_code == 0, result.output
    assert "requeued 1 failed frame\n" in result.stdout
    states = [installation.row(frame).state for frame in (early, meant, late)]
    assert states == ["failed", "pending", "failed"]


def test_a_span_that_holds_nothing_is_refused(installation: Installation) -> None:
    frame = installation.frame()
    result = installation.run("requeue", "--since", "1h", "--until", "3h")
    assert result.exit_code == 2
    assert "--since must lie before --until" in result.stderr
    assert installation.row(frame).state == "failed"


def test_reason_in_the_help_matches_frames_that_timed_out(installation: Installation) -> None:
    match = re.search(r"--reason (\w+)", requeue_command.EXAMPLES)
    assert match is not None
    installation.frame(reason=Reason.of(TIMED_OUT, timeout_sec=30.0))
    result = installation.run("requeue", "--reason", match[1])
    assert "requeued 1 failed frame\n" in result.stdout


def test_the_command_does_not_need_celery() -> None:
    code = "import sys, easyai.cli.requeue_command; sys.exit('celery' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0


def test_decomposed_names_are_accepted(installation: Installation) -> None:
    frame = installation.frame(task_type="Café", task_id="Entrée")
    names = ("--task-type", normalize("NFD", "Café"), "--task-id", normalize("NFD", "Entrée"))
    assert installation.run("requeue", *names).exit_code == 0
    assert installation.row(frame).state == "pending"
