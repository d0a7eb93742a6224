"""Which alarms a mute covers."""

from __future__ import annotations

import pytest

from easyai.domain.mute import Mute, Scope


@pytest.mark.parametrize(
    ("subject", "is_covered"),
    [
        ("gate", True),
        ("people/gate", True),
        ("floodgate", False),
        ("http://host:7901/gate", False),
    ],
)
def test_mute_of_a_camera_covers_the_camera_and_no_endpoint(subject: str, is_covered: bool) -> None:
    mute = Mute(Scope.CAMERA, "gate", 60.0, "li", 0.0)
    assert mute.covers("service_offline", subject, ()) is is_covered
