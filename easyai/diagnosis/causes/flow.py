"""Causes in the flow: pictures out of reach, algorithms slower than what arrives."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from easyai.diagnosis.causes import slowness
from easyai.diagnosis.causes.cause import Cause, Remedy
from easyai.diagnosis.causes.failed import (
    blames_pictures,
    bring_back,
    failed_evidence,
    look_at_failed,
    only_failing,
)
from easyai.domain.words import Words
from easyai.health.facts import Facts
from easyai.health.liveliness import api_gone
from easyai.health.snapshot import TypeFacts
from easyai.messages.reasons import reason as said
from easyai.messages.wording import frames
from easyai.settings.commands import curl_command, easyai_command

# How the reason of such a call tells it (pipeline/caller.py).
_NO_PICTURE: Final = "picture link does not work"


def find(facts: Facts) -> Iterator[Cause]:
    """What is wrong with the flow of frames."""
    if facts.known is None:
        return
    unfetched = [one for one in only_failing(facts) if blames_pictures(one)]
    if unfetched or (_links_fail(facts) and not _by_the_api(facts)):
        yield _pictures(facts, unfetched)
    yield from slowness.find(facts)


def _links_fail(facts: Facts) -> bool:
    return bool(facts.failed("pictures")) or _blames_pictures(facts)


def _by_the_api(facts: Facts) -> bool:
    """Whether the API that serves the pictures is gone, which is a cause of its own."""
    local = facts.settings.frame_extractor.store == "local"
    return local and facts.known is not None and api_gone(facts, facts.known)


def _blames_pictures(facts: Facts) -> bool:
    return bool(facts.known) and any(
        _NO_PICTURE in reason for reason, _ in (facts.known.reasons if facts.known else ())
    )


def _pictures(facts: Facts, unfetched: Sequence[TypeFacts]) -> Cause:
    url = facts.settings.easyai.effective_public_url
    all_types = _links_fail(facts)
    evidence = list(failed_evidence(unfetched))
    if facts.failed("pictures"):
        why = facts.why("pictures")
        evidence.append(Words(f"A picture link tried now: {why.en}", f"现在尝试图片链接：{why.zh}"))
    elif "pictures" in facts.checks:
        evidence.append(
            Words(
                "A picture link tried now from here works: look at the way from the services",
                "现在从本机尝试图片链接正常：请检查从算法服务到这里的通路",
            )
        )
    evidence += [
        Words(
            f"{frames(number).en} failed with: {reason}",
            f"{frames(number).zh}失败：{said(reason).zh}",
        )
        for reason, number in (facts.known.reasons if facts.known else ())
        if _NO_PICTURE in reason
    ]
    if _by_the_api(facts):
        evidence.append(
            Words(
                "No API process shows itself; it serves the pictures",
                "提供图片的 API 进程没有运行",
            )
        )
    local = facts.settings.frame_extractor.store == "local"
    return Cause(
        "pictures_unreachable",
        Words(
            "Algorithms cannot fetch the pictures: their links do not work",
            "算法服务取不到图片：图片链接无法访问",
        ),
        tuple(evidence),
        (
            Remedy(
                Words(
                    "Ask from a machine of the services; public_url must be the address under "
                    "which they reach this server",
                    "在算法服务所在机器上访问；public_url 必须是它们访问本服务器的地址",
                )
                if local
                else Words(
                    "Ask the object store from a machine of the services",
                    "在算法服务所在机器上访问对象存储",
                ),
                curl_command(f"{url}/healthz") if local else curl_command(_store_url(facts)),
            ),
            Remedy(
                Words(
                    "See what is configured for host, port and public_url",
                    "查看 host、port 和 public_url 的配置",
                ),
                easyai_command(facts.settings, "config", "check"),
            ),
            *look_at_failed(facts, unfetched),
            *bring_back(facts, unfetched),
        ),
        weight=69 if facts.waiting or unfetched else 52,
        task_types=() if all_types else tuple(one.name for one in unfetched),
    )


def _store_url(facts: Facts) -> str:
    minio = facts.settings.frame_extractor.minio
    return f"{'https' if minio.use_ssl else 'http'}://{minio.endpoint}/"
