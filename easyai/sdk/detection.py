"""The answer of an author's function, and the `result` it becomes on the wire."""

import json
import math
import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self, SupportsFloat, SupportsIndex

from easyai.sdk.picture import Picture

Points = Iterable[Iterable[SupportsFloat]]  # numpy's arrays, too

_LENGTHS = {"polygon": (2,), "keypoints": (2, 3)}
_FORMS = {"polygon": "(x, y)", "keypoints": "(x, y) or (x, y, confidence)"}


@dataclass(frozen=True)
class Detection:
    """A detected object, in a box (x1, y1, x2, y2) in pixels of the frame.

    Raises ValueError when the box is not four finite numbers with x1 <= x2 and y1 <= y2, a
    confidence is not within 0..1, a polygon has fewer than three points, or a point is not finite
    numbers; TypeError when track_id is neither a text nor a whole number.
    """

    bbox: tuple[float, float, float, float]  # left, top, right, bottom
    class_name: str  # e.g. person
    confidence: float = 1.0  # 0..1
    track_id: SupportsIndex | str | None = None  # the same object over the frames of its camera
    polygon: Points | None = None  # the outline: (x, y) in pixels
    keypoints: Points | None = None  # (x, y), or (x, y, confidence of 0..1)

    def __post_init__(self) -> None:
        box = tuple(float(value) for value in self.bbox)  # numpy numbers are not JSON
        if len(box) != 4 or not all(map(math.isfinite, box)):
            raise ValueError(f"bbox must be four finite numbers x1, y1, x2, y2, not {self.bbox}")
        if box[0] > box[2] or box[1] > box[3]:
            raise ValueError(f"bbox must be corners x1<=x2, y1<=y2, not {box}; see from_xywh")
        polygon = _points(self.polygon, "polygon")
        checked = {
            "bbox": box,
            "confidence": _confidence(self.confidence, "confidence"),
            "track_id": _track_id(self.track_id),
            "polygon": polygon,
            "keypoints": _points(self.keypoints, "keypoints"),
        }
        if polygon is not None and len(polygon) < 3:
            raise ValueError(f"polygon must have at least three points, not {len(polygon)}")
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    @classmethod
    def from_xywh(
        cls, x: float, y: float, width: float, height: float, class_name: str, confidence: float = 1
    ) -> Self:
        """Make a detection from a corner and a size in pixels, the form of OpenCV's detectors."""
        return cls((x, y, x + width, y + height), class_name, confidence)


Answer = Iterable[Detection] | Mapping[str, Any]
DetectFunction = Callable[[Picture], Answer]


def to_result(answer: Answer) -> tuple[dict[str, Any], float]:
    """Return the wire's `result` and `confidence` (the highest of all detections, 0 for none).

    A mapping is the result itself; detections become `total_count` and `detections`. Raises
    TypeError for anything else. None is an error, too: a forgotten `return` must not mean "nothing
    detected", because the server deletes frames without detections.
    """
    if isinstance(answer, Mapping):
        result = _plain(answer)
    elif isinstance(answer, Iterable) and not isinstance(answer, str | bytes):
        detections = [_wire_form(detection) for detection in answer]
        result = {"total_count": len(detections), "detections": detections}
    else:
        raise TypeError(
            f"the function returned {type(answer).__name__}: return a list of Detection "
            "(empty when nothing is seen) or a dict"
        )
    return result, _highest_confidence(result)


def _wire_form(detection: object) -> dict[str, Any]:
    if not isinstance(detection, Detection):
        raise TypeError(f"the list holds a {type(detection).__name__}: make it of Detection")
    form: dict[str, Any] = {
        "bbox": list(detection.bbox),
        "class_name": detection.class_name,
        "confidence": detection.confidence,
    }
    if detection.track_id is not None:
        form["track_id"] = detection.track_id
    for name in ("polygon", "keypoints"):
        points = getattr(detection, name)
        if points is not None:
            form[name] = [list(point) for point in points]
    return form


def _confidence(value: float, name: str) -> float:
    confidence = float(value)
    if not 0 <= confidence <= 1:
        raise ValueError(f"{name} must be within 0..1, not {confidence}")
    return confidence


def _track_id(value: SupportsIndex | str | None) -> int | str | None:
    if value is None or isinstance(value, str):
        return value
    try:
        return operator.index(value)  # numpy's whole numbers, too
    except TypeError:
        raise TypeError(f"track_id must be a text or a whole number, not {value!r}") from None


def _points(value: Points | None, name: str) -> tuple[tuple[float, ...], ...] | None:
    if value is None:
        return None
    points = tuple(tuple(float(number) for number in point) for point in value)
    for point in points:
        if len(point) not in _LENGTHS[name] or not all(map(math.isfinite, point)):
            raise ValueError(f"{name} must be points of {_FORMS[name]}, not {point}")
        if len(point) == 3:
            _confidence(point[2], f"the confidence of {name}")
    return points


def _plain(result: Mapping[str, Any]) -> dict[str, Any]:
    """Copy the result with numpy's numbers and arrays as plain values; raises for NaN."""
    text = json.dumps(dict(result), default=_number_or_list, allow_nan=False)
    plain: dict[str, Any] = json.loads(text)
    return plain


def _number_or_list(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"the result holds a {type(value).__name__}, which JSON cannot carry")


def _highest_confidence(result: dict[str, Any]) -> float:
    values = [result.get("confidence")]
    for item in [*_items(result, "detections"), *_items(result, "objects")]:
        values.append(item.get("confidence", item.get("score")))
    numbers = [float(value) for value in values if isinstance(value, int | float)]
    return max(numbers, default=0.0)


def _items(result: dict[str, Any], key: str) -> list[dict[str, Any]]:
    items = result.get(key)
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []
