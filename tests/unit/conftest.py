"""Property tests without a stop-watch: a busy machine is no fault of the code."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile("easyai", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("easyai")
