"""Reasons and events of ours, which are stored in English, said in Chinese as well."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from easyai.domain.words import Words
from easyai.messages.reasons_zh import CHINESE

_NUMBER: Final = r"([-+]?\d[\d.,]*(?:e[-+]?\d+)?)"
_PLACES: Final = re.compile(r"(\{n?\}|\^|\$)")
_PATTERNS: Final = {"{n}": _NUMBER, "{}": "(.+?)", "^": "^", "$": "$"}


def _pattern(english: str) -> re.Pattern[str]:
    parts = [_PATTERNS.get(part) or re.escape(part) for part in _PLACES.split(english) if part]
    # Not within a word, where the text begins or ends with one.
    begin = r"(?<!\w)" if english[0].isalnum() or english.startswith("{") else ""
    end = r"(?!\w)" if english[-1].isalnum() else ""
    return re.compile(begin + "".join(parts) + end, re.DOTALL)


def _chinese(template: str) -> Callable[[re.Match[str]], str]:
    return lambda match: template.format("", *match.groups())


# The longer ones first: "the database does not answer for 3 s" before "the database does not
# answer".
_SAID: Final = tuple(
    (_pattern(english), _chinese(CHINESE[english])) for english in sorted(CHINESE, key=len)[::-1]
)
# Marks beside Chinese.
_MARKS: Final = re.compile(r"(?<=[\u4e00-\u9fff）])[:;,] |[:;,] (?=[\u4e00-\u9fff])")
_WIDE: Final = {":": "：", ";": "；", ",": "，"}


@lru_cache(maxsize=1000)
def reason(text: str) -> Words:
    """A noted reason in both languages; what drivers and services said stays as it is."""
    zh = text
    for pattern, said in _SAID:
        zh = pattern.sub(said, zh)
    if zh != text:
        zh = _MARKS.sub(lambda mark: _WIDE[mark[0].strip()], zh)
    return Words(text, zh)
