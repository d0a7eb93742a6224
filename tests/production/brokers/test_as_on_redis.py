"""On RabbitMQ workers, beats and the whole production set-up work as on Redis."""

from __future__ import annotations

from tests.acceptance import test_production
from tests.integration.celery import (
    test_api_wait,
    test_beats,
    test_control,
    test_workers,
)
from tests.production.again import BROKER, again

for module in (
    test_production,
    test_api_wait,
    test_beats,
    test_control,
    test_workers,
):
    globals().update(again(module, needs=BROKER))
