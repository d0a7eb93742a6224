"""Frames are versions of pictures, from the scan to the alert: on SeaweedFS."""

from __future__ import annotations

from tests.integration.pipeline import test_versions_in_a_bucket
from tests.production.again import again

globals().update(
    again(
        test_versions_in_a_bucket,
        "test_a_bucket_that_is_away_at_the_second_try_is_held_against_nobody",
    )
)
