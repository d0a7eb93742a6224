"""How bad an alarm is."""

from __future__ import annotations

from typing import Final

from easyai.domain.alarm import AlarmKind

#: Kinds that mean: frames are not inferred or are lost, or alerts do not arrive. Other kinds only
#: threaten inference or slow it down.
FAILURES: Final = frozenset(
    {
        *(AlarmKind.NO_ALGORITHM, AlarmKind.INFERENCE_STALLED, AlarmKind.HIGH_DROP_RATE),
        *(AlarmKind.BUS_DOWN, AlarmKind.STORE_DOWN),
    }
)
