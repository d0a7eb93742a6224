"""Settings: the operators' file, an environment variable for every key, errors that help."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal
from unicodedata import normalize

import pytest
from sqlalchemy.engine import make_url

from easyai.domain.reason import NO_REASON
from easyai.errors import SettingsError
from easyai.messages.catalogue import text as worded
from easyai.settings import file as settings_file
from easyai.settings import last_good
from easyai.settings.partial import load_in_part
from easyai.settings.schema import TRIPWIRE
from easyai.settings.source import SettingsSource, keep_copy, load

Write = Callable[[str], Path]

# The contract, section 6: key, default, another value as TOML, and as a variable.
KEYS: dict[str, tuple[Any, str, str, Any]] = {
    "ai_analysis.enable": (True, "false", "false", False),
    "ai_analysis.scan_interval_sec": (1.0, "0.25", "0.25", 0.25),
    "ai_analysis.mq_type": ("none", '"kafka"', "kafka", "kafka"),
    "ai_analysis.mq_address": ("", '"h:9092"', "h:9092", "h:9092"),
    "ai_analysis.mq_topic": ("easyai.alerts", '"t"', "t", "t"),
    "ai_analysis.mq_system_topic": ("", '"s"', "s", "s"),
    "ai_analysis.heartbeat_timeout_sec": (60.0, "5", "5", 5.0),
    "ai_analysis.max_concurrent_infer": (100, "7", "7", 7),
    "ai_analysis.max_queue_size": (5000, "7", "7", 7),
    "ai_analysis.save_only_with_detection": (True, "false", "0", False),
    "ai_analysis.alert_base_path": ("alerts/", '"a/b"', "/a/b", "a/b/"),
    "ai_analysis.alert_batch_size": (100, "9", "9", 9),
    "ai_analysis.alert_batch_interval_sec": (2.0, "0.5", "0.5", 0.5),
    "ai_analysis.alert_image_move_concurrent": (50, "3", "3", 3),
    "ai_analysis.max_alerts_in_db": (1000, "0", "0", 0),
    "ai_analysis.infer_timeout_sec": (30.0, "3", "3", 3.0),
    "ai_analysis.lease_sec": (15.0, "4", "4", 4.0),
    "ai_analysis.max_attempts": (3, "1", "1", 1),
    "ai_analysis.batch_size": (100, "8", "8", 8),
    "frame_extractor.store": ("local", '"minio"', "minio", "minio"),
    "frame_extractor.output_dir": (Path("snapshots"), '"/x"', "/x", Path("/x")),
    "frame_extractor.task_types": ((), '["人脸"]', '["人脸"]', ("人脸",)),
    "frame_extractor.minio.endpoint": ("", '"h:9000"', "h:9000", "h:9000"),
    "frame_extractor.minio.bucket": ("", '"b"', "b", "b"),
    "frame_extractor.minio.access_key": ("", '"k"', "k", "k"),
    "frame_extractor.minio.use_ssl": (False, "true", "true", True),
    "frame_extractor.minio.base_path": ("", '"p"', "p", "p"),
    "defaulthttpconfig.httplistenaddr": ("", '"[::1]:81"', "[::1]:81", "[::1]:81"),
    "easyai.database_url": ("", '"sqlite:////x"', "sqlite:////x", "sqlite:////x"),
    "easyai.broker_url": ("", '"redis://h"', "redis://h", "redis://h"),
    "easyai.data_dir": (Path("data"), '"/d"', "/d", Path("/d")),
    "easyai.host": ("127.0.0.1", '"0.0.0.0"', "0.0.0.0", "0.0.0.0"),
    "easyai.port": (5066, "80", "80", 80),
    "easyai.public_url": ("", '"https://h/"', "https://h/", "https://h"),
    "easyai.registrations_per_minute": (3000, "0", "0", 0),
    "easyai.services_per_source": (1000, "5", "5", 5),
    "easyai.registration": ("open", '"approve"', "approve", "approve"),
    "easyai.viewers": ("open", '"token"', "token", "token"),
    "easyai.metrics_by_camera": (False, "true", "true", True),
    "easyai.allowed_hosts": ((), '["A.b."]', '["a.b"]', ("a.b",)),
    "easyai.flower_url": ("", '"https://h/flower/"', "https://h/flower/", "https://h/flower/"),
}


@pytest.fixture(autouse=True)
def _no_variables_of_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("EASYAI_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes the settings file."""

    def write(text: str) -> Path:
        path = tmp_path / "config.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def _value(settings: Any, key: str) -> Any:
    for part in key.split("."):
        settings = getattr(settings, part)
    return settings


