"""Causes in the flow of frames: unreachable pictures, algorithms slower than the cameras."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from easyai.diagnosis.causes import slowness
from easyai.diagnosis.causes.cause import Cause, Remedy
from easyai.diagnosis.causes.failed import (
    blames_pictures,
    bring_back,
    failed_evidence,
    look_at_failed,
    only_failing,
)
from easyai.domain.reason import Reason
from easyai.domain.verdict import LINK_BROKEN
from easyai.health.facts import Facts
from easyai.health.liveness import api_gone
from easyai.health.snapshot import TypeFacts
from easyai.settings.commands import curl_command, easyai_command


def find(facts: Facts) -> Iterator[Cause]:
    """The causes in the flow of frames."""
    if facts.snapshot is None:
        return
    unfetched = [task_type for task_type in only_failing(facts) if blames_pictures(task_type)]
    if unfetched or (_links_fail(facts) and not _by_the_api(facts)):
        yield _pictures(facts, unfetched)
    yield from slowness.find(facts)


def _links_fail(facts: Facts) -> bool:
    return bool(facts.failed("pictures")) or _blames_pictures(facts)


def _by_the_api(facts: Facts) -> bool:
    """Whether the API that serves the pictures is gone; that is a cause of its own."""
    ours = facts.settings.frame_extractor.api_serves_pictures
    return ours and facts.snapshot is not None and api_gone(facts, facts.snapshot)


def _blames_pictures(facts: Facts) -> bool:
    return any(
        _of_a_link(reason) for reason, _ in (facts.snapshot.reasons if facts.snapshot else ())
    )


def _of_a_link(reason: Reason) -> bool:
    return any(part.code == LINK_BROKEN for part in reason.walk())


def _pictures(facts: Facts, unfetched: Sequence[TypeFacts]) -> Cause:
    all_types = _links_fail(facts)
    return Cause(
        "pictures_unreachable",
        Reason("cause.pictures_unreachable.title"),
        (*failed_evidence(unfetched), *_evidence(facts)),
        (
            _ask(facts),
            Remedy(
                Reason("cause.pictures_unreachable.settings"),
                easyai_command(facts.settings, "config", "check"),
            ),
            *look_at_failed(facts, unfetched),
            *bring_back(facts, unfetched),
        ),
        weight=69 if facts.waiting or unfetched else 52,
        task_types=() if all_types else tuple(task_type.name for task_type in unfetched),
    )


def _evidence(facts: Facts) -> Iterator[Reason]:
    if facts.failed("pictures"):
        why = facts.failed("pictures")
        yield Reason.of("cause.pictures_unreachable.tried", why=why)
    elif "pictures" in facts.checks:
        yield Reason("cause.pictures_unreachable.works_here")
    for reason, number in facts.snapshot.reasons if facts.snapshot else ():
        if _of_a_link(reason):
            failed_with = "cause.pictures_unreachable.failed_with"
            yield Reason.of(failed_with, n=number, reason=reason)
    if _by_the_api(facts):
        yield Reason("cause.pictures_unreachable.no_api")


def _ask(facts: Facts) -> Remedy:
    server = facts.settings.frame_extractor.server
    if server is None:
        url = facts.settings.easyai.effective_public_url
        ask_here = Reason("cause.pictures_unreachable.ask_here")
        return Remedy(ask_here, curl_command(f"{url}/healthz"))
    ask_store = Reason("cause.pictures_unreachable.ask_store")
    return Remedy(ask_store, curl_command(f"{server.url}/"))
