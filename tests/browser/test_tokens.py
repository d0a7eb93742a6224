"""The colours of the dashboard: the contrast of each pair, and states for the colour-blind."""

from __future__ import annotations

import math
import re
from itertools import combinations

import pytest

from easyai.dashboard.static_files import STATIC

Colour = tuple[float, float, float]

WORDS, SHAPES = 4.5, 3.0  # WCAG 2.1, level AA
APART = 20.0  # of two states, CIE 1976
_GROUNDS = ("bg", "surface", "sunken")
_STATES = ("ok", "warn", "bad", "idle")
PAIRS = [
    *(
        (word, ground, WORDS)
        for word in ("text", "text-2")
        for ground in (*_GROUNDS, "accent-soft")
    ),
    *((word, f"{state}-soft", WORDS) for word in ("text", "text-2") for state in ("bad", "warn")),
    *(("text-3", ground, WORDS) for ground in (*_GROUNDS, "accent-soft")),
    *((word, ground, WORDS) for word in ("accent", *_STATES) for ground in _GROUNDS),
    *((word, f"{word}-soft", WORDS) for word in ("accent", *_STATES)),
    *((state, "accent-soft", WORDS) for state in ("ok", "warn", "bad")),
    ("accent-ink", "accent", WORDS),
    ("surface", "bad", WORDS),
    ("over-text", "over", WORDS),
    ("bg", "text", WORDS),
    *(("edge", ground, SHAPES) for ground in _GROUNDS),
    *(("warn-fill", ground, SHAPES) for ground in (*_GROUNDS, "warn-soft", "accent-soft")),
    ("box", "box-case", SHAPES),
    ("tripwire", "box-case", SHAPES),
]
# Machado, Oliveira and Fernandes (2009), severity 1.
_SEEN: dict[str, tuple[Colour, Colour, Colour]] = {
    "protanope": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deuteranope": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "tritanope": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}


def _tokens() -> dict[str, dict[str, str]]:
    css = (STATIC / "css" / "tokens.css").read_text(encoding="utf-8")
    light = _colours(css.split(":root {")[1])
    return {"light": light, "dark": light | _colours(css.split('[data-theme="dark"] {')[1])}


def _colours(text: str) -> dict[str, str]:
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", text.split("}")[0]))


THEMES = _tokens()


def _linear(colour: str) -> Colour:
    red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return _straight(red), _straight(green), _straight(blue)


def _straight(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours (WCAG 2.1)."""
    dark, light = sorted(
        0.2126 * red + 0.7152 * green + 0.0722 * blue
        for red, green, blue in (_linear(one), _linear(other))
    )
    return (light + 0.05) / (dark + 0.05)


def _seen(colour: str, person: str) -> Colour:
    """A linear colour as a person sees it."""
    linear = _linear(colour)
    red, green, blue = (min(1.0, max(0.0, _product(row, linear))) for row in _SEEN[person])
    return red, green, blue


def _product(row: Colour, colour: Colour) -> float:
    return sum(share * part for share, part in zip(row, colour, strict=True))


def _lab(colour: Colour) -> Colour:
    """A linear colour in CIE L*a*b*, for daylight D65."""
    rows: tuple[Colour, Colour, Colour] = (
        (0.4124, 0.3576, 0.1805),
        (0.2126, 0.7152, 0.0722),
        (0.0193, 0.1192, 0.9505),
    )
    white = (0.9505, 1.0, 1.089)
    x, y, z = (_root(_product(row, colour) / whole) for row, whole in zip(rows, white, strict=True))
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def _root(value: float) -> float:
    return value ** (1 / 3) if value > 0.008856 else 7.787 * value + 16 / 116


@pytest.mark.parametrize("theme", THEMES)
def test_every_pair_of_colours_in_use_has_enough_contrast(theme: str) -> None:
    colours = THEMES[theme]
    weak = {
        f"{front} on {ground}": round(found, 2)
        for front, ground, needed in PAIRS
        if (found := contrast(colours[front], colours[ground])) < needed
    }
    assert not weak


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("person", _SEEN)
def test_states_stay_apart_for_the_colour_blind(theme: str, person: str) -> None:
    states = ("ok", "warn-fill", "bad")
    seen = {state: _lab(_seen(THEMES[theme][state], person)) for state in states}
    near = {
        (one, other): distance
        for one, other in combinations(states, 2)
        if (distance := math.dist(seen[one], seen[other])) < APART
    }
    assert not near


def test_no_other_file_names_a_colour() -> None:
    named = re.compile(r"#[0-9a-fA-F]{3,8}\b(?!/)|\brgba?\(|\bhsla?\(")
    allowed = {
        "body { background: #fff; color: #000; padding: 0; }",  # a printed page
        "dialog::backdrop { background: rgba(0, 0, 0, 0.5); }",  # has no tokens
    }
    found = {
        path.name: line.strip()
        for path in [*STATIC.glob("css/*.css"), *STATIC.glob("js/**/*.js")]
        if path.name != "tokens.css"
        for line in path.read_text(encoding="utf-8").splitlines()
        if named.search(line) and line.strip() not in allowed and '"#/' not in line
    }
    assert not found