def _variable(key: str) -> str:
    return "EASYAI_" + key.removeprefix("easyai.").replace(".", "__").upper()


def test_every_key_has_its_default(subtests: pytest.Subtests) -> None:
    for key in KEYS:
        with subtests.test(key=key):
            assert _value(load(), key) == KEYS[key][0]


def test_every_key_is_read_from_the_file(write: Write, subtests: pytest.Subtests) -> None:
    for key in KEYS:
        with subtests.test(key=key):
            table, _, name = key.rpartition(".")
            path = write(f"[{table}]\n{name} = {KEYS[key][1]}")
            assert _value(load(path), key) == KEYS[key][3]


def test_every_key_has_a_variable_that_wins_over_the_file(
    write: Write, subtests: pytest.Subtests
) -> None:
    for key in KEYS:
        with subtests.test(key=key), pytest.MonkeyPatch.context() as patch:
            table, _, name = key.rpartition(".")
            default = KEYS[key][0]
            in_file = (
                "[]"
                if default == ()
                else f'"{default}"'
                if isinstance(default, str | Path)
                else None
            )
            if in_file is None:
                in_file = str(default).lower()
            path = write(f"[{table}]\n{name} = {in_file}")
            patch.setenv(_variable(key), KEYS[key][2])
            assert _value(load(path), key) == KEYS[key][3]


