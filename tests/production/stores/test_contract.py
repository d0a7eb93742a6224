"""The contract of every store, on SeaweedFS."""

from __future__ import annotations

from tests.integration.store import test_contract
from tests.production.again import again

globals().update(again(test_contract))
