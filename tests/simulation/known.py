"""Defects that the simulation finds and that are not mended yet: their kinds end no run."""

from __future__ import annotations

from typing import Final

# By kind of violation, the word before the colon: what is broken.
NOT_MENDED: Final[dict[str, str]] = {
    "alert-picture": "a name written again takes the place of the picture that was inferred",
    "twice": "what one scan settles while another one lists counts as new",
    "left": "a picture that was replaced while it was inferred stays behind",
    "limit": "leases are judged by the clocks of machines",
    "rhythm": "inference takes the threads that scans need",
    "starved": "inference takes the threads that scans need",
    "late": "a picture on which a service hangs never ends",
    "lost": "leases and versions, see above",
    "runaway": "each dispatch counts every other type",
}
