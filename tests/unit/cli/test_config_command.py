"""``easyai config check``."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import easyai.cli.up_command as up
from easyai.cli.main import cli
from easyai.domain.reason import from_json
from easyai.masking import hide_secrets
from easyai.messages.catalogue import text as sentence
from easyai.settings import installations, last_good
from easyai.settings.addresses import hide_address


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EASYAI_CONFIG", "")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "snapshots").mkdir()


def _check(text: str, *arguments: str) -> Result:
    Path("site.toml").write_text(text, encoding="utf-8")
    return CliRunner().invoke(cli, ["config", "check", "--config", "site.toml", *arguments])


def _report(text: str = "") -> dict[str, Any]:
    result = _check(text, "--json")
    assert result.exit_code == 0, result.output
    body: dict[str, Any] = json.loads(result.stdout)
    return body


def _values(text: str = "") -> dict[str, tuple[str, str]]:
    return {entry["key"]: (entry["value"], entry["source"]) for entry in _report(text)["values"]}


def test_each_value_names_where_it_comes_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EASYAI_PORT", "8080")
    monkeypatch.setenv("EASYAI_AI_ANALYSIS__LEASE_SEC", "20")
    values = _values("[ai_analysis]\nscan_interval_sec = 0.5\nlease_sec = 9\n")
    assert values["ai_analysis.scan_interval_sec"] == ("0.5", "file")
    assert values["ai_analysis.lease_sec"] == ("20.0", "EASYAI_AI_ANALYSIS__LEASE_SEC")
    assert values["easyai.port"] == ("8080", "EASYAI_PORT")
    assert values["ai_analysis.max_attempts"] == ("3", "default")


def test_variable_of_a_whole_table_is_the_source_of_its_keys(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("EASYAI_FRAME_EXTRACTOR__MINIO", '{"bucket": "frames"}')
    report = _report()
    bucket = next(
        entry for entry in report["values"] if entry["key"] == "frame_extractor.minio.bucket"
    )
    assert (bucket["value"], bucket["source"]) == ("frames", "EASYAI_FRAME_EXTRACTOR__MINIO")
    assert report["unknown_variables"] == []


def test_effective_value_of_an_empty_setting_is_shown(tmp_path: Path) -> None:
    values = _values()
    assert values["easyai.database_url"][0] == f"sqlite:///{tmp_path / 'data' / 'easyai.db'}"
    assert values["easyai.public_url"][0] == "http://127.0.0.1:5066"
    assert values["easyai.broker_url"][0] == "files in data"


def test_secrets_are_hidden_in_text_and_json() -> None:
    text = (
        '[easyai]\nsecret_key = "geheim-geheim-geheim"\nbroker_url = "redis://:geheim@h/0"\n'
        'database_url = "postgresql://easy:geheim@h/x?password=geheim"\n'
        '[frame_extractor.minio]\nsecret_key = "geheim"\naccess_key = "easy"\n'
        'events_url = "redis://:geheim@h:6379/0"\n'
        '[ai_analysis]\nmq_address = "amqp://easy:geheim@h:5672/"\n'
    )
    for arguments in ((), ("--json",)):
        result = _check(text, *arguments)
        assert result.exit_code == 0, result.output
        assert "geheim" not in result.output
        assert "amqp://easy:********@h:5672/" in result.output


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("redis://h:6379/0", "redis://h:6379/0"),
        ("http://h/a@b", "http://h/a@b"),
        ("amqp://easy:geh@im:x@h/y", "amqp://easy:********@h/y"),
        ("amqp://a@b.example:geheim@h/y", "amqp://a@b.example:********@h/y"),
        ("sentinel://:x@a;sentinel://:y@b", "sentinel://:********@b"),
        ("http://h/?a=1&Token=x&b=2", "http://h/?a=1&Token=********&b=2"),
    ],
)
def test_only_the_secret_part_of_a_url_is_hidden(text: str, shown: str) -> None:
    assert hide_secrets(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("rediss//:geheim@127.0.0.1", "********"),
        ("redis:/:geheim@h", "********"),
        ("user:geheim@h:9092", "********"),
        ("redis://:geheim", "redis://********"),
        ("redis:///:geheim@h", "redis://********"),
        ("redis://:ge heim@h", "redis://********"),
        ("h1:9092, [::1]:9092", "h1:9092, [::1]:9092"),
        ("redis://h:6379/0", "redis://h:6379/0"),
        ("sqlite:////home/a@b/x.db", "sqlite:////home/a@b/x.db"),
        ("", ""),
    ],
)
def test_malformed_address_shows_at_most_its_scheme(text: str, shown: str) -> None:
    assert hide_address(text) == shown


_NO_BROKERS = (
    "redis://:geheim@host:notaport/0",
    "redis://:geheim@host:99999/0",
    "redis://:geheim@host:6379/geheim",
    "redis://:ge/heim@host:6379/0",
    "amqp//easy:geheim@x",
    "host:6379",
    "postgresql://easy:geheim@host/x",
    "http://easy:geheim@host/x",
    "geheim://host",
    "mongodb://easy:geheim@host",
    "sentinel://:geheim@a:26379;sentinell://:geheim@b:26379",
)
_NO_DATABASES = (
    "postgresql://",
    "postgresql://easy:geheim@host:notaport/x",
    "postgresql://easy:geheim@host:99999/x",
    "postgresql://easy@host/x?passwort=geheim",
    "postgresql//easy:geheim@host/x",
    "redis://:geheim@host:6379/0",
    "sqlite://",
    "sqlite:///:memory:",
    "sqlite+aiosqlite:///easyai.db",
    "sqlite:/easyai.db",
)


@pytest.mark.parametrize(
    ("key", "address"),
    [
        *(("broker_url", address) for address in _NO_BROKERS),
        *(("database_url", address) for address in _NO_DATABASES),
    ],
)
def test_unusable_address_is_refused_by_check_and_up_with_the_same_message(
    key: str, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(up, "claim_data_dir", lambda _: pytest.fail("it would start"))
    result = _check(f'[easyai]\n{key} = "{address}"\n')
    assert result.exit_code == 2, result.output
    assert result.stderr.startswith(f"easyai: easyai.{key}: ")
    assert "; use " in result.stderr
    assert "geheim" not in result.output
    started = CliRunner().invoke(cli, ["up", "--config", "site.toml"])
    assert (started.exit_code, started.stderr) == (2, result.stderr)


@pytest.mark.parametrize(
    "text",
    [
        'broker_url = "redis://h"',
        'broker_url = "redis://:p@h:6379/15?ssl_cert_reqs=none"',
        'broker_url = "redis+socket:///run/redis.sock?virtual_host=1"',
        'broker_url = "sentinel://:p@a:26379/0;sentinel://:p@b:26379/0"',
        'broker_url = "amqp://easy:p@h:5672/a/b"',
        'broker_url = "amqps://h//"',
        'broker_url = "filesystem://localhost/"',
        'database_url = "postgres://easy@h:5432/x?sslmode=require&connect_timeout=3"',
        'database_url = "postgresql+psycopg://easy:p%40@h/x"',
        'database_url = "postgresql:///x?host=/run/postgresql"',
        'database_url = "sqlite:///easyai.db"',
        'database_url = "sqlite:////var/lib/easyai/easyai.db"',
    ],
)
def test_addresses_in_every_form_that_works_are_valid(text: str) -> None:
    result = _check(f"[easyai]\n{text}\n")
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize(
    ("table", "key", "address"),
    [
        ("ai_analysis", "mq_address", "rediss//:geheim@127.0.0.1"),
        ("easyai", "broker_url", "rediss//:geheim@127.0.0.1"),
        ("easyai", "broker_url", "redis://:geheim"),
        ("frame_extractor.minio", "events_url", "rediss//:geheim@127.0.0.1"),
        ("frame_extractor.minio", "events_url", "redis://:geheim"),
        ("easyai", "database_url", "postgresql//:geheim@127.0.0.1"),
        ("easyai", "database_url", "postgresql://:geheim"),
    ],
)
def test_a_malformed_address_is_named_with_its_remedy_and_never_shown(
    table: str, key: str, address: str
) -> None:
    text = '[ai_analysis]\nmq_type = "redis"\n' if table == "ai_analysis" else f"[{table}]\n"
    result = _check(f'{text}{key} = "{address}"')
    assert "geheim" not in result.output
    printed = [
        line for line in result.output.splitlines() if line.startswith(("warning", "easyai: "))
    ]
    assert any(f"{table}.{key}" in line and "://" in line for line in printed), result.output


def test_keys_of_other_plugins_are_listed_and_typing_errors_get_a_hint() -> None:
    result = _check("[ai_analysis]\nscan_intervall_sec = 3\n[rtmp]\nx = 1\n")
    assert result.exit_code == 0
    assert (
        "warning: ai_analysis.scan_intervall_sec is no key of easyai and has no effect; "
        "did you mean ai_analysis.scan_interval_sec?\n"
    ) in result.stdout
    assert "keys of other plugins, ignored: rtmp\n" in result.stdout


# What the predecessor's own file and its web pages write.
_PREDECESSOR = """
lanip = ''
serverid = 'local'
[base]
jwtsecret = 'geheim'
unheard = 1
[baselog]
maxage = 2678400
[data]
dsn = './data/data.db'
[defaulthttpconfig]
httplistenaddr = '127.0.0.1:5066'
httpslistenaddr = ':24434'
[rtspconfig]
addr = ':15544'
password = 'geheim'
[recordconfig]
enableflv = false
[frame_extractor]
enable = true
interval_ms = 200
max_frame_count = 500
store = 'local'
[frame_extractor.minio]
endpoint = ''
[[frame_extractor.tasks]]
id = '门口1'
task_type = '人数统计'
rtsp_url = 'rtsp://admin:geheim@192.168.1.100/stream'
interval_ms = 200
output_path = '门口1'
enabled = true
[[frame_extractor.tasks]]
id = '门口2'
rtsp_url = 'rtsp://admin:geheim@192.168.1.101/stream'
preferred_algorithm_endpoint = ''
max_frame_count = 10
save_alert_image = false
[ai_analysis]
alert_batch_enabled = true
alert_batch_size = 0
"""


def test_each_ineffective_key_of_the_predecessor_is_named_with_its_replacement() -> None:
    report = _report(_PREDECESSOR)
    predecessor_keys = report["predecessor_keys"]
    assert list(predecessor_keys) == [
        "lanip",
        "serverid",
        "base.jwtsecret",
        "baselog.maxage",
        "data.dsn",
        "defaulthttpconfig.httpslistenaddr",
        "rtspconfig",
        "recordconfig",
        "frame_extractor.enable",
        "frame_extractor.interval_ms",
        "frame_extractor.max_frame_count",
        "frame_extractor.tasks[].rtsp_url",
        "frame_extractor.tasks[].interval_ms",
        "frame_extractor.tasks[].output_path",
        "frame_extractor.tasks[].enabled",
        "ai_analysis.alert_batch_enabled",
    ]
    assert "easyai.public_url" in predecessor_keys["lanip"]
    assert (
        "max_frame_count in each [[frame_extractor.tasks]]"
        in predecessor_keys["frame_extractor.max_frame_count"]
    )
    assert all(predecessor_keys.values())
    assert report["unknown_keys"] == ["base.unheard"]
    assert report["warnings"] == []
    shown = _check(_PREDECESSOR).stdout
    for key, instead in predecessor_keys.items():
        assert f"\n  {key}: {instead}\n" in shown
    assert "geheim" not in shown


def test_a_typing_error_in_a_task_gets_a_hint_once() -> None:
    task = '[[frame_extractor.tasks]]\nid = "a"\nmax_frame_counts = 5\n'
    (warning,) = _report(task * 2)["warnings"]
    assert "frame_extractor.tasks[].max_frame_counts is no key of easyai" in warning
    assert "did you mean frame_extractor.tasks[].max_frame_count?" in warning


def test_a_variable_that_names_no_key_is_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EASYAI_DATABSE_URL", "sqlite:///x.db")
    assert _report()["unknown_variables"] == ["EASYAI_DATABSE_URL"]


def test_defaults_give_no_warning() -> None:
    assert _report()["warnings"] == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[ai_analysis]\nenable = false", "ai_analysis.enable is false"),
        ('[ai_analysis]\nmq_type = "kafka"', "ai_analysis.mq_address is not set"),
        ('[ai_analysis]\nmq_address = "h:9092"', "mq_type is none"),
        ('[ai_analysis]\nmq_type = "redis"\nmq_address = "amqp://h"', "is no address of redis"),
        ('[ai_analysis]\nnotify_urls = ["nonsense"]', "notify_urls: number 1 is not an Apprise"),
        ("[ai_analysis]\nheartbeat_timeout_sec = 20", "heartbeat every 30 s"),
        ("[ai_analysis]\nlease_sec = 1", "inferred twice"),
        ("[ai_analysis]\nlease_sec = 3600", "a killed worker"),
        ('[ai_analysis]\nfailed_base_path = "alerts/failed"', "lie one in the other"),
        ('[frame_extractor]\noutput_dir = "elsewhere"', "elsewhere does not exist"),
        ('[frame_extractor]\noutput_dir = "site.toml"', "site.toml is not a folder"),
        ('[frame_extractor]\nstore = "minio"', "minio.bucket is not set"),
        ('[easyai]\nhost = "0.0.0.0"', "easyai.public_url is not set"),
        ('[easyai]\nsecret_key = "short"', "shorter than 16 characters"),
        ('[easyai]\nbroker_url = "redis://h/0"', "SQLite serves one machine only"),
        ('[easyai]\ndatabase_url = "postgresql://h/x"', "set easyai.broker_url"),
        ('[easyai]\ndata_dir = "site.toml/data"', "cannot be made or written"),
    ],
)
def test_doubtful_value_is_a_warning_that_names_the_key(text: str, words: str) -> None:
    result = _check(text)
    assert result.exit_code == 0, result.output
    assert [line for line in result.stdout.splitlines() if line.startswith("warning: ")]
    assert words in result.stdout


def test_links_into_an_object_store_need_no_public_url() -> None:
    minio = '[frame_extractor]\nstore = "minio"\n[defaulthttpconfig]\nhttplistenaddr = ":5066"'
    assert not [warning for warning in _report(minio)["warnings"] if "public_url" in warning]


def test_a_folder_that_cannot_be_written_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    # By the answer of the system: the tests may run as a user who may write everywhere.
    monkeypatch.setattr("os.access", lambda _, mode, **__: not mode & os.W_OK)
    assert any("no permission to read and write" in warning for warning in _report()["warnings"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[easyai]\nport = 70000", "easyai.port"),
        ("[easyai\n", "not valid TOML"),
        ('[easyai]\ndatabase_url = "mysql://h/x"', "mysql is not supported"),
        ('[easyai]\ndatabase_url = "nothing"', "easyai.database_url: not a database URL"),
    ],
)
def test_invalid_value_is_exit_code_2_and_names_the_key(text: str, words: str) -> None:
    result = _check(text)
    assert result.exit_code == 2
    assert words in result.stderr
    assert result.stderr.count("\n") == 1
    as_json = _check(text, "--json")
    assert as_json.exit_code == 2
    body = json.loads(as_json.stdout)
    assert body["valid"] is False
    assert words in body["error"]
    reason = from_json({"code": body["error_code"], "args": body["error_args"]})
    assert body["error"] == sentence(reason)
    assert words in sentence(reason)


def test_a_missing_file_is_exit_code_2() -> None:
    result = CliRunner().invoke(cli, ["config", "check", "--config", "nowhere.toml"])
    assert result.exit_code == 2
    assert "no such file" in result.stderr


def test_without_a_file_the_defaults_are_checked() -> None:
    result = CliRunner().invoke(cli, ["config", "check"])
    assert result.exit_code == 0, result.output
    assert result.stdout.endswith("valid: no file: defaults and environment\n")


def test_warnings_and_rights_have_their_code_and_arguments_in_json() -> None:
    report = _report("[ai_analysis]\nenable = false\nlease_sec = 1\nscan_intervall_sec = 2\n")
    for name in ("warnings", "open_to"):
        assert report[name] == [sentence(from_json(each)) for each in report[f"{name}_reasons"]]
    assert {each["code"]: each["args"] for each in report["warnings_reasons"]} == {
        "settings.misspelt": {
            "key": "ai_analysis.scan_intervall_sec",
            "meant": "ai_analysis.scan_interval_sec",
        },
        "warning.disabled": {},
        "warning.short_lease": {"lease_sec": 1.0},
    }
    codes = [each["code"] for each in report["open_to_reasons"]]
    assert codes == ["rights.no_other_machine", "rights.this_machine"]


def test_report_lists_who_may_reach_which_function(tmp_path: Path) -> None:
    closed = _report()["open_to"]
    assert closed[0] == "no other machine reaches the API: easyai.host is 127.0.0.1"

    gateway = " ".join(_report('[easyai]\npublic_url = "http://172.16.5.207:5066"\n')["open_to"])
    assert "a gateway on this machine (easyai.public_url names 172.16.5.207)" in gateway
    assert "let the gateway send X-Forwarded-For" in gateway
    assert "any machine that reaches port 5066 may register services" in gateway

    opened = " ".join(_report('[easyai]\nhost = "0.0.0.0"\ndata_dir = "d"\n')["open_to"])
    assert "alerts and the diagnosis, without a token" in opened
    assert "/d/operator.token) as 'Authorization: Bearer TOKEN'" in opened

    text = '[easyai]\nhost = "::"\nviewers = "token"\noperator_token = "geheim-geheim-geheim"\n'
    text += 'registration = "approve"\n'
    guarded = " ".join(_report(text)["open_to"])
    assert "register services (unknown services wait for approval), send" in guarded
    assert "services and statistics, without a token" in guarded
    assert "the viewer's token (data/viewer.token)" in guarded
    assert "the operator's token (easyai.operator_token)" in guarded
    assert f"\nopen to:\n  {closed[0]}\n" in _check("").stdout


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        ('operator_token = "short"', "easyai.operator_token is shorter than 16 characters"),
        ('viewer_token = "long-enough-for-this"', 'set easyai.viewers to "token"'),
    ],
)
def test_a_token_that_protects_nothing_is_a_warning(text: str, warning: str) -> None:
    assert warning in " ".join(_report(f"[easyai]\n{text}\n")["warnings"])
    assert "short" not in _values(f"[easyai]\n{text}\n")["easyai.operator_token"][0]


def test_a_file_that_was_emptied_under_an_installation_is_not_valid(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    config, data = tmp_path / "site.toml", tmp_path / "data"
    data.mkdir()
    assert _check("").exit_code == 0, "nothing was ever in it"
    last_good.keep(data / last_good.COPY_NAME, config, "[easyai]\nport = 5077\n")
    installations.note(installations.Installation(str(data), "http://127.0.0.1:5077", str(config)))
    result = _check("")
    assert result.exit_code == 2
    assert "has been emptied; write the settings again" in result.output
    assert _check("[easyai]\nport = 5077\n").exit_code == 0
