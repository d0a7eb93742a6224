"""The fate of a frame after a call: the rules of retry, failure and alert."""

from __future__ import annotations

from typing import NamedTuple

from easyai.domain.breaker import LONGEST_PAUSE_SEC, retry_delay_sec
from easyai.domain.frame import FrameState, Outcome
from easyai.domain.verdict import CallResult, Verdict

_LONGEST_NAME = 255  # bytes of UTF-8 in a file name
# Longer than any breaker's pause, so that the next trial request has another frame.
_ASIDE_SEC = LONGEST_PAUSE_SEC + 5.0


class Fate(NamedTuple):
    """The next state of a frame, with its outcome, attempts and delay."""

    state: FrameState  # PENDING: tried again after delay_sec
    outcome: Outcome | None = None
    attempts: int = 0
    delay_sec: float = 0.0


def decide(
    verdict: Verdict,
    *,
    attempts: int,
    tries: int,
    max_attempts: int,
    save_only_with_detection: bool,
    service_is_fine: bool,
    holds_its_camera: bool = False,
    apart_sec: float = 0.0,
) -> Fate:
    """The fate of a frame; `apart_sec` is added to the wait for its next attempt.

    A frame never fails because services are down. Only answers that are the frame's own fault are
    held against it: success:false, or a broken answer from a service that has answered other frames
    since it broke on this frame (`service_is_fine`). A time-out is held against the frame if the
    service answered other frames quickly meanwhile (`frames_fault`); any other time-out means that
    the service is overloaded.

    A frame that `holds_its_camera` (its type goes in order of capture) steps aside when it has had
    no answer `max_attempts` times. Then another frame shows whether the service or the frame is at
    fault. From then on, time-outs are also held against the frame while the service is fine.
    """
    unanswered = verdict.kind in (CallResult.BROKEN, CallResult.TIMEOUT)
    steps_aside = holds_its_camera and unanswered and tries + 1 >= max_attempts
    match verdict.kind:
        case CallResult.INFERRED:
            keep = is_alert(verdict, save_only_with_detection=save_only_with_detection)
            return Fate(FrameState.DONE, Outcome.ALERT if keep else Outcome.NO_DETECTION, attempts)
        case CallResult.MISSING:
            return Fate(FrameState.DONE, Outcome.MISSING, attempts)
        case CallResult.SUPERSEDED:
            return Fate(FrameState.DONE, Outcome.SUPERSEDED, attempts)
        case CallResult.REFUSED:
            held_against_it = True
        case CallResult.BROKEN:
            held_against_it = service_is_fine
        case CallResult.TIMEOUT:
            held_against_it = verdict.frames_fault or (service_is_fine and steps_aside)
        case _:
            held_against_it = False
    attempts += held_against_it
    if held_against_it and attempts >= max_attempts:  # max_attempts may be lower now
        return Fate(FrameState.FAILED, Outcome.FAILED, attempts)
    delay_sec = _ASIDE_SEC if steps_aside else retry_delay_sec(tries) + apart_sec
    return Fate(FrameState.PENDING, None, attempts, delay_sec)


def is_alert(verdict: Verdict, *, save_only_with_detection: bool) -> bool:
    """Whether an inferred frame makes an alert, whose picture is kept."""
    return verdict.detection_count > 0 or not save_only_with_detection


def is_nested(key: str, task_type: str, task_id: str) -> bool:
    """Whether another frame of the camera may have the same file name, in another folder.

    Such a frame lies below its camera's folder, or in a folder spelled in another Unicode form.
    """
    return not key.endswith(f"{task_type}/{task_id}/{key.rpartition('/')[2]}")


def alert_key(alert_base_path: str, task_type: str, task_id: str, key: str) -> str:
    """Where the picture of an alert goes (contract, section 5)."""
    return f"{alert_base_path}{task_type}/{task_id}/{key.rpartition('/')[2]}"


def failed_key(failed_base_path: str, task_type: str, task_id: str, key: str) -> str:
    """Where the picture of a failed frame is kept."""
    return f"{failed_base_path}{task_type}/{task_id}/{key.rpartition('/')[2]}"


def unique_key(key: str, frame_id: int, salt: str = "") -> str:
    """The key with the frame's id (and a salt) before its suffix, for a name that is taken.

    If the name would be too long for a file, the end of its stem is cut off.
    """
    folder, slash, name = key.rpartition("/")
    stem, dot, suffix = name.rpartition(".")
    ending = f"-{frame_id}{salt and '-' + salt}{dot}{suffix}"
    longest = _LONGEST_NAME - len(ending.encode())
    stem = stem.encode()[:longest].decode("utf-8", "ignore")
    return f"{folder}{slash}{stem}{ending}"
