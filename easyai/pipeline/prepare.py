"""Prepare: checks the pictures of leased frames after the lease's commit, before the calls.

Each picture is checked, and held if the store can hold it. So the algorithm gets the very version
that was taken in, and no newer picture can replace it until the frame is settled.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from easyai.db import alerts
from easyai.db.ledger import LeasedFrame
from easyai.domain.reason import Reason
from easyai.domain.verdict import CallResult, Verdict
from easyai.errors import DatabaseUnavailableError, InvalidKeyError, StoreUnavailableError
from easyai.pipeline.confirm import copy_names
from easyai.runtime import Runtime
from easyai.store.frame_store import Carried, Store
from easyai.system.side_by_side import SideBySide

log = logging.getLogger(__name__)

_GONE: Final = Reason("frame.picture_gone")
_REPLACED: Final = Reason("frame.picture_replaced")


@dataclass(slots=True)
class Prepared:
    """The result for a batch: each of its frames is in either list, never in both."""

    ready: list[LeasedFrame] = field(default_factory=list)  # to be sent to their endpoints
    # Frames that are not called: settled with this verdict, as if their endpoint had given it.
    ended: list[tuple[LeasedFrame, Verdict]] = field(default_factory=list)


def prepare(
    runtime: Runtime, frames: Sequence[LeasedFrame], requests: SideBySide | None = None
) -> Prepared:
    """Make a batch of leased frames ready for their calls; side by side if `requests` is given.

    Runs in a thread of its own, once for the frames of a lease. If it raises, every frame of the
    batch returns to pending with that reason, which does not count as a failure of the frame.
    """
    prepared = Prepared()
    try:
        run = partial(_hold, runtime.store, _copies(runtime, frames))
    except DatabaseUnavailableError as error:  # an outage, not an error of our own: the frames wait
        why = Verdict(CallResult.UNFETCHED, reason=error.reason, called=False)
        return Prepared(ended=[(frame, why) for frame in frames])
    mapped = requests.map(run, frames) if requests is not None else map(run, frames)
    for frame, held in zip(frames, mapped, strict=True):
        if isinstance(held, Verdict):
            prepared.ended.append((frame, held))
        else:
            prepared.ready.append(held)
    return prepared


def _copies(runtime: Runtime, frames: Sequence[LeasedFrame]) -> dict[int, list[str]]:
    """Names, by frame id, of copies that a process may have left without an alert when it died."""
    if not runtime.store.remote:
        return {}
    base_path = runtime.settings.ai_analysis.alert_base_path
    again = [frame for frame in frames if frame.leased_before and not frame.image_path]
    names = {frame.id: copy_names(base_path, frame) for frame in again}
    if not names:
        return {}
    with runtime.db.read() as conn:
        # An earlier frame of the same picture has its alert under a taken name.
        taken = alerts.taken_paths(conn, [name for some in names.values() for name in some])
    return {own: [name for name in some if name not in taken] for own, some in names.items()}


def _hold(
    store: Store, copies: Mapping[int, Sequence[str]], frame: LeasedFrame
) -> LeasedFrame | Verdict:
    if frame.image_path:
        return frame  # requeued: easyai moved the picture there, and no camera writes there
    try:
        for name in copies.get(frame.id, ()):
            store.drop_copy(frame.key, name, frame.version)  # its alert was never committed
        held = store.hold(frame.key, frame.id, frame.version)
    except (StoreUnavailableError, InvalidKeyError) as error:
        return Verdict(CallResult.UNFETCHED, reason=error.reason, called=False)
    if held.carried is Carried.DONE:
        return frame if held.key == frame.key else frame._replace(held_key=held.key)
    if held.carried is Carried.MISSING:
        return Verdict(CallResult.MISSING, reason=_GONE, called=False)
    log.debug("frame superseded before its call: key=%s", frame.key)
    return Verdict(CallResult.SUPERSEDED, reason=_REPLACED, called=False)
