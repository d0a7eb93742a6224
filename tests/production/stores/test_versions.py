"""Frames are versions of pictures, from the scan to the alert: on SeaweedFS."""

from __future__ import annotations

from tests.integration.pipeline import test_versions_in_a_bucket
from tests.production.again import again

globals().update(
    again(
        test_versions_in_a_bucket,
        "test_bucket_outage_at_the_retry_counts_against_no_frame_or_service",
    )
)
