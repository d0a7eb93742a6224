"""How long `make production` takes: people wait for the whole, `.ci/run` has 35 minutes in all."""

from __future__ import annotations

import os
from typing import Final

#: False where CI is set: fewer pictures in the large bucket, shorter waits.
IN_FULL: Final = not os.environ.get("CI")
