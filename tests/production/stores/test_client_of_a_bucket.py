"""The requests of the S3 client on SeaweedFS."""

from __future__ import annotations

from tests.integration.store import test_client_of_a_bucket
from tests.production.again import again

globals().update(again(test_client_of_a_bucket))