def test_secrets_come_from_file_or_variable_and_are_never_shown(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write('[frame_extractor.minio]\nsecret_key = "hunter2"\n[easyai]\nsecret_key = "a"')
    monkeypatch.setenv("EASYAI_SECRET_KEY", "hunter3")
    settings = load(path)
    assert settings.frame_extractor.minio.secret_key.get_secret_value() == "hunter2"
    assert settings.easyai.secret_key.get_secret_value() == "hunter3"
    assert "hunter" not in repr(settings)


def test_cameras_and_types_of_the_operators_file_are_read(write: Write) -> None:
    settings = load(
        write(
            f"""
            [ai_analysis.types."人脸"]
            max_concurrent = 4
            affinity = "task_id"
            [ai_analysis.types."{TRIPWIRE}"]
            affinity = "none"
            [[frame_extractor.tasks]]
            id = "门口2"
            task_type = "人数统计"
            rtsp_url = "rtsp://x"
            interval_ms = 200
            preferred_algorithm_endpoint = "http://h:1/infer"
            save_alert_image = true
            max_frame_count = 10
            """
        )
    )
    analysis, extractor = settings.ai_analysis, settings.frame_extractor
    assert (analysis.type_limit("人脸"), analysis.type_limit("车辆")) == (4, None)
    assert analysis.affinity("人脸")
    assert not analysis.affinity("车辆")
    assert not analysis.affinity(TRIPWIRE)
    assert load().ai_analysis.affinity(TRIPWIRE)
    assert extractor.preferred_endpoint("人数统计", "门口2") == "http://h:1/infer"
    assert extractor.preferred_endpoint("人脸", "门口2") == ""
    assert extractor.preferred_endpoint("人数统计", "门口3") == ""


def test_tables_and_lists_are_json_in_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EASYAI_AI_ANALYSIS__TYPES", '{"人脸": {"max_concurrent": 2}}')
    monkeypatch.setenv("EASYAI_FRAME_EXTRACTOR__TASKS", '[{"id": "门口1"}]')
    settings = load()
    assert settings.ai_analysis.type_limit("人脸") == 2
    assert [task.id for task in settings.frame_extractor.tasks] == ["门口1"]


def test_keys_of_other_plugins_are_ignored_with_a_single_line(
    write: Write, caplog: pytest.LogCaptureFixture
) -> None:
    path = write('[rtsp_server]\nport = 1\n[ai_analysis]\nwhat = 1\n["中文"]\nx = 1')
    with caplog.at_level("INFO"):
        assert load(path) == load()
    (line,) = [record.message for record in caplog.records]
    keys = 'rtsp_server, ai_analysis.what, "中文"'
    assert line == f"settings keys of other plugins ignored: {keys}"


def test_a_byte_order_mark_and_windows_line_ends_are_fine(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(b"\xef\xbb\xbf[easyai]\r\nport = 81\r\n")
    assert load(path).easyai.port == 81


@pytest.mark.parametrize("named", ["site/config.toml", "absolute"])
def test_relative_paths_in_the_file_start_at_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    site, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    site.mkdir()
    elsewhere.mkdir()
    (site / "config.toml").write_text(
        "[easyai]\ndata_dir = './d'\ndatabase_url = 'sqlite:///d/own.db'\n"
        "[frame_extractor]\noutput_dir = '../frames'\n"
    )
    monkeypatch.chdir(tmp_path if named != "absolute" else elsewhere)
    settings = load(Path(named) if named != "absolute" else site / "config.toml")
    assert settings.easyai.data_dir == site / "d"
    assert settings.easyai.database_url == f"sqlite:///{site}/d/own.db"
    assert settings.frame_extractor.output_dir.resolve() == tmp_path / "frames"


def test_relative_paths_in_variables_start_at_the_working_folder(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EASYAI_DATA_DIR", "d")
    assert load(write("[easyai]\ndata_dir = 'other'\n")).easyai.data_dir == Path("d")


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "postgresql://u:p@h/n", 5])
def test_only_the_file_of_an_sqlite_url_is_placed(url: str | int) -> None:
    text = f"[easyai]\ndatabase_url = {url!r}\n"
    assert settings_file.parse(Path("/s/c.toml"), text)["easyai"]["database_url"] == url


def test_the_file_is_named_by_a_variable(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EASYAI_CONFIG", str(write("[easyai]\nport = 82")))
    assert load().easyai.port == 82


_ERRORS = [
    ("[ai_analysis]\nscan_interval_sec = 0.01", ["ai_analysis.scan_interval_sec", "0.05"]),
    ('[ai_analysis]\nenable = "perhaps"', ["ai_analysis.enable", "'perhaps'"]),
    ('[ai_analysis]\nmq_type = "mqtt"', ["ai_analysis.mq_type", "'kafka'", "'mqtt'"]),
    ('[ai_analysis]\nalert_base_path = "../x"', ["ai_analysis.alert_base_path", "'alerts/'"]),
    ('[ai_analysis]\nalert_base_path = "/"', ["ai_analysis.alert_base_path"]),
    ("[ai_analysis]\nmax_concurrent_infer = -1", ["ai_analysis.max_concurrent_infer", "1"]),
    ("[easyai]\nport = 70000", ["easyai.port", "65535", "70000"]),
    ('[easyai]\npublic_url = "h:80"', ["easyai.public_url", "http://"]),
    (
        '[frame_extractor.minio]\nevents_url = "kafka://h"',
        ["frame_extractor.minio.events_url", "redis://"],
    ),
    ('[frame_extractor]\nstore = "ftp"', ["frame_extractor.store", "'local'", "'ftp'"]),
    ("[frame_extractor]\ntasks = 1", ["frame_extractor.tasks"]),
    ('[ai_analysis.types."人脸"]\naffinity = "x"', ['ai_analysis.types."人脸".affinity']),
    ("[easyai\nport = 1", ["not valid TOML", "line 1"]),
    ("easyai = 1", ["easyai"]),
]


def test_an_error_names_file_key_and_remedy(write: Write, subtests: pytest.Subtests) -> None:
    for text, words in _ERRORS:
        with subtests.test(text=text, words=words):
            path = write(text)
            with pytest.raises(SettingsError) as caught:
                load(path)
            for word in [str(path), *words]:
                assert word in str(caught.value)


_WORDS_OF_ERRORS = [
    (
        '[ai_analysis]\nnotify_urls = "dingtalk://SECRET"',
        'ai_analysis.notify_urls: takes a list, such as ["mailtos://user:password@example.com"]',
    ),
    (
        '[ai_analysis]\nnotify_urls = ["json://h", 7]',
        'ai_analysis.notify_urls number 2: takes a text in quotes, such as "text"',
    ),
    (
        '[ai_analysis.types."人脸"]\nsampling = "often"',
        'ai_analysis.types."人脸".sampling: takes "auto" or a whole number from 1 to 10000 '
        "(got 'often')",
    ),
    (
        "[ai_analysis]\nenable = 2",
        "ai_analysis.enable: takes true or false (got 2)",
    ),
    (
        '[ai_analysis]\nslow_inference_ms = "slow"',
        "ai_analysis.slow_inference_ms: takes a number, such as 5000 (got 'slow')",
    ),
    (
        "[ai_analysis]\nmax_queue_size = 1.5",
        "ai_analysis.max_queue_size: takes a whole number, such as 5000 (got 1.5)",
    ),
    ("[easyai]\nport = 0", "easyai.port: must be at least 1 (got 0)"),
    (
        "[easyai]\ndata_dir = 1",
        'easyai.data_dir: takes a path in quotes, such as "data" (got 1)',
    ),
    (
        '[[frame_extractor.tasks]]\nid = "a"\n[[frame_extractor.tasks]]\nid = true',
        'frame_extractor.tasks number 2, id: takes a text in quotes, such as "text" (got true)',
    ),
    (
        '[easyai]\nallowed_hosts = "a.b"',
        'easyai.allowed_hosts: takes a list of host names, such as ["easyai.example.com"] '
        "(got 'a.b')",
    ),
    (
        '[easyai]\nallowed_hosts = ["http://a.b"]',
        "easyai.allowed_hosts: 'http://a.b' is no host name; leave out scheme, port and path: "
        '"easyai.example.com", or "*.example.com" for all names below',
    ),
    ("ai_analysis = 1", "ai_analysis: takes a table, written [ai_analysis] (got 1)"),
]


def test_error_names_the_valid_values_of_the_key_in_toml_terms(
    write: Write, subtests: pytest.Subtests
) -> None:
    for text, message in _WORDS_OF_ERRORS:
        with subtests.test(text=text, message=message):
            path = write(text)
            with pytest.raises(SettingsError) as caught:
                load(path)
            assert str(caught.value) == f"{path}: {message}"


@pytest.mark.parametrize(
    "value",
    [
        "flower:5555",
        "ftp://h/flower",
        "javascript:alert(1)//http://h",
        "http://",
        "https:///flower",
        "http://h:port",
        "http://h:5555 /",
        "http://h/'flower",
        "http://user:word@h:5555/",
        "http://[::1/",
    ],
)
def test_link_to_flower_is_an_address_that_browsers_open(write: Write, value: str) -> None:
    path = write(f'[easyai]\nflower_url = "{value}"')
    with pytest.raises(SettingsError) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}: easyai.flower_url: must be an address that ")
    assert "http://HOST:5555 or https://HOST/flower/" in str(caught.value)


def test_misspelt_keys_are_a_warning_and_never_an_error(
    write: Write, caplog: pytest.LogCaptureFixture
) -> None:
    text = (
        "[ai_analysis]\nscan_interval = 3\n"
        '[ai_analysis.types."人脸"]\npriorty = 9\n'
        "[easyai]\ndata_dirs = 1\n"
        '[frame_extractor]\ntype = 1\n[frame_extractor.minio]\nbuckett = "b"\n'
    )
    assert load(write(text)).ai_analysis.scan_interval_sec == 1
    warned = [record.message for record in caplog.records if record.levelname == "WARNING"]
    wrong = ("ai_analysis.scan_interval", 'ai_analysis.types."人脸".priorty')
    right = ("ai_analysis.scan_interval_sec", 'ai_analysis.types."人脸".priority')
    pairs = zip(
        (*wrong, "easyai.data_dirs", "frame_extractor.minio.buckett"),
        (*right, "easyai.data_dir", "frame_extractor.minio.bucket"),
        strict=True,
    )
    assert sorted(warned) == sorted(
        f"settings: {key} is no key of easyai and has no effect; did you mean {meant}?"
        for key, meant in pairs
    )


def test_all_errors_are_reported_at_once(write: Write) -> None:
    with pytest.raises(SettingsError, match=r"easyai\.port.*; .*|ai_analysis.*; .*easyai\.port"):
        load(write("[easyai]\nport = 0\n[ai_analysis]\nbatch_size = 0"))


def test_mistakes_beyond_twenty_are_counted(write: Write) -> None:
    wrong = "[[frame_extractor.tasks]]\nid = 7\n"
    with pytest.raises(SettingsError, match=r"tasks number 20, id: .*; 1 more mistake$"):
        load(write(wrong * 21))
    with pytest.raises(SettingsError, match=r"tasks number 20, id: takes a text[^;]*$"):
        load(write(wrong * 20))


def test_fault_has_no_character_that_a_database_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EASYAI_AI_ANALYSIS__TYPES", '{"\\ud800": 3}')
    with pytest.raises(SettingsError) as caught:
        load(tmp_path / "none\udcff.toml")
    worded(caught.value.reason).encode()
    with pytest.raises(SettingsError) as caught:
        load()
    worded(caught.value.reason).encode()


def test_error_in_a_variable_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EASYAI_FRAME_EXTRACTOR__TASK_TYPES", "[1,")
    with pytest.raises(SettingsError, match="EASYAI_FRAME_EXTRACTOR__TASK_TYPES: not valid JSON"):
        load()


def test_invalid_secret_is_not_shown(write: Write) -> None:
    with pytest.raises(SettingsError) as caught:
        load(write("[easyai]\nsecret_key = 12345678"))
    assert "12345678" not in str(caught.value)
    assert "easyai.secret_key" in str(caught.value)


def test_a_missing_file_names_the_variable(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no such file; set EASYAI_CONFIG"):
        load(tmp_path / "none.toml")


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="UTF-8"):
        load(path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f'data_dir = "/{"长" * 166}"', r"easyai\.data_dir: .* 509 bytes.* 504 .*shorter"),
        (f'database_url = "sqlite:////{"x" * 504}"', r"easyai\.database_url: .* 505 bytes"),
    ],
)
def test_a_path_that_sqlite_cannot_open_is_refused(text: str, words: str, write: Write) -> None:
    with pytest.raises(SettingsError, match=words):
        load(write(f"[easyai]\n{text}\n"))
    load(write("[easyai]\n" + re.sub("[长x]{4}", "", text, count=1)))


