"""The garbage collector of a process that runs for months."""

from __future__ import annotations

import gc
from typing import Final

# New objects until the youngest are looked through; Python's own number is 700. A transaction of
# the dispatcher keeps some thousand objects until its end, and leaves no cycles.
_YOUNG: Final = 10_000


def spare_loaded() -> None:
    """Keep the collector from looking through what is loaded now, and let it run less often.

    Call once, when a process has loaded what it keeps until its end.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, *gc.get_threshold()[1:])
