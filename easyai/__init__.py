"""easyai: camera frames to detection alerts, dispatched to HTTP algorithm services."""

__version__ = "0.1.0"
