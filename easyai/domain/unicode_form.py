"""Names of task types and cameras: all have the same Unicode form."""

from __future__ import annotations

import unicodedata


def nfc(name: str) -> str:
    """The name in composed form (NFC, Unicode Standard Annex 15): names are compared and kept so.

    A writer may decompose "é" into two characters, as macOS does. Keys and paths are no names: a
    store opens a picture under the very bytes that it listed.
    """
    return unicodedata.normalize("NFC", name)
