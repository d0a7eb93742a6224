"""Causes in what we stand on: settings, database, disk, store, broker, clock, bus."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Final

from easyai.diagnosis.causes.cause import Cause, Remedy
from easyai.diagnosis.causes.data_folder import data_moved
from easyai.domain.words import Words
from easyai.health.facts import Facts
from easyai.health.snapshot import Known
from easyai.messages.wording import counted, frames, moment, span
from easyai.settings.commands import curl_command, easyai_command

NO_DATABASE: Final = "no database at"  # how the reason begins where there is no file
_OUTBOX_LATE_SEC: Final = 60.0


def find(facts: Facts) -> Iterator[Cause]:
    """What is wrong on our side."""
    if not facts.settings.ai_analysis.enable:
        yield _disabled(facts)
    if facts.failed("data"):
        yield data_moved(facts)
    elif facts.known is None or facts.failed("database"):
        yield _database(facts)
    if facts.failed("disk"):
        yield _disk(facts)
    if facts.failed("store"):
        yield _store(facts)
    if facts.failed("broker"):
        yield _broker(facts)
    if facts.known is not None:
        yield from _clock(facts, facts.known)
    yield from _bus(facts)


def _disabled(facts: Facts) -> Cause:
    return Cause(
        "disabled",
        Words(
            "Inference is switched off: ai_analysis.enable is false",
            "推理被关闭：ai_analysis.enable 为 false",
        ),
        (
            Words(
                f"No new frame is looked for. Found before and waiting: {frames(facts.waiting).en}",
                f"不查找新的图片；此前发现的 {frames(facts.waiting).zh}在等待",
            ),
        ),
        (
            Remedy(
                Words(
                    "Set enable = true in [ai_analysis]; it counts within a second",
                    "在 [ai_analysis] 中设置 enable = true；一秒内生效",
                ),
                easyai_command(facts.settings, "config", "check"),
            ),
        ),
        weight=100,
    )


def _database(facts: Facts) -> Cause:
    reason = facts.failed("database")
    locked = "locked" in reason
    evidence = [facts.why("database") if reason else Words("it does not answer", "没有应答")]
    if reason.startswith(NO_DATABASE):
        pass
    elif facts.known is None:
        evidence.append(
            Words(
                "Frames, services and processes are not known while it is away; nothing is lost, "
                "answers under way are settled when it is back",
                "数据库不可用期间无法得知图片、服务和进程的状态；不会丢失数据，恢复后继续处理",
            )
        )
    elif locked:
        evidence.append(
            Words(
                "It can be read; another program holds its lock for writing",
                "可以读取；有其他程序占用写锁",
            )
        )
    return Cause(
        "database_down",
        Words("The database does not work", "数据库不可用"),
        tuple(evidence),
        tuple(_database_remedies(facts)),
        weight=95,
    )


def _database_remedies(facts: Facts) -> Iterator[Remedy]:
    url = facts.settings.easyai.effective_database_url
    if facts.failed("database").startswith(NO_DATABASE):
        yield Remedy(
            Words(
                "If easyai runs already, name its settings with --config or its folder with "
                "EASYAI_DATA_DIR. Where it was never started, start it, which makes the database, "
                "or make the database alone",
                "若 easyai 已在运行，请用 --config 指定其配置，或用 EASYAI_DATA_DIR 指定其目录；"
                "若从未启动过，请启动 easyai（会自动创建数据库），或单独创建数据库",
            ),
            easyai_command(facts.settings, "db", "upgrade"),
        )
        return
    if url.startswith("sqlite"):
        path = url.partition(":///")[2]
        yield Remedy(
            Words(
                "See which programs have the file open, and whether it can be written",
                "查看哪些程序打开了数据库文件，以及文件是否可写",
            ),
            f"fuser -v {shlex.quote(path)}; ls -l {shlex.quote(path)}*; "
            f"df -h {shlex.quote(str(facts.settings.easyai.data_dir.absolute()))}",
        )
    else:
        yield Remedy(
            Words(
                "See on its machine whether PostgreSQL runs",
                "在数据库所在机器上查看 PostgreSQL 是否运行",
            ),
            "systemctl status postgresql",
        )
    yield Remedy(
        Words(
            "Try it; `db upgrade` brings an older schema to this version",
            "测试连接；`db upgrade` 可升级旧的表结构",
        ),
        easyai_command(facts.settings, "db", "current"),
    )


def _disk(facts: Facts) -> Cause:
    full = "No space left" in facts.failed("broker")  # one of files: they lie there, too
    said = facts.failed("database")
    by_it = "disk is full" in said or "No space left" in said
    hit = bool(full or facts.failed("database") or facts.failed("store"))
    folder = shlex.quote(str(facts.settings.easyai.data_dir.absolute()))
    return Cause(
        "disk_full",
        Words("A disk is full or nearly so", "磁盘已满或将满"),
        (facts.why("disk"),),
        (
            Remedy(
                Words("See what takes the room", "查看占用空间的内容"),
                f"df -h {folder}; df -i {folder}; du -xh --max-depth=2 {folder} | sort -h | tail",
            ),
            Remedy(
                Words(
                    "Make room: delete old alerts with their pictures, or lower max_alerts_in_db "
                    "and failed_retention_days",
                    "腾出空间：删除旧告警及其图片，"
                    "或减小 max_alerts_in_db 和 failed_retention_days",
                )
            ),
        ),
        weight=96 if by_it else 92 if hit else 58,
    )


def _store(facts: Facts) -> Cause:
    extractor = facts.settings.frame_extractor
    if extractor.store == "local":
        folder = shlex.quote(str(extractor.output_dir.absolute()))
        command = f"ls -ld {folder}; findmnt -T {folder}"
    else:
        scheme = "https" if extractor.minio.use_ssl else "http"
        command = curl_command(f"{scheme}://{extractor.minio.endpoint}/minio/health/live")
    return Cause(
        "store_down",
        Words(
            "The frame store does not work: no frame is found or read",
            "图片存储不可用：无法发现和读取图片",
        ),
        (facts.why("store"),),
        (
            Remedy(
                Words(
                    "See whether it is there, mounted and may be written",
                    "查看存储是否存在、已挂载且可写",
                ),
                command,
            ),
        ),
        weight=88,
    )


def _broker(facts: Facts) -> Cause:
    url = facts.settings.easyai.broker_url
    if not url or url.startswith("filesystem"):
        folder = shlex.quote(str(facts.settings.easyai.data_dir.absolute() / "broker"))
        command = f"ls -ld {folder} {folder}/*; df -h {folder}"
    elif url.startswith(("redis", "sentinel")):
        command = "systemctl status redis-server"
    else:
        command = "systemctl status rabbitmq-server"
    return Cause(
        "broker_down",
        Words("The broker does not work: no worker is woken", "broker 不可用：无法唤醒 worker"),
        (facts.why("broker"),),
        (
            Remedy(
                Words(
                    "See on its machine whether it runs; work goes on within seconds of its return",
                    "在其所在机器上查看是否运行；恢复后数秒内继续工作",
                ),
                command,
            ),
        ),
        weight=84,
    )


def _clock(facts: Facts, known: Known) -> Iterator[Cause]:
    if not known.ahead_sec and not known.clock_jump_at:
        return
    evidence = []
    if known.ahead_sec:
        ahead = span(known.ahead_sec)
        evidence.append(
            Words(
                f"The newest sign of life lies {ahead.en} in the future",
                f"最新的活动记录在未来 {ahead.zh}",
            )
        )
    if known.clock_jump_at:
        when = moment(known.clock_jump_at)
        evidence.append(Words(f"A jump was noticed at {when}", f"{when} 发现时钟跳变"))
    yield Cause(
        "clock_jumped",
        Words("The clock of this machine jumped", "本机时钟发生跳变"),
        tuple(evidence),
        (
            Remedy(
                Words(
                    "See whether it is synchronized; inference follows by itself",
                    "查看时钟是否同步；推理会自动恢复",
                ),
                "date; timedatectl status",
            ),
        ),
        weight=55 if known.ahead_sec and facts.stalled else 25,
    )


def _bus(facts: Facts) -> Iterator[Cause]:
    reason, known = facts.failed("bus"), facts.known
    fresh = not facts.failed("database")
    late = bool(
        fresh and known and known.outbox and facts.now - known.outbox_since > _OUTBOX_LATE_SEC
    )
    if not facts.settings.ai_analysis.has_bus or not (reason or late):
        return
    evidence = [facts.why("bus")] if reason else []
    if known and known.outbox:
        number = counted(known.outbox, "alert waits", "alerts wait", "条告警待发送")
        when = moment(known.outbox_since)
        evidence.append(
            Words(
                f"{number.en} for it, the oldest since {when}", f"{number.zh}，最早的自 {when} 起"
            )
        )
    kind = facts.settings.ai_analysis.mq_type
    yield Cause(
        "bus_down",
        Words(
            f"Alerts do not reach the bus ({kind}); inference goes on and they are kept",
            f"告警无法送达消息总线（{kind}）；推理继续，告警会保留",
        ),
        tuple(evidence),
        (
            Remedy(
                Words(
                    "See whether mq_address is right and the bus runs; what waits is sent when "
                    "it is back",
                    "查看 mq_address 是否正确、总线是否运行；恢复后会补发",
                ),
                easyai_command(facts.settings, "config", "check"),
            ),
        ),
        weight=20,
    )
