"""The result of a test with failing servers or machines: a row of docs/reliability.md."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Final

from tests.support.reliability import PRODUCTION, rounded_up

PROPERTY: Final = "proof"  # the name under which a test's report carries it
ALL_ONCE: Final = "each frame inferred, with one alert"
ONE_FATE: Final = (
    "one fate for each frame, as its answer asks; alerts and pictures match; limits hold"
)

_HEAD: Final = f"""{PRODUCTION}
`make production` writes this section, with real servers on one machine of two cores; hosts are
network namespaces of this machine. Each row is a test with the assertion that it makes. Times
are from the end of the fault, or from the takeover, until all later frames were done (beat:
until the second beat leads; host: until the host works again; slow network: until half of the
frames were done), with three test processes at work, rounded up. The three hosts stay for all
tests but the upgrade, and each test asserts and counts all frames since the start of the hosts.

| part | fault | frames | asserted | resumed |
|---|---|--:|---|--:|
"""


@dataclass(frozen=True)
class Proof:
    """A fault; `went_on_sec`: until work begun after it was done, None where not measured."""

    part: str
    fault: str
    frames: int
    went_on_sec: float | None = None
    asserted: str = ALL_ONCE

    def as_property(self) -> dict[str, Any]:
        """Plain values, for the way between processes."""
        return asdict(self)


def section(proofs: Iterable[Proof]) -> str:
    """The section of the page."""
    rows = sorted(proofs, key=lambda proof: (proof.part, proof.fault))
    return _HEAD + "".join(_row(proof) for proof in rows)


def _row(proof: Proof) -> str:
    cells = (
        proof.part,
        proof.fault,
        f"{proof.frames:,}",
        proof.asserted,
        rounded_up(proof.went_on_sec),
    )
    return f"| {' | '.join(cells)} |\n"
