"""From the value that an author returns to the JSON on the wire."""

import json
import math
from typing import Any

import numpy as np
import pytest

from easyai.sdk import Detection
from easyai.sdk.detection import to_result


def test_detections_become_a_count_and_boxes() -> None:
    result, confidence = to_result(
        [Detection((1, 2, 3, 4), "person", 0.5), Detection.from_xywh(10, 20, 5, 6, "person", 0.75)]
    )
    assert result == {
        "total_count": 2,
        "detections": [
            {"bbox": [1, 2, 3, 4], "class_name": "person", "confidence": 0.5},
            {"bbox": [10, 20, 15, 26], "class_name": "person", "confidence": 0.75},
        ],
    }
    assert confidence == 0.75


def test_empty_list_means_zero_detections() -> None:
    assert to_result([]) == ({"total_count": 0, "detections": []}, 0.0)


def test_any_iterable_of_detections_will_do() -> None:
    result, _ = to_result(Detection((0, 0, n, n), "car") for n in range(3))
    assert result["total_count"] == 3


def test_a_dict_is_the_result_unchanged() -> None:
    answer = {"line_crossing": {"门": {"count": 2}}, "objects": [{"score": 0.25}]}
    assert to_result(answer) == (answer, 0.25)


def test_a_dict_may_give_its_own_confidence() -> None:
    assert to_result({"count": 3, "confidence": 0.6})[1] == 0.6


def test_numbers_of_numpy_become_json() -> None:
    box = np.array([1.5, 2.5, 3.5, 4.5], np.float32)
    detection = Detection(tuple(box), "person", np.float32(0.5))  # type: ignore[arg-type]
    assert json.loads(json.dumps(to_result([detection])[0]))["detections"][0]["bbox"][0] == 1.5
    result, _ = to_result({"count": np.int64(2), "objects": [{"bbox": box}]})
    assert result == {"count": 2, "objects": [{"bbox": [1.5, 2.5, 3.5, 4.5]}]}


@pytest.mark.parametrize("answer", [None, 3, "person", [1, 2], [{"bbox": [0, 0, 1, 1]}]])
def test_answer_of_another_type_is_an_error_and_never_zero_detections(answer: Any) -> None:
    with pytest.raises(TypeError, match=r"return a list of Detection|make it of Detection"):
        to_result(answer)


def test_value_that_json_cannot_carry_is_an_error() -> None:
    with pytest.raises(ValueError, match="JSON"):
        to_result({"count": math.nan})
    with pytest.raises(TypeError, match="object"):
        to_result({"count": object()})


@pytest.mark.parametrize(
    ("bbox", "confidence"),
    [
        ((1, 2, 3), 1),
        ((1, 2, math.inf, 4), 1),
        ((5, 0, 1, 9), 1),
        ((0, 9, 1, 5), 1),
        ((0, 0, 1, 1), 95),
        ((0, 0, 1, 1), math.nan),
    ],
)
def test_a_wrong_detection_is_refused_where_it_is_made(bbox: Any, confidence: float) -> None:
    with pytest.raises(ValueError, match=r"bbox|confidence"):
        Detection(bbox, "person", confidence)


def test_track_outline_and_keypoints_are_in_the_result() -> None:
    detection = Detection(
        (0, 0, 10, 10),
        "person",
        0.5,
        track_id=np.int64(7),
        polygon=np.array([[0, 0], [10, 0], [10, 10]], np.int32),
        keypoints=[(1, 2), (3, 4, np.float32(0.5))],
    )
    result, _ = to_result([detection, Detection((0, 0, 1, 1), "car", track_id="a7")])
    first, second = json.loads(json.dumps(result))["detections"]
    assert first == {
        "bbox": [0, 0, 10, 10],
        "class_name": "person",
        "confidence": 0.5,
        "track_id": 7,
        "polygon": [[0, 0], [10, 0], [10, 10]],
        "keypoints": [[1, 2], [3, 4, 0.5]],
    }
    assert second["track_id"] == "a7"
    assert set(second) == {"bbox", "class_name", "confidence", "track_id"}


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"polygon": [(0, 0), (1, 1)]}, "polygon"),
        ({"polygon": [(0, 0), (1, 1), (1, math.nan)]}, "polygon"),
        ({"polygon": [(0, 0, 1), (1, 1, 1), (1, 0, 1)]}, "polygon"),
        ({"keypoints": [(1,)]}, "keypoints"),
        ({"keypoints": [(1, 2, 95)]}, "keypoints"),
        ({"track_id": 1.5}, "track_id"),
    ],
)
def test_detection_that_no_consumer_could_read_is_refused(
    changes: dict[str, Any], name: str
) -> None:
    with pytest.raises((ValueError, TypeError), match=name):
        Detection((0, 0, 1, 1), "person", **changes)
