"""easyai: camera frames to detection alerts, dispatched to HTTP algorithm services."""


def __getattr__(name: str) -> str:
    """``__version__``: looked up at its first use, because the look-up takes 30 ms."""
    if name != "__version__":
        raise AttributeError(f"module 'easyai' has no attribute {name!r}")
    from easyai.version import version

    return version()
