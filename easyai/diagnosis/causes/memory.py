"""The cause that the kernel kills our processes for lack of memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from easyai.diagnosis.causes.cause import Cause, Remedy
from easyai.domain.words import Words
from easyai.health.facts import Facts
from easyai.health.snapshot import Known
from easyai.messages.reasons import reason
from easyai.messages.wording import moment

#: So begins the reason that `easyai up` gives (supervisor/child_ends.py).
_NO_MEMORY: Final = "it was killed for lack of memory"


def killed_for_memory(facts: Facts, known: Known) -> Iterator[Cause]:
    """A worker that was killed for lack of memory within the last two minutes."""
    starts = [
        (one, start)
        for one in known.processes
        if one.kind == "worker"
        for start in one.starts
        if start.reason.startswith(_NO_MEMORY)
    ]
    if not starts:
        return
    stops = bool(facts.stalled) or not known.working("worker", facts.now)
    told = [
        Words(
            f"{one.name} started again at {moment(start.at)}: {start.reason}",
            f"{one.name} 于 {moment(start.at)} 重新启动：{reason(start.reason).zh}",
        )
        for one, start in starts[-3:]
    ]
    yield Cause(
        "memory_limit",
        Words(
            "The worker was killed for lack of memory: a memory limit was hit",
            "worker 因内存不足被系统终止：达到了内存限制",
        ),
        tuple(told),
        (
            Remedy(
                Words(
                    "See the limit and what uses the memory",
                    "查看内存限制以及内存占用",
                ),
                "cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory.events; free -m; "
                "ps aux --sort=-rss | head; dmesg -T | grep -i oom | tail",
            ),
            Remedy(
                Words(
                    "Raise the limit (MemoryMax of the systemd unit, --memory of the container), "
                    "or lower max_concurrent_infer",
                    "提高限制（systemd 单元的 MemoryMax、容器的 --memory），"
                    "或减小 max_concurrent_infer",
                )
            ),
        ),
        weight=91 if stops else 45,
    )
