"""Every reason and event that is stored in English is told in Chinese."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from easyai import errors
from easyai.messages import catalogue
from easyai.messages.reasons import reason

_ROOT = Path(__file__).parents[3] / "easyai"
# Where reasons are made: of states, of failed calls, of events, of frames and of checks.
_ROOMS = ("domain", "pipeline", "registry", "store")
_FILES = (
    "backup/restore_rows.py",
    "alarms/conditions.py",
    "alarms/recorder.py",
    "alarms/watchdog.py",
)
# Told to a client, to people or to the log, and stored nowhere.
_NEVER_STORED = {
    "pipeline/requeue.py",
    "pipeline/tell.py",
    "registry/bodies.py",
    "registry/payload.py",
    "store/bucket.py",
    "store/bucket_conditions.py",
    "store/local_put.py",
    "store/signing.py",
}
_NOT_STORED = re.compile(
    r"easyai( |: )|starting it again|next try in|service not found|"
    r"tells |stands by|not a host$|no answer within$|no such (table|column)$|-c lock_timeout|"
    r"7, \"algo_config\"|7/\*\.log|a transaction that reads has written"
)
_REFUSALS = {
    "BackupError",
    "BadRequestError",
    "ForbiddenError",
    "ServiceNotFoundError",
    "SettingsError",
    "TooManyRequestsError",
}
_ELSEWHERE = {"text", "_in", "compile", "Index", "exec_driver_sql", "execute", "complain"}
_SQL = re.compile(
    r"\b(SELECT|UPDATE|INSERT|DELETE|PRAGMA|BEGIN|CAST|IS NULL|WHERE|FROM|UNION|REPEATABLE READ)\b"
)
# What is kept: numbers, names of keys and of programs.
_KEPT = re.compile(
    r"`[^`]*`|\b(?:[\w.]*_[\w.]*|[\w./]+\.(?:md|endpoint|access_key)|API|HTTP|ID|JSON|Kafka|NTP|RabbitMQ"
    r"|Redis|S3|TLS|URL|UTF-8|beat|broker|bucket|easyai db upgrade|host:port|stream|true|false"
    r"|watchdog|worker|success:false|success|access key|secret key|max_message_size)\b"
)


def _modules() -> Iterator[Path]:
    for room in _ROOMS:
        yield from sorted((_ROOT / room).rglob("*.py"))
    yield from (_ROOT / name for name in _FILES)


def _called(node: ast.Call) -> str:
    return getattr(node.func, "id", "") or getattr(node.func, "attr", "")


def _is_left_out(node: ast.AST) -> bool:
    """Whether what stands below is no reason: SQL, the log, a refusal of a request, a pattern."""
    if isinstance(node, ast.Call):
        of_log = getattr(getattr(node.func, "value", None), "id", "") == "log"
        return of_log or _called(node) in _ELSEWHERE | _REFUSALS
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)  # a docstring


def _sentences(node: ast.AST) -> Iterator[str]:
    """The texts of several words below a node, with 7 in place of what is put in."""
    if _is_left_out(node):
        return
    if isinstance(node, ast.JoinedStr):
        parts = [str(one.value) if isinstance(one, ast.Constant) else "7" for one in node.values]
        yield "".join(parts)
        for one in node.values:
            if isinstance(one, ast.FormattedValue):
                yield from _sentences(one.value)
        return
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    for child in ast.iter_child_nodes(node):
        yield from _sentences(child)


def _stored() -> Iterator[tuple[str, str]]:
    for path in _modules():
        name = str(path.relative_to(_ROOT))
        if name in _NEVER_STORED:
            continue
        for sentence in dict.fromkeys(_sentences(ast.parse(path.read_text()))):
            several = len(re.findall(r"[A-Za-z_]{2,}", sentence)) > 1 and " " in sentence.strip()
            if several and not _SQL.search(sentence) and not _NOT_STORED.match(sentence):
                yield name, sentence


def _english_left(zh: str) -> str:
    """Words of English that stand beside each other."""
    found = re.search(r"[A-Za-z]{2,}[ ,']+[A-Za-z]{2,}", _KEPT.sub("", zh))
    return found[0] if found else ""


@pytest.fixture(scope="module")
def stored() -> list[tuple[str, str]]:
    """Every reason and event in the code that is stored, each with the module that makes it."""
    return sorted(set(_stored()))


def test_every_text_that_is_stored_has_its_chinese(stored: list[tuple[str, str]]) -> None:
    chinese = {(module, sentence): reason(sentence).zh for module, sentence in stored}
    without = [text for text, zh in chinese.items() if not re.search(r"[\u4e00-\u9fff]", zh)]
    assert without == []
    assert {text: zh for text, zh in chinese.items() if _english_left(zh)} == {}


def test_every_error_without_words_of_its_own_has_its_chinese() -> None:
    kinds = [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.EasyaiError) and kind.retryable
    ]
    assert len(kinds) > 8
    kinds.remove(errors.NotifyError)  # its text goes to the sender of a test message only
    chinese = {kind.__name__: catalogue.text(kind().reason, "zh") for kind in kinds}
    assert {name: zh for name, zh in chinese.items() if _english_left(zh)} == {}


@pytest.mark.parametrize("word", ["no answer"])
def test_a_reason_of_one_word_has_its_chinese_and_stays_within_others(word: str) -> None:
    assert re.fullmatch(r"[\u4e00-\u9fff]+", reason(word).zh)
    assert reason(f"my {word} broke").zh == f"my {word} broke"


@pytest.mark.parametrize(
    ("text", "zh"),
    [
        ("CUDA out of memory", "CUDA out of memory"),
        ("模型: 加载失败; 重试", "模型: 加载失败; 重试"),
    ],
)
def test_numbers_names_and_the_words_of_others_are_kept(text: str, zh: str) -> None:
    assert reason(text) == (text, zh)


def test_a_mistake_in_the_settings_file_is_told_in_chinese() -> None:
    said = reason(
        "/srv/site.toml: not valid TOML: Expected ']' (at line 1, column 13); the last good "
        "settings are taken from /srv/data/settings.good.toml"
    ).zh
    assert "不是有效的 TOML：Expected ']'（第 1 行第 13 列）" in said
    assert "；使用最近一份正确的配置 /srv/data/settings.good.toml" in said
    assert "文件已被清空" in reason("/srv/site.toml: has been emptied; write the settings again").zh
    port = reason("easyai.port: takes a whole number, such as 5066 (got 'many')").zh
    assert "应为整数，如 5066（实际为 'many'）" in port
