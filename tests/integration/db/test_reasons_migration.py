"""The migration turns stored sentences into codes with arguments, on both databases."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import text as sql

from easyai.db import migrate, reasons
from easyai.db.session import Database
from easyai.domain.alarm_cause import found_cause
from easyai.domain.reason import NO_REASON, Reason, from_json, quoted
from easyai.messages.catalogue import templates, text

ENDPOINT = "http://192.168.1.20:7901/infer"
# Sentences as the previous release wrote them; and their codes, at any depth.
STORED = {
    "registered": ["service.registered"],
    "no heartbeat for 65 s; 3 of 3 services at once": ["service.no_heartbeat", "service.together"],
    "probe failed: cannot connect: Connection refused; moved to http://h:7902/infer": [
        "service.probe_failed",
        "call.not_connected",
        "connection.refused",
        "service.moved",
    ],
    "calls fail (no answer within 30 s) though heartbeats of its id arrive; probe failed: "
    "status 503": [
        "service.calls_fail",
        "quoted",
        "call.timed_out",
    ],
    "no answer within 30 s": ["call.timed_out"],
    "HTTP status 500: CUDA out of memory": ["call.http_error"],
    "more than 100 frames waited (queue_full_strategy drop_oldest)": ["frame.queue_full"],
    "service_id=a: x registered, version 2": [
        "service.event_registered",
        "service.registered_version",
    ],
    "service_id=yolo registered, version 2": [
        "service.event_registered",
        "service.registered_version",
    ],
    "service_id=yolo: heartbeat; it was offline for 65 s": [
        "service.event",
        "service.back",
        "service.heartbeat",
    ],
    "service_id=yolo: 3 failed calls in a row, the last one: no answer within 5 s": [
        "service.event",
        "service.breaker_opened",
        "call.timed_out",
    ],
    "started again: it was killed by signal 11": [
        "process.started_again",
        "process.killed_by_signal",
    ],
    "it has hung: no sign of life for 31 s, and it did not end when asked": [
        "process.did_not_end",
        "process.hung",
    ],
    "queue_full: 7 frames at first: more than 5 frames of this camera waited (max_frame_count)": [
        "frames.dropped",
        "frame.camera_full",
    ],
    "模型加载失败; moved to nowhere": ["quoted"],
}


def _migration() -> ModuleType:
    path = next((Path(__file__).parents[3] / "migrations/versions").glob("*_0011_reasons.py"))
    spec = importlib.util.spec_from_file_location("reasons_migration", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MIGRATION = _migration()


def _reason(sentence: str) -> Reason:
    code, args = MIGRATION.reason_of(sentence)
    return from_json({"code": code, "args": args})


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A database of the previous release."""
    migrate.upgrade(database_url)
    migrate.downgrade(database_url, "0010")
    database = Database(database_url)
    yield database
    database.dispose()


def _write(database: Database, statement: str, **values: Any) -> None:
    with database.write() as conn:
        conn.execute(sql(statement), values)


def _add(database: Database) -> None:
    """Add a row with each sentence to each table that has such texts."""
    for number, sentence in enumerate(STORED, 1):
        _write(
            database,
            "INSERT INTO events (at, kind, subject, text) VALUES (:at, 'k', '', :text)",
            at=number,
            text=sentence,
        )
        _write(
            database,
            "INSERT INTO frames (key, task_type, task_id, state, version, captured_at, found_at,"
            " due_at, reason) VALUES (:key, 't', 'c', 'failed', '', 1, 1, 1, :text)",
            key=f"t/c/{number}.jpg",
            text=sentence,
        )
        _write(
            database,
            "INSERT INTO services (service_id, name, endpoint, version, state, state_reason,"
            " state_since, register_at, last_heartbeat, last_evidence, last_failure_reason)"
            " VALUES ('s', 's', :endpoint, '', 'online', :text, 1, 1, 1, 1, :failure)",
            endpoint=f"{ENDPOINT}{number}",
            text=sentence,
            failure=None if number % 2 else sentence,
        )
    for subject, cause in (("a", "worker_gone"), ("b", ""), ("c", "no answer within 5 s")):
        _write(
            database,
            "INSERT INTO alarms (kind, subject, cause, raised_at, told_at)"
            " VALUES ('store_down', :subject, :cause, 1, 1)",
            subject=subject,
            cause=cause,
        )


def test_migration_turns_sentences_of_the_previous_release_into_codes(database: Database) -> None:
    _add(database)
    migrate.upgrade(database.url)
    wanted = [_reason(sentence) for sentence in STORED]
    with database.read() as conn:
        events = conn.execute(sql("SELECT * FROM events WHERE kind = 'k' ORDER BY id")).all()
        assert [reasons.read(row, "text", "reason") for row in events] == wanted
        frames = conn.execute(sql("SELECT * FROM frames ORDER BY id")).all()
        assert [reasons.read(row, "reason") for row in frames] == wanted
        services = conn.execute(sql("SELECT * FROM services ORDER BY pk")).all()
        assert [reasons.read(row, "state_reason") for row in services] == wanted
        failures = [reasons.read(row, "last_failure_reason") for row in services]
        assert failures[1::2] == wanted[1::2]
        assert not any(failures[::2])
        alarms = conn.execute(sql("SELECT * FROM alarms ORDER BY id")).all()
        assert [reasons.read(row, "cause") for row in alarms] == [
            found_cause("worker_gone"),
            NO_REASON,
            Reason.of("call.timed_out", timeout_sec=5.0),
        ]
    migrate.downgrade(database.url, "0010")
    with database.read() as conn:
        kept = (
            conn.execute(sql("SELECT text FROM events WHERE kind = 'k' ORDER BY id"))
            .scalars()
            .all()
        )
    assert kept == list(STORED)


@pytest.mark.parametrize("sentence", STORED)
def test_migrated_sentence_has_its_codes_and_the_same_text(sentence: str) -> None:
    reason = _reason(sentence)
    assert [part.code for part in reason.walk()] == STORED[sentence]
    assert text(reason) == sentence


def test_every_code_of_the_migration_has_a_template() -> None:
    """In this release; a later release may drop a template."""
    assert {code for _, code in MIGRATION._SENTENCES} <= set(templates())


def test_error_text_of_a_service_is_quoted_not_parsed() -> None:
    sentence = "no such model; moved to http://evil/infer; no heartbeat for 3 s"
    assert _reason(sentence) == quoted(sentence)
    assert _reason(f"HTTP status 500: {sentence}") == Reason.of(
        "call.http_error", status=500, error=sentence
    )
