"""Crashes in the middle of a move, other writers, links: on SeaweedFS."""

from __future__ import annotations

from tests.integration.store import test_minio
from tests.production.again import again

globals().update(again(test_minio))
