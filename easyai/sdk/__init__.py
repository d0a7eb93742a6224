"""Write a function, picture in and detections out; get an easyai algorithm service.

>>> from easyai.sdk import Detection, Picture, serve
>>> def detect(picture: Picture) -> list[Detection]:
...     return [Detection((0, 0, 10, 10), "person", 0.9)]
>>> serve(detect, service_id="demo", task_types=["人数统计"])  # doctest: +SKIP
"""

from easyai.sdk.detection import Detection
from easyai.sdk.picture import Picture
from easyai.sdk.service_errors import PictureError, UnavailableError
from easyai.sdk.service_server import Service
from easyai.sdk.serving import serve

__all__ = ["Detection", "Picture", "PictureError", "Service", "UnavailableError", "serve"]


def __getattr__(name: str) -> str:
    """Look up ``__version__`` on first use, because it takes 30 ms."""
    if name != "__version__":
        raise AttributeError(f"module 'easyai.sdk' has no attribute {name!r}")
    from easyai.sdk.sdk_version import version

    return version()
