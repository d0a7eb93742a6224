"""A worker process records new pictures by the transaction of its dispatcher."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any, cast

import pytest

from easyai.pipeline.incoming import Incoming
from easyai.pipeline.infer import InferenceLoop
from easyai.tasks.process import WorkerProcess

_UNUSED = cast(Any, None)


class _Refusing:
    """A dispatcher whose transaction fails."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def take_in(self, incoming: Incoming) -> None:
        """Refuse the pictures."""
        incoming.failed(self._error)


@pytest.fixture
def process() -> Iterator[WorkerProcess]:
    """A process that stops after five seconds, so that nothing waits for ever."""
    process = WorkerProcess(None)
    timer = threading.Timer(5.0, lambda: setattr(process, "_stopping", True))
    timer.start()
    yield process
    timer.cancel()
    timer.join()


@pytest.mark.parametrize("error", [ZeroDivisionError(), TimeoutError()])
def test_error_of_the_transaction_reaches_the_thread_that_brings_the_pictures(
    process: WorkerProcess, error: Exception
) -> None:
    process._inference = cast(InferenceLoop, _Refusing(error))
    with pytest.raises(type(error)):
        process.record(_UNUSED, ())
