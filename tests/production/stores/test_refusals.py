"""A server that is down, hangs or refuses: on SeaweedFS."""

from __future__ import annotations

from tests.integration.store import test_minio_failures
from tests.production.again import again

# Each restart takes seconds; test_load.py kills the server and starts it again.
globals().update(
    again(test_minio_failures, "test_store_that_is_down_at_the_start_is_used_once_it_runs")
)
