"""``easyai discard``: options in, words and exit code out."""

from __future__ import annotations

import json
from unicodedata import normalize

from tests.support.installation import CAMERA, TYPE, Installation


def test_waiting_frames_are_given_up_and_counted_by_camera(installation: Installation) -> None:
    frame = installation.pending()
    other = installation.pending(task_id="门口3", key="a/b/c.jpg")
    result = installation.run("discard", "--task-type", TYPE, "--camera", CAMERA)
    assert result.exit_code == 0, result.output
    assert "discarded 1 frame\n" in result.stdout
    row = installation.row(frame)
    assert (row.state, row.outcome) == ("dropped", "discarded")
    assert installation.row(other).state == "pending"
    assert "given up by hand" in installation.run("frames", "--key", row.key).stdout
    assert "1 discarded" in installation.run("stats").stdout
    shown = installation.run("frames", "--reason", "discarded", "--json").stdout
    assert [row["id"] for row in json.loads(shown)["frames"]] == [frame]


def test_dry_run_prints_would_discard_and_keeps_the_frame(installation: Installation) -> None:
    frame = installation.pending()
    result = installation.run("discard", "--task-type", TYPE, "--dry-run")
    assert (result.exit_code, "would discard 1 frame\n" in result.stdout) == (0, True)
    assert installation.row(frame).state == "pending"


def test_json_has_every_count(installation: Installation) -> None:
    installation.pending()
    result = installation.run("discard", "--task-type", TYPE, "--json")
    assert json.loads(result.stdout) == {
        "dry_run": False,
        "discarded": 1,
        "by_camera": {CAMERA: 1},
        "in_flight": 0,
        "waiting": 0,
    }


def test_exit_code_is_1_for_nothing_waiting_and_2_for_a_missing_option(
    installation: Installation,
) -> None:
    result = installation.run("discard", "--task-type", "人数统记")
    assert (result.exit_code, "no frame of '人数统记' waits" in result.stderr) == (1, True)
    assert installation.run("discard").exit_code == 2


def test_decomposed_names_are_accepted(installation: Installation) -> None:
    frame = installation.pending(task_type="Café", task_id="Entrée")
    names = ("--task-type", normalize("NFD", "Café"), "--camera", normalize("NFD", "Entrée"))
    assert installation.run("discard", *names).exit_code == 0
    assert installation.row(frame).outcome == "discarded"
