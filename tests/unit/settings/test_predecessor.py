"""The operators' file has the meaning that it had for the predecessor (contract, section 6)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from easyai.errors import SettingsError
from easyai.settings.schema import Settings
from easyai.settings.source import load

# As in the incident report, with the address that stands in every such file.
OPERATORS_FILE = """
[defaulthttpconfig]
httplistenaddr = ':5066'
httpslistenaddr = ':24434'
httpscertfile = './configs/cert.pem'

[ai_analysis]
enable = true
scan_interval_sec = 1
mq_type = 'kafka'
mq_address = '172.16.5.207:9092'
mq_topic = 'easyai.alerts'
heartbeat_timeout_sec = 60  # 心跳超时时间（秒）
max_concurrent_infer = 100
max_queue_size = 5000
"""
DEFAULTS = {
    "ai_analysis.scan_interval_sec": (1.0, "0"),
    "ai_analysis.mq_type": ("none", '""'),
    "ai_analysis.mq_topic": ("easyai.alerts", '""'),
    "ai_analysis.max_concurrent_infer": (100, "0"),
    "ai_analysis.max_queue_size": (5000, "0"),
    "ai_analysis.alert_base_path": ("alerts/", '""'),
    "ai_analysis.alert_batch_size": (100, "0"),
    "ai_analysis.alert_batch_interval_sec": (2.0, "0.0"),
    "ai_analysis.alert_image_move_concurrent": (50, "0"),
    "ai_analysis.heartbeat_timeout_sec": (90.0, "0"),
    "frame_extractor.store": ("local", '""'),
    "frame_extractor.output_dir": (Path("snapshots"), '""'),
}


@pytest.fixture(autouse=True)
def _no_variables_of_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("EASYAI_")]:
        monkeypatch.delenv(name)


def _load(tmp_path: Path, text: str) -> Settings:
    path = tmp_path / "config.toml"
    path.write_text(text, encoding="utf-8")
    return load(path)


def _place(settings: Settings) -> tuple[str, int]:
    return settings.easyai.host, settings.easyai.port


def test_operators_file_makes_the_api_reachable_from_other_hosts(tmp_path: Path) -> None:
    settings = _load(tmp_path, OPERATORS_FILE)
    assert _place(settings) == ("", 5066)
    assert settings.ai_analysis.heartbeat_timeout_sec == 60.0


@pytest.mark.parametrize(
    ("address", "place"),
    [
        (":5067", ("", 5067)),
        ("0.0.0.0:5067", ("0.0.0.0", 5067)),
        ("127.0.0.1:5067", ("127.0.0.1", 5067)),
        ("[::]:5067", ("", 5067)),
        ("[::1]:5067", ("::1", 5067)),
        ("camera-host:5067", ("camera-host", 5067)),
        (" :5067 ", ("", 5067)),
        ("", ("127.0.0.1", 5066)),
    ],
)
def test_httplistenaddr_sets_host_and_port(
    address: str, place: tuple[str, int], tmp_path: Path
) -> None:
    text = f"[defaulthttpconfig]\nhttplistenaddr = '{address}'"
    assert _place(_load(tmp_path, text)) == place


def test_easyai_host_and_port_override_httplistenaddr(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "[defaulthttpconfig]\nhttplistenaddr = ':5067'\n[easyai]\nhost = '127.0.0.1'"
    assert _place(_load(tmp_path, text)) == ("127.0.0.1", 5067)
    monkeypatch.setenv("EASYAI_PORT", "5068")
    assert _place(_load(tmp_path, text)) == ("127.0.0.1", 5068)
    monkeypatch.setenv("EASYAI_HOST", "0.0.0.0")
    assert _place(_load(tmp_path, OPERATORS_FILE)) == ("0.0.0.0", 5068)


@pytest.mark.parametrize("address", ["5066", ":", ":port", ":70000", "[::1:5066", "::1:5066", ":0"])
def test_impossible_address_is_refused_with_the_name_of_its_key(
    address: str, tmp_path: Path
) -> None:
    with pytest.raises(
        SettingsError, match=r"defaulthttpconfig\.httplistenaddr: must be .*':5066'"
    ):
        _load(tmp_path, f"[defaulthttpconfig]\nhttplistenaddr = '{address}'")


def test_empty_and_0_mean_the_default_in_file_and_variable(
    tmp_path: Path, subtests: pytest.Subtests
) -> None:
    for key in DEFAULTS:
        with subtests.test(key=key), pytest.MonkeyPatch.context() as patch:
            table, _, name = key.rpartition(".")
            default, nothing = DEFAULTS[key]
            assert _value(_load(tmp_path, f"[{table}]\n{name} = {nothing}"), table, name) == default
            patch.setenv(f"EASYAI_{table}__{name}".upper(), nothing.strip('"'))
            assert _value(_load(tmp_path, ""), table, name) == default


def _value(settings: Settings, table: str, name: str) -> Any:
    return getattr(getattr(settings, table), name)


def test_zero_keeps_its_meaning_for_other_keys(tmp_path: Path) -> None:
    analysis = _load(tmp_path, "[ai_analysis]\nmax_alerts_in_db = 0\nenable = 0").ai_analysis
    assert analysis.max_alerts_in_db == 0
    assert not analysis.enable


@pytest.mark.parametrize("word", ["Kafka", "KAFKA", " kafka "])
def test_mq_type_is_read_in_any_case(word: str, tmp_path: Path) -> None:
    text = f'[ai_analysis]\nmq_type = "{word}"\nmq_address = "h:9092"'
    analysis = _load(tmp_path, text).ai_analysis
    assert analysis.mq_type == "kafka"
    assert analysis.has_bus


def test_empty_mq_address_means_no_bus(tmp_path: Path) -> None:
    # As it was for the predecessor; alerts would else wait for ever.
    assert not _load(tmp_path, '[ai_analysis]\nmq_type = "kafka"').ai_analysis.has_bus
