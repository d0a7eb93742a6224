"""How the server reads a `result`: its detection count and its boxes."""

from typing import Any, TypeGuard

from easyai.sdk.check.bench import BreachError

_COUNT_KEYS = ("total_count", "count", "num")
_LIST_KEYS = ("detections", "objects")


def detection_count(result: dict[str, Any]) -> int:
    """Return the count that the server will use; raises BreachError without a count.

    The first of these that applies: the sum over `line_crossing` if above 0, `total_count`,
    `count`, `num`, the length of `detections`, the length of `objects`.
    """
    crossed = _line_crossing(result.get("line_crossing"))
    if crossed > 0:
        return crossed
    for key in _COUNT_KEYS:
        if key in result:
            number = _whole_number(result[key], key)
            if "line_crossing" not in result:  # lines count crossings, boxes may show other objects
                _compare(number, key, result)
            return number
    for key in _LIST_KEYS:
        if key in result:
            return len(_list(result[key], key))
    if "line_crossing" in result:
        return 0
    raise BreachError(f"result has none of the keys of a count, only {sorted(result)}")


def check_confidences(result: dict[str, Any]) -> None:
    """Raise BreachError for a confidence or score of an item that is not within 0..1."""
    for key in _LIST_KEYS:
        items = result.get(key)
        for index, item in enumerate(items if isinstance(items, list) else ()):
            for name in ("confidence", "score"):
                value = item.get(name, 0) if isinstance(item, dict) else 0
                if not (is_number(value) and 0 <= value <= 1):
                    where = f"{key}[{index}].{name}"
                    raise BreachError(f"{where} is not a number within 0..1: {value!r}")


def check_boxes(result: dict[str, Any], size: tuple[int, int]) -> int:
    """Return the number of boxes; raises BreachError for a box outside of the picture."""
    boxes = 0
    for key in _LIST_KEYS:
        for index, item in enumerate(_list(result.get(key, []), key)):
            if not isinstance(item, dict):
                raise BreachError(f"{key}[{index}] is not an object")
            if "bbox" in item:
                _check_box(item["bbox"], f"{key}[{index}].bbox", size)
                boxes += 1
    return boxes


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether a value is a finite JSON number of sane size; false for true and false."""
    return isinstance(value, int | float) and not isinstance(value, bool) and -1e15 < value < 1e15


def _compare(number: int, key: str, result: dict[str, Any]) -> None:
    for name in _LIST_KEYS:
        if name in result:
            length = len(_list(result[name], name))
            if length != number:
                raise BreachError(f"{key} is {number}, but {name} holds {length}")
            return


def _check_box(box: object, name: str, size: tuple[int, int]) -> None:
    if not (isinstance(box, list) and len(box) == 4 and all(map(is_number, box))):
        raise BreachError(f"{name} is not four numbers: {box}")
    x1, y1, x2, y2 = box
    if x1 > x2 or y1 > y2:
        raise BreachError(f"{name} {box} is not x1,y1,x2,y2: is it x,y,width,height?")
    if 0 < max(box) <= 1:
        raise BreachError(f"{name} {box} looks like fractions of the picture, not pixels")
    width, height = size
    # A pixel of tolerance: for rounding, and for boxes that include the last pixel.
    if x1 < -1 or y1 < -1 or x2 > width + 1 or y2 > height + 1:
        raise BreachError(f"{name} {box} is not within the picture of {width} x {height} pixels")


def _line_crossing(lines: object) -> int:
    if not isinstance(lines, dict):
        return 0
    counts = [line.get("count", 0) for line in lines.values() if isinstance(line, dict)]
    return sum(_whole_number(count, "line_crossing") for count in counts)


def _whole_number(value: object, key: str) -> int:
    if not is_number(value) or value != int(value) or value < 0:
        raise BreachError(f"{key} is not a whole number of at least 0: {value!r}")
    return int(value)


def _list(value: object, key: str) -> list[Any]:
    if not isinstance(value, list):
        raise BreachError(f"{key} is not a list")
    return value
