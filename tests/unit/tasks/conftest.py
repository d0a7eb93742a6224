"""The fixtures of the embedded broker."""

from __future__ import annotations

from tests.unit.broker.conftest import broker

__all__ = ["broker"]
