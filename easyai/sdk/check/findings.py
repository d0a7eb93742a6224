"""Runs the contract points against a service and reports the findings."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from typing import Any

from easyai.sdk.check.bench import Bench, BlockedError, BreachError, UnreachableError
from easyai.sdk.check.points import POINTS, ContractPoint


@dataclass(frozen=True)
class Finding:
    """The result of a contract point."""

    name: str
    title: str
    ok: bool | None  # None: not judged, because another point that failed is the cause
    detail: str  # the observation
    remedy: str  # the fix for the author; empty when the point holds


@dataclass(frozen=True)
class Report:
    """The findings of a run, in the order of the points."""

    url: str
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether every point was checked and holds."""
        return len(self.findings) == len(POINTS) and all(each.ok for each in self.findings)

    def as_json(self) -> dict[str, Any]:
        """Return the report as a JSON object."""
        findings = [asdict(finding) for finding in self.findings]
        return {"url": self.url, "ok": self.ok, "points": findings}

    def as_text(self) -> str:
        """Return the report as a checklist for people."""
        lines = [f"Contract of the algorithm service at {self.url}"]
        for each in self.findings:
            mark = {True: "ok  ", False: "FAIL", None: "-   "}[each.ok]
            lines.append(f"  {mark}  {each.name:<16} {each.title} ({each.detail})")
            if each.ok is False:
                lines.append(f"        what to do:      {each.remedy}")
        held = sum(bool(each.ok) for each in self.findings)
        lines.append(f"{held} of {len(POINTS)} points hold")
        if len(self.findings) < len(POINTS):
            lines.append("The other points were not checked: the service cannot be reached.")
        return "\n".join(lines)


Watch = Callable[[ContractPoint], AbstractContextManager[object]]


def run(bench: Bench, watch: Watch = lambda _point: nullcontext()) -> Report:
    """Check every point; stops at once when the service cannot be reached.

    Each check runs inside the context that `watch` returns for its point.
    """
    findings = []
    for point in POINTS:
        try:
            with watch(point):
                seen = point.check(bench)
            findings.append(_finding(point, True, seen))
        except BlockedError as error:
            findings.append(_finding(point, None, f"not judged: see {error}"))
        except UnreachableError as error:
            remedy = "start the service, or correct host, port and path of the URL"
            findings.append(Finding(point.name, point.title, False, str(error), remedy))
            break
        except BreachError as error:
            findings.append(_finding(point, False, str(error)))
    return Report(bench.url, tuple(findings))


def _finding(point: ContractPoint, ok: bool | None, detail: str) -> Finding:
    remedy = point.remedy if ok is False else ""
    return Finding(point.name, point.title, ok, detail, remedy)
