"""Gathers the facts: database rows, check results and, if requested, probes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from easyai.db.diagnosis_facts import MOST_FAILED
from easyai.domain.service import ServiceState
from easyai.health.checks.named_check import CheckResult
from easyai.health.checks.rows import row_results
from easyai.health.facts import Facts
from easyai.health.snapshot import ALL, read
from easyai.runtime import Runtime

_OWN: Final = -1  # no service has this number


def gather(
    runtime: Runtime,
    checks: Sequence[CheckResult],
    *,
    ask: bool = False,
    exact: bool = True,
) -> Facts:
    """All facts known now; `checks` are the results of a round of `dependency_checks` just made.

    The results of the row checks are added to them.

    Cheap: some reads over partial indexes. Without `exact` failed frames (perhaps millions) are
    not all counted; no alarm shows their number. With `ask` every service and our own API are
    also probed, which takes 2 s when any of them hangs. Never raises when a part does not answer.
    """
    snapshot, now = read(runtime, ALL if exact else MOST_FAILED)
    ignores = runtime.store.ignores
    facts = Facts(now, runtime.settings, _by_name(checks), snapshot, store_ignores=ignores)
    facts = replace(facts, checks=_by_name([*checks, *row_results(facts)]))
    return _probed(facts) if ask else facts


def _by_name(checks: Sequence[CheckResult]) -> dict[str, CheckResult]:
    return {result.name: result for result in checks}


def _probed(facts: Facts) -> Facts:
    """The facts with every service and our own API probed now."""
    # Imported here: without probes no HTTP client is needed.
    from easyai.service_http.probe import probe_all
    from easyai.service_http.service_networks import service_networks

    services = [service for service in facts.services if service.state != ServiceState.UNREGISTERED]
    urls = {service.pk: service.probe_url for service in services}
    own = f"{facts.settings.easyai.effective_public_url}/healthz"
    # Our own API comes first: a thousand hanging services leave no time for later probes.
    networks = service_networks(facts.settings)
    answers = probe_all({_OWN: own, **urls}, networks, ours=(_OWN,))
    return replace(facts, own_api=answers.pop(_OWN, None), probes=answers)
