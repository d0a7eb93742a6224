"""Parts of a page that a program writes, between marks."""

from __future__ import annotations

import re
from collections.abc import Mapping


def renewed(text: str, parts: Mapping[str, str], command: str) -> str:
    """The page with new parts; `command` renews them. Raises ValueError without a mark."""
    for name, part in parts.items():
        begin, end = f"<!-- {name}: {command} -->", f"<!-- /{name} -->"
        pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
        if not pattern.search(text):
            raise ValueError(f"no mark {begin}")
        block = f"{begin}\n{part}\n{end}"
        text = pattern.sub(block.replace("\\", r"\\"), text)
    return text
