"""Settings of the wrong shape are named without their values."""

from __future__ import annotations

from pathlib import Path

import pytest

from easyai.errors import SettingsError
from easyai.settings.source import load

SECRET = "hunter2"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (f'[[easyai]]\nsecret_key = "{SECRET}"', "easyai"),
        (f'[easyai]\nsecret_key = ["{SECRET}"]', "easyai.secret_key"),
        (f'[easyai]\ndatabase_url = ["postgresql://u:{SECRET}@h/d"]', "easyai.database_url"),
        (f'[easyai]\ndatabase_url = {{password = "{SECRET}"}}', "easyai.database_url"),
        (f'[[frame_extractor.minio]]\nsecret_key = "{SECRET}"', "frame_extractor.minio"),
        (f'[easyai]\npublic_url = "u:{SECRET}@h"', "easyai.public_url"),
        (f'[easyai]\nflower_url = "http://u:{SECRET}@h"', "easyai.flower_url"),
        ("[easyai]\noperator_token = 20071984", "easyai.operator_token"),
        ("[easyai]\nviewer_token = 20071984", "easyai.viewer_token"),
        (f'[easyai]\nallowed_hosts = "https://u:{SECRET}@h"', "easyai.allowed_hosts"),
        (f'[easyai]\nallowed_hosts = ["https://u:{SECRET}@h"]', "easyai.allowed_hosts"),
        (
            f'[ai_analysis]\nservice_networks = ["http://u:{SECRET}@h"]',
            "ai_analysis.service_networks",
        ),
    ],
)
def test_a_value_of_the_wrong_shape_is_named_and_not_shown(
    text: str, key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EASYAI_SECRET_KEY", raising=False)
    path = tmp_path / "config.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        load(path)
    assert key in str(caught.value)
    assert SECRET not in str(caught.value)
    assert "20071984" not in str(caught.value)
