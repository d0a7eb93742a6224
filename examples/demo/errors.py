"""What can end the demo early."""


class DemoError(Exception):
    """The demo cannot go on; the message says why."""


class VideoError(Exception):
    """The video cannot be read; the message names it, without user and password."""
