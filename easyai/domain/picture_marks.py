"""What is drawn over a picture: boxes and crossings of a result, regions of an algo_config.

Services and cameras send anything: only finite numbers become coordinates, every list is bounded,
and no value raises.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from easyai.domain.json_text import parsed
from easyai.domain.numbers import as_integer
from easyai.domain.reason import storable

MOST_BOXES: Final = 500
_MOST_REGIONS: Final = 100
_MOST_POINTS: Final = 200
_MOST_CROSSINGS: Final = 50
_LONGEST_NAME: Final = 100  # characters
_LARGEST: Final = 1e6  # pixels: no picture is larger
_LABELS: Final = ("class_name", "class", "label")
_SCORES: Final = ("confidence", "score")

Size = tuple[int, int]  # width and height of the picture in pixels
Point = tuple[float, float]


class Outline(NamedTuple):
    """A region or a line as its algo_config has it."""

    kind: str  # "region" or "line"
    name: str
    points: list[Point]  # two at least


def result_of(text: str) -> Any:
    """The result of an alert; None for a text that is not JSON."""
    try:
        return parsed(text.encode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None


def boxes(result: Any, size: Size | None = None) -> list[dict[str, Any]]:
    """The boxes of a result (contract, section 4), at most `MOST_BOXES`.

    Coordinates are fractions of the picture. Without the size of the picture, coordinates in pixels
    stay, and the box has the unit "px".
    """
    found = [
        (corners, item)
        for item in _items(result)
        if (corners := _corners(item.get("bbox", item.get("box")))) is not None
    ]
    scaled, unit = _scaled([corners for corners, _ in found], size)
    return [
        {
            "x": x1,
            "y": y1,
            "w": round(x2 - x1, 5),
            "h": round(y2 - y1, 5),
            "label": _label(item),
            "score": _score(item),
        }
        | unit
        for ((x1, y1), (x2, y2)), (_, item) in zip(scaled, found, strict=True)
    ]


def crossings(result: Any) -> list[dict[str, Any]]:
    """The counts of tripwires in a result: name, count, and the directions where they are given."""
    lines = result.get("line_crossing") if isinstance(result, Mapping) else None
    if not isinstance(lines, Mapping):
        return []
    found = []
    for name, line in list(lines.items())[:_MOST_CROSSINGS]:
        if isinstance(line, Mapping):
            counts = {key: as_integer(line.get(key)) for key in ("count", "in", "out")}
            found.append({"name": _shown(name), **counts})
    return found


def outlines(config: Any) -> list[Outline]:
    """The regions and lines of a camera's algo_config that are not disabled."""
    listed = config.get("regions") if isinstance(config, Mapping) else None
    if not isinstance(listed, list):
        return []
    return [
        Outline(_kind(region), _shown(region.get("name", "")), points)
        for region in listed[:_MOST_REGIONS]
        if isinstance(region, Mapping) and region.get("enabled") is not False
        if len(points := _outline(region)) >= 2
    ]


def regions(found: list[Outline], size: Size | None = None) -> list[dict[str, Any]]:
    """The outlines, JSON-ready; coordinates are as in `boxes`."""
    scaled, unit = _scaled([outline.points for outline in found], size)
    return [
        {"kind": outline.kind, "name": outline.name, "points": points} | unit
        for outline, points in zip(found, scaled, strict=True)
    ]


def _items(result: Any) -> list[Mapping[str, Any]]:
    if not isinstance(result, Mapping):
        return []
    for name in ("detections", "objects"):
        listed = result.get(name)
        if isinstance(listed, list) and listed:
            return [item for item in listed[:MOST_BOXES] if isinstance(item, Mapping)]
    return []


def _corners(box: Any) -> list[Point] | None:
    """The upper left and the lower right corner."""
    if isinstance(box, Mapping):
        box = _values(box)
    if not isinstance(box, list) or len(box) != 4 or not all(map(_is_coordinate, box)):
        return None
    (x1, x2), (y1, y2) = sorted((box[0], box[2])), sorted((box[1], box[3]))
    return [(float(x1), float(y1)), (float(x2), float(y2))]


def _values(box: Mapping[str, Any]) -> list[Any] | None:
    """The corners of a box that is an object: x1, y1, x2, y2, or x, y and a size."""
    if "x1" in box:
        return [box.get(name) for name in ("x1", "y1", "x2", "y2")]
    x, y = box.get("x"), box.get("y")
    width, height = box.get("width", box.get("w")), box.get("height", box.get("h"))
    if not all(map(_is_coordinate, (x, y, width, height))):
        return None
    return [x, y, x + width, y + height]


def _outline(region: Mapping[str, Any]) -> list[Point]:
    listed = region.get("points")
    points = list(_points(listed[:_MOST_POINTS])) if isinstance(listed, list) else []
    if not points and (corners := _corners(dict(region))) is not None:
        points = corners
    if len(points) == 2 and _kind(region) == "region":
        (x1, y1), (x2, y2) = points
        return [(x1, y1), (x2, y1), (x2, y2), (x1, y2)]
    return points


def _points(listed: Iterable[Any]) -> Iterator[Point]:
    for point in listed:
        pair = [point.get("x"), point.get("y")] if isinstance(point, Mapping) else point
        if isinstance(pair, list) and len(pair) >= 2 and all(map(_is_coordinate, pair[:2])):
            yield float(pair[0]), float(pair[1])


def _scaled(
    shapes: list[list[Point]], size: Size | None
) -> tuple[list[list[Point]], dict[str, str]]:
    """The shapes in fractions of the picture, or in pixels with their unit."""
    values = [value for shape in shapes for point in shape for value in point]
    if all(0 <= value <= 1 for value in values):
        width, height = 1, 1
    elif size is None:
        return shapes, {"unit": "px"}
    else:
        width, height = size
    scaled = [[(_share(x, width), _share(y, height)) for x, y in shape] for shape in shapes]
    return scaled, {}


def _share(value: float, whole: int) -> float:
    return round(min(max(value / max(whole, 1), 0.0), 1.0), 5)


def _is_coordinate(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and abs(value) <= _LARGEST  # false for NaN, too


def _kind(region: Mapping[str, Any]) -> str:
    return "line" if "line" in str(region.get("type", ""))[:_LONGEST_NAME].lower() else "region"


def _label(item: Mapping[str, Any]) -> str:
    return next((_shown(item[name]) for name in _LABELS if item.get(name) is not None), "")


def _score(item: Mapping[str, Any]) -> float | None:
    values: Iterable[Any] = (item.get(name) for name in _SCORES)
    return next((round(float(value), 4) for value in values if _is_coordinate(value)), None)


def _shown(name: Any) -> str:
    if not isinstance(name, str | int | float):
        return ""
    return storable(str(name)[:_LONGEST_NAME])
