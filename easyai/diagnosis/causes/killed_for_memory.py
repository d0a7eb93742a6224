"""The cause that the kernel kills our processes for lack of memory."""

from __future__ import annotations

from collections.abc import Iterator

from easyai.diagnosis.causes.cause import Cause, Remedy
from easyai.domain.reason import Reason
from easyai.health.facts import Facts
from easyai.health.snapshot import Snapshot
from easyai.process.end_codes import KILLED_FOR_MEMORY


def killed_for_memory(facts: Facts, snapshot: Snapshot) -> Iterator[Cause]:
    """The cause, if a worker was killed for lack of memory within the last two minutes."""
    starts = [
        (process, start)
        for process in snapshot.processes
        if process.kind == "worker"
        for start in process.starts
        if start.reason.code == KILLED_FOR_MEMORY
    ]
    if not starts:
        return
    stops = bool(facts.stalled) or not snapshot.working("worker", facts.now)
    evidence = [
        Reason.of(
            "process.started_again_at", name=process.name, started_at=start.at, why=start.reason
        )
        for process, start in starts[-3:]
    ]
    yield Cause(
        "memory_limit",
        Reason("cause.memory_limit.title"),
        tuple(evidence),
        (
            Remedy(
                Reason("remedy.see_memory"),
                "cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory.events; free -m; "
                "ps aux --sort=-rss | head; dmesg -T | grep -i oom | tail",
            ),
            Remedy(Reason("remedy.raise_memory")),
        ),
        weight=91 if stops else 45,
    )
