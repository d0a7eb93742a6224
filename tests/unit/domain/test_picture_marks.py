"""Only numbers become boxes, whatever a service sends."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from easyai.domain.picture_marks import MOST_BOXES, boxes, crossings, outlines, regions, result_of

SIZE = (200, 100)
NO_NUMBERS: list[Any] = [
    None,
    "1",
    True,
    [1],
    {},
    float("nan"),
    float("inf"),
    10**400,
    -(10**400),
    2e6,
]


def _box(**item: Any) -> list[dict[str, Any]]:
    return boxes({"detections": [item]}, SIZE)


def test_box_in_pixels_becomes_fractions_of_the_picture() -> None:
    found = _box(bbox=[20, 10, 60, 50], class_name="person", confidence=0.87654)
    assert found == [{"x": 0.1, "y": 0.1, "w": 0.2, "h": 0.4, "label": "person", "score": 0.8765}]


def test_box_stays_in_pixels_while_the_size_is_not_known() -> None:
    (found,) = boxes({"objects": [{"bbox": [20, 10, 60, 50], "label": "车", "score": 1}]})
    assert (found["x"], found["w"], found["unit"], found["label"]) == (20, 40, "px", "车")


def test_box_in_fractions_needs_no_size() -> None:
    (found,) = boxes({"detections": [{"bbox": [0.5, 0.25, 1, 1]}]})
    assert (found["x"], found["y"], found["w"], found["h"]) == (0.5, 0.25, 0.5, 0.75)
    assert "unit" not in found


def test_box_beyond_the_picture_is_cut_and_swapped_corners_are_sorted() -> None:
    (found,) = _box(bbox=[500, 120, -50, 50])
    assert (found["x"], found["y"], found["w"], found["h"]) == (0, 0.5, 1, 0.5)


@pytest.mark.parametrize("wrong", NO_NUMBERS, ids=repr)
def test_box_with_a_value_that_is_no_number_is_left_out(wrong: Any) -> None:
    assert _box(bbox=[1, 2, wrong, 4]) == []
    assert _box(bbox=wrong) == []
    assert _box(bbox={"x": wrong, "y": 1, "w": 1, "h": 1}) == []
    assert boxes({"detections": wrong}, SIZE) == boxes(wrong, SIZE) == []
    (found,) = _box(bbox=[1, 2, 3, 4], confidence=wrong, class_name=wrong)
    assert found["score"] is None


def test_number_of_boxes_is_bounded() -> None:
    assert len(boxes({"detections": [{"bbox": [0, 0, 1, 1]}] * 10_000})) == MOST_BOXES


def test_name_of_a_stranger_is_bounded_text() -> None:
    (found,) = _box(bbox=[0, 0, 1, 1], class_name="<b>\0\ud800" * 1000)
    assert len(found["label"]) == 100
    json.dumps(found, ensure_ascii=False).encode()


def test_crossings_have_the_counts_of_each_line() -> None:
    result = {"line_crossing": {"门": {"count": 3, "in": 2, "out": 1}, "x": 5, "y": {"count": "a"}}}
    assert crossings(result) == [
        {"name": "门", "count": 3, "in": 2, "out": 1},
        {"name": "y", "count": None, "in": None, "out": None},
    ]
    assert crossings([]) == crossings({"line_crossing": [1]}) == []


def test_regions_are_lines_and_polygons_of_an_algo_config() -> None:
    config = {
        "regions": [
            {"type": "line", "name": "绊线", "points": [[0, 50], [200, 50]]},
            {"type": "rectangle", "points": [{"x": 20, "y": 10}, {"x": 100, "y": 60}]},
            {"type": "polygon", "points": [[0, 0], ["a", 1], [100, 0], [100, 100]]},
            {"type": "polygon", "points": [[0, 0], [1, 1]], "enabled": False},
            {"type": "polygon", "points": [[1, None]]},
            "nothing",
        ]
    }
    line, rectangle, polygon = regions(outlines(config), SIZE)
    assert (line["kind"], line["name"], line["points"]) == ("line", "绊线", [(0, 0.5), (1, 0.5)])
    assert rectangle["points"] == [(0.1, 0.1), (0.5, 0.1), (0.5, 0.6), (0.1, 0.6)]
    assert (polygon["kind"], len(polygon["points"])) == ("region", 3)
    assert regions(outlines(config))[0]["unit"] == "px"


_ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(
            st.sampled_from(
                (
                    *("detections", "objects", "bbox", "regions", "points", "x", "y", "x1", "w"),
                    *("type", "line_crossing", "count", "score", "class"),
                )
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@settings(max_examples=300, deadline=None)
@given(_ANY)
def test_nothing_that_is_sent_raises(value: Any) -> None:
    for size in (None, SIZE, (0, 0)):
        for found in (boxes(value, size), regions(outlines(value), size), crossings(value)):
            json.dumps(found, allow_nan=False)


@pytest.mark.parametrize("text", ["", "nothing", "[" * 10_000, '{"a":NaN}', "\ud800", "1e999"])
def test_text_that_is_no_json_has_no_result(text: str) -> None:
    assert boxes(result_of(text)) == []
