"""Confirm: checks the pictures of answers before the transaction that settles the answers.

An answer counts only for the picture that was sent, so each picture is checked once more. In an
object store the picture of an alert is copied to its place before the alert is committed.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from easyai.db.ledger import LeasedFrame
from easyai.domain.fate import alert_key, is_alert, is_nested, unique_key
from easyai.domain.reason import Reason
from easyai.domain.verdict import CallResult, Verdict
from easyai.errors import DatabaseUnavailableError, InvalidKeyError, StoreUnavailableError
from easyai.pipeline.answers import Answered
from easyai.runtime import Runtime
from easyai.settings.schema import Settings
from easyai.store.frame_store import Carried, Store
from easyai.store.keys import version_tag
from easyai.system.side_by_side import SideBySide

log = logging.getLogger(__name__)


def confirm(
    runtime: Runtime, answered: Sequence[Answered], requests: SideBySide | None = None
) -> list[Answered]:
    """The answers; an answer whose picture was replaced meanwhile is marked as superseded.

    Runs in a thread of its own, before the answers are settled; side by side if `requests` is
    given. May be called again with its own result.
    """
    run = partial(_confirm, runtime.store, runtime.settings)
    return list(requests.map(run, answered) if requests is not None else map(run, answered))


def _confirm(store: Store, settings: Settings, answer: Answered) -> Answered:
    frame, verdict, analysis = answer.frame, answer.verdict, settings.ai_analysis
    if not settings.frame_extractor.keeps_alert_image(frame.task_type, frame.task_id):
        answer = replace(answer, keep_picture=False)
    if (
        verdict.kind is not CallResult.INFERRED
        or frame.image_path
        or answer.superseded
        or answer.copied_to
    ):
        return answer
    alerts = is_alert(verdict, save_only_with_detection=analysis.save_only_with_detection)
    if store.remote and not (alerts and answer.keep_picture):
        return answer  # deleted after the commit, if its version is still the same
    try:
        kept, target = _keep(store, analysis.alert_base_path, frame)
    except (StoreUnavailableError, DatabaseUnavailableError, InvalidKeyError) as error:
        unfetched = Verdict(CallResult.UNFETCHED, verdict.elapsed_ms, error.reason)
        return replace(answer, verdict=unfetched)
    if kept is Carried.REPLACED:
        log.debug("frame superseded before its answer: key=%s", frame.key)
        return replace(answer, superseded=True)
    return replace(answer, copied_to=target) if store.remote and kept is Carried.DONE else answer


def copy_names(alert_base_path: str, frame: LeasedFrame) -> list[str]:
    """The names for the copy of an alert's picture; the first free name is used.

    The names are derived from the row, so that a copy is found again after a crash.
    """
    target = alert_key(alert_base_path, frame.task_type, frame.task_id, frame.key)
    salt = version_tag(frame.version)
    names = [unique_key(target, frame.id), unique_key(target, frame.id, salt)]
    # In nested folders: another frame of the same name may be copied there at this moment.
    return names if is_nested(frame.key, frame.task_type, frame.task_id) else [target, *names]


def _keep(store: Store, alert_base_path: str, frame: LeasedFrame) -> tuple[Carried, str]:
    """Secure the picture of an alert; returns the result and the picture's target."""
    target = alert_key(alert_base_path, frame.task_type, frame.task_id, frame.key)
    if not store.remote:
        return store.keep(frame.image_key, target, frame.version), target
    for name in copy_names(alert_base_path, frame):
        kept = store.keep(frame.image_key, name, frame.version)
        if kept is not Carried.TAKEN:
            return kept, name
    raise StoreUnavailableError(Reason.of("store.no_free_name", target=target))
