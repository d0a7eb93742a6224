"""The names of the conditions that an object store may ignore, for reports without its client."""

from __future__ import annotations

from typing import Final

COPY: Final = "COPY with x-amz-copy-source-if-match"
DELETE: Final = "DELETE with If-Match"
TARGET: Final = "COPY with If-None-Match"
PUT: Final = "PUT with If-None-Match"