def test_settings_are_frozen() -> None:
    with pytest.raises(Exception, match="frozen"):
        load().ai_analysis.enable = False


@pytest.mark.parametrize(
    ("host", "public_url", "url"),
    [
        ("127.0.0.1", "", "http://127.0.0.1:5066"),
        ("0.0.0.0", "", "http://127.0.0.1:5066"),
        ("192.168.1.9", "", "http://192.168.1.9:5066"),
        ("::1", "", "http://[::1]:5066"),
        ("::", "", "http://127.0.0.1:5066"),
        ("[::]", "", "http://127.0.0.1:5066"),
        ("[fd00:0::9]", "", "http://[fd00::9]:5066"),
        ("0.0.0.0", "https://easyai.example/x/", "https://easyai.example/x"),
    ],
)
def test_links_name_an_address_that_others_reach(
    host: str, public_url: str, url: str, write: Write
) -> None:
    own = load(write(f'[easyai]\nhost = "{host}"\npublic_url = "{public_url}"')).easyai
    assert own.effective_public_url == url


def test_the_default_database_is_a_file_in_the_data_folder(write: Write, tmp_path: Path) -> None:
    own = load(write(f'[easyai]\ndata_dir = "{tmp_path}"')).easyai
    assert own.effective_database_url == f"sqlite:///{tmp_path / 'easyai.db'}"


