"""A contract test of algorithm services in any language: `python -m easyai.sdk.check URL`."""

from easyai.sdk.check.bench import Bench
from easyai.sdk.check.findings import Report, run
from easyai.sdk.check.points import POINTS

__all__ = ["POINTS", "Bench", "Report", "run"]
