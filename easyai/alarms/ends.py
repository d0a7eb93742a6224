"""What the end of an alarm says: what was seen, and nothing that is only hoped for.

That a condition holds no more has many reasons: frames stop to wait when they are inferred, and
when they are dropped; heartbeats are missed no more when they arrive, and when nobody lives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from easyai.alarms.absence import Absence
from easyai.db.statistics import BUCKET_SEC
from easyai.diagnosis.causes.life import is_heard, lives_unheard
from easyai.domain.alarm import Kind, Notice
from easyai.domain.service import ROUTABLE
from easyai.domain.words import Words
from easyai.health.facts import Facts
from easyai.health.failing import CAUSES as FAILED
from easyai.health.snapshot import TypeFacts
from easyai.messages.wording import frames, moment, names
from easyai.settings.commands import easyai_command

_FEW: Final = 3  # calls; a mean of fewer tells nothing
_OTHERS: Final = {
    Kind.HIGH_DROP_RATE: Words("the drop rate is back to normal", "丢弃率恢复正常"),
    Kind.BUS_DOWN: Words("the message bus takes alerts again", "消息总线已恢复"),
    Kind.STORE_DOWN: Words("the frame store works again", "图片存储已恢复"),
    Kind.DISK_LOW: Words("there is disk space again", "磁盘空间已恢复"),
    Kind.CLOCK_JUMP: Words("the clock is steady", "时钟已稳定"),
    Kind.SETTINGS_INVALID: Words("the settings file is right again", "配置文件已恢复正确"),
    Kind.DATA_MOVED: Words("the data folder is where it was", "数据目录已恢复原处"),
    Kind.CLOCK_OFF: Words(
        "the clock agrees with the database's, or is gone", "时钟已与数据库一致，或该机器已停用"
    ),
}
# Causes by which no frame was looked for.
_UNSEEN: Final = frozenset(
    {
        *("beat_gone", "broker_down", "database_down", "disabled", "disk_full"),
        *("settings_invalid", "store_down", "worker_gone", "worker_hung", "not_running"),
    }
)


def end(kind: str, group: Sequence[Notice], facts: Facts) -> Words:
    """What is so now that alarms of a kind are over."""
    say = _SEEN.get(Kind(kind))
    return say(group, facts) if say else _OTHERS[Kind(kind)]


def not_running(absence: Absence) -> Words:
    """From when to when nothing of ours showed that it runs."""
    since, until = moment(absence.since), moment(absence.until)
    return Words(
        f"easyai showed no sign of itself from {since} to {until}",
        f"easyai 从 {since} 到 {until} 没有任何运行迹象",
    )


def _algorithms(group: Sequence[Notice], facts: Facts) -> Words:
    served = {name for one in facts.services if one.state in ROUTABLE for name in one.task_types}
    available = [one for one in group if (one.subject in served if one.subject else served)]
    again = Words("algorithms are available again", "算法服务已恢复")
    if len(available) == len(group):
        return again
    unserved = [one.subject for one in group if one not in available]
    shown, waits = names(unserved), _waits(_types(unserved, facts))
    none = Words(
        f"{waits.en}; still no service takes {shown}",
        f"{waits.zh}；仍然没有可用的算法服务：{shown}",
    )
    return _joined(again, none) if available else none


def _inference(group: Sequence[Notice], facts: Facts) -> Words:
    going = [one.subject for one in group if _goes_on(one, facts)]
    if len(going) == len(group):
        on = Words("inference goes on", "推理已恢复")
        return _joined(on, *_kept_failed(group, facts))
    standing = [one for one in group if one.subject not in going]
    waits = _waits(_types([one.subject for one in standing], facts))
    none = Words(f"{waits.en}, none has succeeded since", f"{waits.zh}，此后还没有成功的推理")
    if {one.cause for one in standing} <= _UNSEEN:
        none = _joined(Words("frames are looked for again", "已恢复查找图片"), none)
    if not going:
        return none
    works, others = names(going), names(one.subject for one in standing)
    return Words(
        f"inference of {works} goes on; {others}: {none.en}",
        f"{works} 的推理已恢复；{others}：{none.zh}",
    )


def _kept_failed(group: Sequence[Notice], facts: Facts) -> Iterator[Words]:
    """That frames failed of what is over now: nothing else brings them back."""
    subjects = [one.subject for one in group if one.cause in FAILED]
    for one in [one for one in _types(subjects, facts) if one.failed][:_FEW]:
        number, are = frames(one.failed), "is" if one.failed == 1 else "are"
        command = easyai_command(facts.settings, "requeue", "--task-type", one.name)
        yield Words(
            f"{number.en} of {one.name} {are} kept as failed, `{command}` brings "
            f"{'it' if one.failed == 1 else 'them'} back",
            f"{one.name} 有 {number.zh}推理失败并保留，用 `{command}` 重新排队",
        )


def _goes_on(notice: Notice, facts: Facts) -> bool:
    """Whether something has succeeded since the alarm was raised."""
    # The time of a last success is known to ten seconds.
    since = notice.raised_at - BUCKET_SEC
    return any(one.last_success_at >= since for one in _types([notice.subject], facts))


def _backlog(group: Sequence[Notice], facts: Facts) -> Words:
    del group
    pending = sum(one.pending for one in facts.types)
    parked = sum(one.parked for one in facts.types)
    queue, aside = frames(pending), frames(parked)
    waits = "waits" if pending == 1 else "wait"
    what = Words(f"{queue.en} {waits} in the queue", f"队列中有 {queue.zh}在等待")
    if not parked:
        return what
    are = "is" if parked == 1 else "are"
    kept = Words(
        f"{aside.en} {are} parked until a service takes work", f"{aside.zh}已暂存，等待算法服务"
    )
    return _joined(what, kept)


def _speed(group: Sequence[Notice], facts: Facts) -> Words:
    own = _types([one.subject for one in group], facts)
    if own and all(one.recent.successes >= _FEW for one in own):
        return Words("inference is as fast as it should be", "推理速度恢复正常")
    return Words(
        "too few answers in the last minute to tell how fast inference is",
        "最近一分钟应答太少，无法判断推理速度",
    )


def _heartbeats(group: Sequence[Notice], facts: Facts) -> Words:
    subjects = {one.subject for one in group}
    own = [one for one in facts.services if "" in subjects or one.endpoint in subjects]
    heard = [one for one in own if is_heard(facts, one)]
    living = [one.service_id for one in own if lives_unheard(facts, one)]
    lost = [one for one in own if one not in heard and one.service_id not in living]
    parts = []
    if len(heard) == len(own) and own:
        parts.append(Words("heartbeats arrive again", "心跳已恢复"))
    elif heard:
        of_all = len(own)
        parts.append(
            Words(
                f"heartbeats of {len(heard)} of {of_all} services arrive again",
                f"{of_all} 个服务中有 {len(heard)} 个心跳已恢复",
            )
        )
    else:
        parts.append(Words("no heartbeat arrives still", "仍然没有心跳"))
    if living:
        parts.append(
            Words(
                f"not those of {names(living)}, which live", f"{names(living)} 仍无心跳（在运行）"
            )
        )
    if lost:
        shown = names(one.service_id for one in lost)
        parts.append(Words(f"not known to live any more: {shown}", f"已无法确认仍在运行：{shown}"))
    return _joined(*parts)


def _types(subjects: Sequence[str], facts: Facts) -> list[TypeFacts]:
    return [one for one in facts.types if "" in subjects or one.name in subjects]


def _waits(types: Sequence[TypeFacts]) -> Words:
    """How many frames of these types wait; if none does, what became of them."""
    waiting = sum(one.waiting + one.leased for one in types)
    if waiting:
        number, waits = frames(waiting), "waits" if waiting == 1 else "wait"
        return Words(f"{number.en} still {waits}", f"仍有 {number.zh}在等待")
    failed = sum(one.failures.count for one in types)
    dropped = sum(one.recent.dropped for one in types)
    fates = []
    if failed:
        fates.append(Words(f"{failed} failed", f"{failed} 张失败"))
    if dropped:
        fates.append(Words(f"{dropped} dropped in the last minute", f"最近一分钟丢弃 {dropped} 张"))
    en, zh = ", ".join(one.en for one in fates), "，".join(one.zh for one in fates)
    return Words(
        f"no frame waits any more{f' ({en})' if fates else ''}",
        f"没有图片在等待{f'（{zh}）' if fates else ''}",
    )


def _joined(*parts: Words) -> Words:
    return Words("; ".join(one.en for one in parts), "；".join(one.zh for one in parts))


_SEEN: Final[dict[Kind, Callable[[Sequence[Notice], Facts], Words]]] = {
    Kind.NO_ALGORITHM: _algorithms,
    Kind.INFERENCE_STALLED: _inference,
    Kind.QUEUE_BACKLOG: _backlog,
    Kind.SLOW_INFERENCE: _speed,
    Kind.HEARTBEATS_MISSING: _heartbeats,
}