class _Watchful(SettingsSource):
    CHECK_EVERY_SEC = 0.0


def test_changed_file_takes_effect_and_is_logged(
    write: Write, caplog: pytest.LogCaptureFixture
) -> None:
    source = _Watchful(write("[easyai]\nport = 1"))
    assert source.current().easyai.port == 1
    write("[easyai]\nport = 1234")
    with caplog.at_level("INFO"):
        assert source.current().easyai.port == 1234
    assert "settings reloaded" in caplog.text


@pytest.mark.parametrize("broken", ["[easyai", "[easyai]\nport = 'x'", None])
def test_broken_or_vanished_file_keeps_the_old_values_and_is_logged_once(
    broken: str | None, write: Write, caplog: pytest.LogCaptureFixture
) -> None:
    path = write("[easyai]\nport = 7")
    source = _Watchful(path)
    if broken is None:
        path.unlink()
    else:
        write(broken)
    assert [source.current().easyai.port for _ in range(3)] == [7, 7, 7]
    assert caplog.text.count("the old values stay in force") == 1
    write("[easyai]\nport = 8")
    assert source.current().easyai.port == 8


def test_the_file_is_checked_once_a_second_at_most(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = SettingsSource(write(""))
    monkeypatch.setattr(source, "_stat", lambda: pytest.fail("looked too early"))
    for _ in range(100):
        source.current()


def test_a_process_without_a_file_runs_on_defaults() -> None:
    assert _Watchful().current() == load()


_MISTAKEN = """
[ai_analysis]
stall_alarm_sec = 0
batch_size = 7
notify_urls = ["json://a", 3, "json://b"]
types = { "人脸" = { sampling = "often", priority = 3 } }
[frame_extractor]
tasks = [{ id = 5, task_type = "x" }, "y", { id = "z" }]
minio = 3
[easyai]
port = 7
"""


def test_valid_keys_are_read_with_defaults_for_the_rest(write: Write) -> None:
    path = write(_MISTAKEN)
    with pytest.raises(SettingsError) as caught:
        load(path)
    settings, fault = load_in_part(path)
    assert worded(fault) == str(caught.value), "every mistake is reported"
    analysis, extractor = settings.ai_analysis, settings.frame_extractor
    assert (analysis.stall_alarm_sec, analysis.batch_size, settings.easyai.port) == (30.0, 7, 7)
    assert [url.get_secret_value() for url in analysis.notify_urls] == ["json://a", "json://b"]
    own = analysis.types["人脸"]
    assert (own.sampling, own.priority) == (1, 3)
    assert [(task.id, task.task_type) for task in extractor.tasks] == [("", "x"), ("z", "")]
    assert extractor.minio.endpoint == ""


def test_value_in_place_of_a_table_gives_the_defaults_of_the_table(write: Write) -> None:
    settings, fault = load_in_part(write("ai_analysis = 3\n[easyai]\nport = 7\n"))
    assert (settings.ai_analysis.batch_size, settings.easyai.port) == (100, 7)
    assert "ai_analysis" in worded(fault)


def test_load_in_part_equals_load_for_settings_without_a_mistake(write: Write) -> None:
    path = write("[easyai]\nport = 7\n")
    assert load_in_part(path) == (load(path), NO_REASON)


@pytest.mark.parametrize("name", ["EASYAI_DATABASE_URL", "EASYAI_DATA_DIR"])
def test_file_that_is_not_toml_hides_the_database_unless_a_variable_names_it(
    write: Write, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    path = write("[easyai")
    monkeypatch.setenv("EASYAI_PORT", "7")
    with pytest.raises(SettingsError, match="not valid TOML"):
        load_in_part(path)
    monkeypatch.setenv(name, "sqlite:////a/b.db")
    settings, fault = load_in_part(path)
    assert settings.easyai.port == 7
    assert "not valid TOML" in worded(fault)


def test_variable_of_a_wrong_type_has_its_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EASYAI_PORT", "many")
    settings, fault = load_in_part()
    assert settings.easyai.port == 5066
    assert worded(fault).startswith("easyai.port: ")


def test_source_names_the_fault_of_a_file_that_is_not_in_force(write: Write) -> None:
    source = _Watchful(write("[easyai]\nport = 7"))
    assert not source.fault
    write("[easyai]\nport = 70000000")
    assert "easyai.port" in worded(source.fault)
    assert source.current().easyai.port == 7
    write("[easyai]\nport = 8")
    assert (source.fault, source.current().easyai.port) == (NO_REASON, 8)


_GOOD = "[easyai]\nport = 7\nsecret_key = 'hidden-word'\n"


@pytest.fixture
def copy(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The copy that `easyai up` hands to its children, made of a good file."""
    copy = tmp_path / "data" / last_good.COPY_NAME
    copy.parent.mkdir()
    keep_copy(copy, write(_GOOD))
    monkeypatch.setenv("EASYAI_GOOD_SETTINGS", str(copy))
    return copy


@pytest.mark.parametrize("broken", ["[easyai", "[easyai]\nport = 'x'\nsecret_key = 3", None])
def test_process_started_on_a_broken_file_uses_and_logs_the_last_good_values(
    broken: str | None, write: Write, copy: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write(broken or "")
    if broken is None:
        path.unlink()
    assert load(path).easyai.port == 7
    source = _Watchful(path)
    assert source.current().easyai.port == 7
    fault = worded(source.fault)
    assert fault.startswith(str(path))
    assert fault.endswith(f"the last good settings are taken from {copy}")
    assert all(record.levelname == "ERROR" for record in caplog.records)
    assert caplog.text.count(fault) == 2, "once by each that has read them"
    assert "hidden-word" not in caplog.text + fault
    write("[easyai]\nport = 8")
    assert (source.current().easyai.port, source.fault) == (8, NO_REASON)


def test_settings_copy_is_private_and_complete(copy: Path) -> None:
    assert copy.stat().st_mode & 0o777 == 0o600
    assert copy.read_text().endswith(_GOOD)
    assert [file.name for file in copy.parent.iterdir()] == [copy.name], "no draft is left"


def test_broken_file_never_becomes_the_settings_copy(write: Write, copy: Path) -> None:
    before = copy.read_text()
    with pytest.raises(SettingsError, match="port"):
        keep_copy(copy, write("[easyai]\nport = 'x'"))
    assert copy.read_text() == before


def test_only_the_process_in_charge_renews_the_copy(
    write: Write, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(_GOOD)
    source = _Watchful(path)
    write("[easyai]\nport = 8\n")
    assert source.current().easyai.port == 8
    assert "port = 7" in copy.read_text()
    monkeypatch.setenv("EASYAI_RENEW_GOOD_SETTINGS", "1")
    write("[easyai]\nport = 90\n")
    assert source.current().easyai.port == 90
    assert "port = 90" in copy.read_text()
    write("[easyai")
    assert source.current().easyai.port == 90
    assert "port = 90" in copy.read_text()


def test_failed_renewal_of_the_copy_stops_no_process(
    write: Write, copy: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("EASYAI_GOOD_SETTINGS", str(copy.parent / "none" / copy.name))
    monkeypatch.setenv("EASYAI_RENEW_GOOD_SETTINGS", "1")
    assert load(write("[easyai]\nport = 9")).easyai.port == 9
    assert "cannot be kept" in caplog.text


def test_settings_copy_of_another_file_is_not_used(copy: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    other.write_text("[easyai")
    with pytest.raises(SettingsError, match="not valid TOML"):
        load(other)


def test_mistake_in_a_variable_is_not_hidden_by_the_settings_copy(
    write: Write, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EASYAI_PORT", "many")
    with pytest.raises(SettingsError, match=r"easyai\.port"):
        load(write(_GOOD))


def test_command_on_a_file_that_is_not_toml_reads_the_copy_in_the_data_folder(
    write: Write, copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EASYAI_GOOD_SETTINGS")
    path = write("[easyai")
    monkeypatch.chdir(tmp_path)
    assert load_in_part(path)[0].easyai.port == 7
    monkeypatch.chdir("/")
    with pytest.raises(SettingsError, match="not valid TOML"):
        load_in_part(path)
    monkeypatch.setenv("EASYAI_DATA_DIR", str(copy.parent))
    settings, fault = load_in_part(path)
    assert settings.easyai.port == 7
    assert "not valid TOML" in worded(fault)
    assert str(copy) in worded(fault)


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_task_types_and_cameras_may_be_named_in_either_unicode_form(
    form: Literal["NFC", "NFD"], write: Write
) -> None:
    text = """
        [ai_analysis.types."Café"]
        affinity = "task_id"
        [frame_extractor]
        task_types = ["Entrée"]
        [[frame_extractor.tasks]]
        id = "Caméra 2"
        task_type = "Gâteau"
        max_frame_count = 3
    """
    settings = load(write(normalize(form, text)))
    assert settings.task_types == {"Café", "Entrée", "Gâteau"}
    assert settings.ai_analysis.affinity("Café")
    assert settings.frame_extractor.task("Gâteau", "Caméra 2").max_frame_count == 3


def test_type_named_in_both_unicode_forms_has_a_single_table(write: Write) -> None:
    both = [f'[ai_analysis.types."{normalize(form, "Café")}"]' for form in ("NFC", "NFD")]
    alike = [f"{table}\npriority = 7" for table in both]
    assert load(write("\n".join(alike))).ai_analysis.types.keys() == {"Café"}
    with pytest.raises(SettingsError, match=r"ai_analysis.types: names 'Café' twice.*keep one"):
        load(write("\n".join([alike[0], both[1]])))


@pytest.mark.parametrize(
    ("url", "query"),
    [
        ("postgresql://u:p@a:1,b:2/n", {"host": "a,b", "port": "1,2"}),
        ("postgresql+psycopg://u:p@a,[::1]:7/n", {"host": "a,::1", "port": "5432,7"}),
        (
            "postgresql://u:p@a,b/n?sslmode=verify-full",
            {"host": "a,b", "port": "5432,5432", "sslmode": "verify-full"},
        ),
        ("postgresql://u:p@/n?host=a:1&host=b:2", {"host": ("a:1", "b:2")}),
        ("postgresql://u:p@/n?host=a,b&port=1,2", {"host": "a,b", "port": "1,2"}),
    ],
)
def test_a_database_may_have_several_hosts(url: str, query: dict[str, Any], write: Write) -> None:
    found = make_url(load(write(f'[easyai]\ndatabase_url = "{url}"\n')).easyai.database_url)
    assert (found.username, found.password, found.host, found.database) == ("u", "p", None, "n")
    assert dict(found.query) == query


def test_a_port_of_several_hosts_that_is_no_number_is_refused(write: Write) -> None:
    with pytest.raises(SettingsError, match=r"easyai\.database_url: not a database URL"):
        load(write('[easyai]\ndatabase_url = "postgresql://u@a:x,b:2/n"\n'))
