"""The texts of the page: every text that a page names exists, in English and in Chinese."""

from __future__ import annotations

import re

from easyai.dashboard.static_files import STATIC

_ENTRY = re.compile(
    r"^  (\w+): \[\s*(\"(?:[^\"\\]|\\.)*\"),\s*(\"(?:[^\"\\]|\\.)*\"),?\s*\],", re.M
)
_USE = re.compile(r"\bt\(\"(\w+)\"")
_MADE = re.compile(r"\bt\(`(\w*)\$\{[^}]*\}(\w*)`")  # such as `range_${key}`
_LEXICONS = ("lexicon.js", "lexicon_pages.js")


def _modules() -> dict[str, str]:
    return {
        path.name: path.read_text(encoding="utf-8")
        for path in [*STATIC.glob("js/*.js"), *STATIC.glob("js/pages/*.js")]
    }


def _entries() -> list[tuple[str, str, str]]:
    modules = _modules()
    return [entry for name in _LEXICONS for entry in _ENTRY.findall(modules[name])]


def test_every_text_that_a_page_names_exists_once() -> None:
    names = [name for name, _, _ in _entries()]
    assert len(names) == len(set(names))
    used = {name for text in _modules().values() for name in _USE.findall(text)}
    assert len(used) > 150
    assert used <= set(names)


def test_every_text_is_used() -> None:
    modules = [text for name, text in _modules().items() if name not in _LEXICONS]
    made = [pair for text in modules for pair in _MADE.findall(text)]
    code = "\n".join(modules)
    unused = [
        name
        for name, _, _ in _entries()
        if not re.search(rf"[\"`]{name}[\"`]", code)
        and not any(
            name.startswith(begin) and name.endswith(end) and begin + end for begin, end in made
        )
    ]
    assert not unused


def test_both_languages_have_every_text_and_the_same_gaps() -> None:
    for name, english, chinese in _entries():
        assert english.count("{}") == chinese.count("{}"), name
        assert bool(english.strip('"')) == bool(chinese.strip('"')), name
        assert "!" not in english, name
        assert "！" not in chinese, name
