"""Warnings about valid settings that the operator may not have meant."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from easyai.domain.reason import Reason
from easyai.errors import SettingsError
from easyai.publish.apprise_urls import People
from easyai.settings.addresses import check_bus
from easyai.settings.schema import ANY_ADDRESS, AiAnalysis, Easyai, FrameExtractor, Settings
from easyai.tracing.variables import problem as traces_problem

_HEARTBEAT_SEC: Final = 30.0  # how often field clients send a heartbeat
_SHORT_LEASE_SEC: Final = 5.0
_LONG_LEASE_SEC: Final = 300.0
_SHORT_SECRET: Final = 16


def warnings(settings: Settings) -> list[Reason]:
    """Warnings about settings, each with its remedy; empty without any."""
    analysis, own = settings.ai_analysis, settings.easyai
    return [
        *_about_analysis(analysis),
        *_about_frames(settings.frame_extractor),
        *_about_network(own, links_are_ours=settings.frame_extractor.api_serves_pictures),
        *_about_places(own),
        *_about_traces(),
    ]


def at_start(settings: Settings) -> list[Reason]:
    """The warnings that every start logs: settings with which work would seem to be lost."""
    analysis = settings.ai_analysis
    own = settings.easyai
    return [
        *_about_bus(analysis),
        *_about_people(analysis),
        *_about_network(own, links_are_ours=settings.frame_extractor.api_serves_pictures),
    ]


def _about_traces() -> Iterator[Reason]:
    why = traces_problem()
    if why:
        yield Reason.of("warning.no_traces", why=why)


def _about_bus(analysis: AiAnalysis) -> Iterator[Reason]:
    try:
        check_bus(analysis.mq_type, analysis.mq_address)
    except SettingsError as error:
        if analysis.has_bus:
            yield Reason.of("warning.alerts_wait", fault=error.reason)
        else:
            yield Reason.of("warning.alerts_kept", fault=error.reason)
    if analysis.mq_type == "none" and analysis.mq_address:
        yield Reason("warning.address_of_no_bus")


def _about_people(analysis: AiAnalysis) -> Iterator[Reason]:
    if not analysis.notify_urls:
        return
    try:
        People([url.get_secret_value() for url in analysis.notify_urls]).check()
    except SettingsError as error:
        yield Reason.of("warning.people_not_reached", fault=error.reason)


def _about_analysis(analysis: AiAnalysis) -> Iterator[Reason]:
    if not analysis.enable:
        yield Reason("warning.disabled")
    yield from _about_bus(analysis)
    yield from _about_people(analysis)
    if analysis.heartbeat_timeout_sec <= _HEARTBEAT_SEC:
        yield Reason.of(
            "warning.short_heartbeat_timeout", timeout_sec=analysis.heartbeat_timeout_sec
        )
    if analysis.lease_sec < _SHORT_LEASE_SEC:
        yield Reason.of("warning.short_lease", lease_sec=analysis.lease_sec)
    if analysis.lease_sec > _LONG_LEASE_SEC:
        yield Reason.of("warning.long_lease", lease_sec=analysis.lease_sec)
    if analysis.alert_base_path.startswith(analysis.failed_base_path) or (
        analysis.failed_base_path.startswith(analysis.alert_base_path)
    ):
        yield Reason("warning.paths_in_each_other")


def _about_frames(frames: FrameExtractor) -> Iterator[Reason]:
    if frames.server:
        for key in frames.server.unset:
            yield Reason.of("warning.store_key_not_set", key=key, store=frames.store)
        return
    folder = frames.output_dir.absolute()
    try:
        folder.stat()
    except PermissionError:
        yield Reason.of("warning.folder_hidden", folder=str(folder))
        return
    except OSError:
        yield Reason.of("warning.folder_missing", folder=str(folder))
        return
    if not folder.is_dir():
        yield Reason.of("warning.no_folder", folder=str(folder))
    elif not os.access(folder, os.R_OK | os.W_OK | os.X_OK, effective_ids=True):
        yield Reason.of("warning.folder_forbidden", folder=str(folder))


def _about_network(own: Easyai, *, links_are_ours: bool) -> Iterator[Reason]:
    # Links into an object store point to the store, not to this server.
    if links_are_ours and own.host in ANY_ADDRESS and not own.public_url:
        host = own.host or Reason("warning.all_interfaces")
        yield Reason.of("warning.no_public_url", host=host, base=own.effective_public_url)
    secret = own.secret_key.get_secret_value()
    if secret and len(secret) < _SHORT_SECRET:
        yield Reason.of("warning.short_secret_key", limit=_SHORT_SECRET)
    for name, token in (("operator", own.operator_token), ("viewer", own.viewer_token)):
        if token.get_secret_value() and len(token.get_secret_value()) < _SHORT_SECRET:
            yield Reason.of("warning.short_token", name=name, limit=_SHORT_SECRET)
    if own.viewer_token.get_secret_value() and own.viewers == "open":
        yield Reason("warning.viewer_token_without_use")


def _about_places(own: Easyai) -> Iterator[Reason]:
    sqlite = own.effective_database_url.startswith("sqlite")
    networked = bool(own.broker_url) and not own.broker_url.startswith(("filesystem", "memory"))
    if sqlite and networked:
        yield Reason("warning.only_broker_networked")
    if not sqlite and not networked:
        yield Reason("warning.only_database_networked")
    folder = _nearest(own.data_dir.absolute())
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        yield Reason.of("warning.data_dir_forbidden", folder=str(own.data_dir.absolute()))


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
