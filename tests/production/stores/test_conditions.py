"""The conditions that SeaweedFS keeps to."""

from __future__ import annotations

from tests.integration.store import test_bucket_conditions
from tests.production.again import again

globals().update(again(test_bucket_conditions))
