"""An installation whose frames lie in a bucket of a real object store; SQLite."""

from __future__ import annotations

import pytest

from easyai.settings.schema import Minio


def use_bucket(monkeypatch: pytest.MonkeyPatch, settings: Minio, endpoint: str = "") -> None:
    """Set the store by variables; `endpoint`: another address of the same store."""
    values = {
        "STORE": "minio",
        "MINIO__ENDPOINT": endpoint or settings.endpoint,
        "MINIO__BUCKET": settings.bucket,
        "MINIO__ACCESS_KEY": settings.access_key,
        "MINIO__SECRET_KEY": settings.secret_key.get_secret_value(),
    }
    for name, value in values.items():
        monkeypatch.setenv(f"EASYAI_FRAME_EXTRACTOR__{name}", value)
