"""Warnings about valid settings that the operator may not have meant."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from easyai.errors import SettingsError
from easyai.publish.apprise_urls import People
from easyai.settings.addresses import check_bus
from easyai.settings.schema import ANY_ADDRESS, AiAnalysis, Easyai, FrameExtractor, Settings
from easyai.tracing.variables import problem as traces_problem

_HEARTBEAT_SEC: Final = 30.0  # how often field clients send a heartbeat
_SHORT_LEASE_SEC: Final = 5.0
_LONG_LEASE_SEC: Final = 300.0
_SHORT_SECRET: Final = 16


def warnings(settings: Settings) -> list[str]:
    """Sentences about settings that need a look, each with its remedy; empty without any."""
    analysis, own = settings.ai_analysis, settings.easyai
    return [
        *_about_analysis(analysis),
        *_about_frames(settings.frame_extractor),
        *_about_network(own, links_are_ours=settings.frame_extractor.api_serves_pictures),
        *_about_places(own),
        *_about_traces(),
    ]


def at_start(settings: Settings) -> list[str]:
    """The warnings that every start logs: settings with which work would seem to be lost."""
    analysis = settings.ai_analysis
    own = settings.easyai
    return [
        *_about_bus(analysis),
        *_about_people(analysis),
        *_about_network(own, links_are_ours=settings.frame_extractor.api_serves_pictures),
    ]


def _about_traces() -> Iterator[str]:
    why = traces_problem()
    if why:
        yield f"no traces: {why}"


def _about_bus(analysis: AiAnalysis) -> Iterator[str]:
    try:
        check_bus(analysis.mq_type, analysis.mq_address)
    except SettingsError as error:
        kept = "wait in the table" if analysis.has_bus else "are kept in the table and go to no bus"
        yield f"{error}; until then alerts {kept}"
    if analysis.mq_type == "none" and analysis.mq_address:
        yield (
            "ai_analysis.mq_address is set, but mq_type is none: alerts are kept in the table and "
            "go to no bus; set mq_type to kafka, rabbitmq or redis"
        )


def _about_people(analysis: AiAnalysis) -> Iterator[str]:
    if not analysis.notify_urls:
        return
    try:
        People([url.get_secret_value() for url in analysis.notify_urls]).check()
    except SettingsError as error:
        yield f"{error}; until then alarms do not reach these people"


def _about_analysis(analysis: AiAnalysis) -> Iterator[str]:
    if not analysis.enable:
        yield "ai_analysis.enable is false: no new frame is found; set it to true"
    yield from _about_bus(analysis)
    yield from _about_people(analysis)
    if analysis.heartbeat_timeout_sec <= _HEARTBEAT_SEC:
        yield (
            f"ai_analysis.heartbeat_timeout_sec is {analysis.heartbeat_timeout_sec:g}, services "
            "send a heartbeat every 30 s: healthy services turn suspect; use 60"
        )
    if analysis.lease_sec < _SHORT_LEASE_SEC:
        yield (
            f"ai_analysis.lease_sec is {analysis.lease_sec:g}: a worker that is busy for a moment "
            "loses its frames to another worker, and they are inferred twice; use 15"
        )
    if analysis.lease_sec > _LONG_LEASE_SEC:
        yield (
            f"ai_analysis.lease_sec is {analysis.lease_sec:g}: the frames of a killed worker "
            "wait that long; use 15"
        )
    if analysis.alert_base_path.startswith(analysis.failed_base_path) or (
        analysis.failed_base_path.startswith(analysis.alert_base_path)
    ):
        yield (
            "ai_analysis.alert_base_path and failed_base_path lie one in the other: pictures of "
            "alerts and of failed frames mix; use alerts/ and failed/"
        )


def _about_frames(frames: FrameExtractor) -> Iterator[str]:
    if frames.server:
        for key in frames.server.unset:
            yield f"frame_extractor.{key} is not set, and frame_extractor.store is {frames.store}"
        return
    folder = frames.output_dir.absolute()
    try:
        folder.stat()
    except PermissionError:
        yield (
            f"frame_extractor.output_dir: no permission to look at {folder}; let this user enter "
            "the folders above it"
        )
        return
    except OSError:
        yield (
            f"frame_extractor.output_dir: {folder} does not exist; easyai makes it, but cameras "
            "that write elsewhere are not seen"
        )
        return
    if not folder.is_dir():
        yield f"frame_extractor.output_dir: {folder} is not a folder; frames cannot be found"
    elif not os.access(folder, os.R_OK | os.W_OK | os.X_OK, effective_ids=True):
        yield (
            f"frame_extractor.output_dir: no permission to read and write {folder}; pictures "
            "cannot be moved beside their alerts nor deleted"
        )


def _about_network(own: Easyai, *, links_are_ours: bool) -> Iterator[str]:
    # Links into an object store point to the store, not to this server.
    if links_are_ours and own.host in ANY_ADDRESS and not own.public_url:
        yield (
            f"easyai listens on {own.host or 'all interfaces'} and easyai.public_url is not set: "
            f"picture links start with {own.effective_public_url}, which other machines cannot "
            "open. Only links in answers of this API, and links that a worker beside it sends to "
            "services, have an address that reaches this server; links on the bus do not. Set "
            "easyai.public_url to this server's address"
        )
    secret = own.secret_key.get_secret_value()
    if secret and len(secret) < _SHORT_SECRET:
        yield (
            f"easyai.secret_key is shorter than {_SHORT_SECRET} characters: picture links can be "
            "forged; use a long random text, or leave it empty: easyai then makes it"
        )
    for name, token in (("operator", own.operator_token), ("viewer", own.viewer_token)):
        if token.get_secret_value() and len(token.get_secret_value()) < _SHORT_SECRET:
            yield (
                f"easyai.{name}_token is shorter than {_SHORT_SECRET} characters: it can be "
                "guessed; use a long random text, or leave it empty: easyai then makes it"
            )
    if own.viewer_token.get_secret_value() and own.viewers == "open":
        yield (
            "easyai.viewer_token is set, but easyai.viewers is open: alerts and the diagnosis need "
            'no token; set easyai.viewers to "token"'
        )


def _about_places(own: Easyai) -> Iterator[str]:
    sqlite = own.effective_database_url.startswith("sqlite")
    networked = bool(own.broker_url) and not own.broker_url.startswith(("filesystem", "memory"))
    if sqlite and networked:
        yield (
            "the database is SQLite and the broker is on the network: SQLite serves one machine "
            "only; to run workers on several machines, set easyai.database_url to a PostgreSQL "
            "database"
        )
    if not sqlite and not networked:
        yield (
            "the database is on the network and the broker is files in easyai.data_dir: workers "
            "on other machines are not woken; set easyai.broker_url to a Redis or RabbitMQ"
        )
    folder = _nearest(own.data_dir.absolute())
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        yield (
            f"easyai.data_dir: {own.data_dir.absolute()} cannot be made or written by this user; "
            "name another folder with EASYAI_DATA_DIR"
        )


def _nearest(path: Path) -> Path:
    """The path, or its nearest parent that exists."""
    while not _is_seen(path) and path != path.parent:
        path = path.parent
    return path


def _is_seen(path: Path) -> bool:
    try:
        return path.exists()
    except PermissionError:
        return False
