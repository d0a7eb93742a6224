"""Errors that stop the demo early."""


class DemoError(Exception):
    """The demo cannot continue; the message gives the reason."""


class VideoError(Exception):
    """The video cannot be read; the message names it, without user and password."""
