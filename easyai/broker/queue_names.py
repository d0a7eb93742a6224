"""Names of exchanges and queues that the transports treat in a special way."""

from __future__ import annotations

from typing import Final

#: The queue of the periodic tasks, and the exchange of the same name.
CONTROL_QUEUE: Final = "easyai"
#: The exchange of inference.
INFERENCE_EXCHANGE: Final = "infer"
#: Exchanges whose routing keys are the names of queues.
NAMED_BY_KEY: Final = frozenset({INFERENCE_EXCHANGE, CONTROL_QUEUE})
#: The exchange of Celery's own events.
EVENT_EXCHANGE: Final = "easyaiev"
