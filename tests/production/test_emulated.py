"""The image for arm64, built and run by an emulator."""

from __future__ import annotations

import os

import pytest

from tests.production.conftest import Compose
from tests.production.engine import ROOT, Engine

pytestmark = pytest.mark.in_full
OTHER = "amd64" if os.uname().machine in {"aarch64", "arm64"} else "arm64"
BASE, IMAGE = f"easyai-base:{OTHER}", f"easyai:{OTHER}"
_SLOW_SEC = 600  # ten times slower than at home


@pytest.fixture(scope="module")
def image(engine: Engine) -> str:
    """Our image for the processor that this machine does not have."""
    if not engine.has(BASE):
        engine.run(("scripts/base-image", BASE), {"ARCH": OTHER}, True, 1800)
    engine.run(("scripts/emulate", OTHER), {}, True, 300)
    platform = ("--platform", f"linux/{OTHER}")
    engine.build(IMAGE, ROOT / "docker" / "Dockerfile", ROOT, *platform, base=BASE)
    return IMAGE


def test_the_image_for_another_processor_makes_an_alert(
    engine: Engine, image: str, compose: Compose
) -> None:
    assert engine.inspect(image)["Architecture"] == OTHER
    project = compose("edge", EASYAI_PUBLIC_URL="http://easyai:5066", EASYAI_IMAGE=image)
    project.up()
    project.start_detector("http://easyai:5066", _SLOW_SEC)
    project.site.put_frame(project.container("easyai"), 1)
    project.site.wait_for_alerts(1, _SLOW_SEC)
