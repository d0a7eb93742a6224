"""What an author's function answers, and the `result` it becomes on the wire."""

import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from easyai.sdk.picture import Picture


@dataclass(frozen=True)
class Detection:
    """One thing seen, in a box (x1, y1, x2, y2) in pixels of the frame.

    Raises ValueError when the box is not four finite numbers with x1 <= x2 and y1 <= y2, or the
    confidence is not within 0..1.
    """

    bbox: tuple[float, float, float, float]  # left, top, right, bottom
    class_name: str  # e.g. person
    confidence: float = 1.0  # 0..1

    def __post_init__(self) -> None:
        box = tuple(float(value) for value in self.bbox)  # numpy numbers are not JSON
        if len(box) != 4 or not all(map(math.isfinite, box)):
            raise ValueError(f"bbox must be four finite numbers x1, y1, x2, y2, not {self.bbox}")
        if box[0] > box[2] or box[1] > box[3]:
            raise ValueError(f"bbox must be corners x1<=x2, y1<=y2, not {box}; see from_xywh")
        confidence = float(self.confidence)
        if not 0 <= confidence <= 1:
            raise ValueError(f"confidence must be within 0..1, not {confidence}")
        object.__setattr__(self, "bbox", box)
        object.__setattr__(self, "confidence", confidence)

    @classmethod
    def from_xywh(
        cls, x: float, y: float, width: float, height: float, class_name: str, confidence: float = 1
    ) -> Self:
        """Make one from a corner and a size in pixels, as OpenCV's detectors give it."""
        return cls((x, y, x + width, y + height), class_name, confidence)


Answer = Iterable[Detection] | Mapping[str, Any]
DetectFunction = Callable[[Picture], Answer]


def to_result(answer: Answer) -> tuple[dict[str, Any], float]:
    """Return the wire's `result` and `confidence` (the highest of all detections, 0 for none).

    A mapping is the result itself; detections become `total_count` and `detections`. Raises
    TypeError for anything else, None included: a forgotten `return` must not read as "nothing
    seen", because the server deletes frames with nothing on them.
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
    return {
        "bbox": list(detection.bbox),
        "class_name": detection.class_name,
        "confidence": detection.confidence,
    }


def _plain(result: Mapping[str, Any]) -> dict[str, Any]:
    """Copy with numpy's numbers and arrays as plain ones; NaN is refused, JSON has none."""
    text = json.dumps(dict(result), default=_number_or_list, allow_nan=False)
    plain: dict[str, Any] = json.loads(text)
    return plain


def _number_or_list(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"the result holds a {type(value).__name__}, which JSON cannot carry")


def _highest_confidence(result: dict[str, Any]) -> float:
    found = [result.get("confidence")]
    for item in [*_items(result, "detections"), *_items(result, "objects")]:
        found.append(item.get("confidence", item.get("score")))
    numbers = [float(value) for value in found if isinstance(value, int | float)]
    return max(numbers, default=0.0)


def _items(result: dict[str, Any], key: str) -> list[dict[str, Any]]:
    items = result.get(key)
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []
