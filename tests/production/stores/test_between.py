"""A camera that writes between any two requests of a move, on SeaweedFS: it loses none at all."""

from __future__ import annotations

from tests.integration.store import test_between
from tests.production.again import again

globals().update(again(test_between))
