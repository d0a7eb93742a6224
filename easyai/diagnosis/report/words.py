"""The headings of the report, in both languages."""

from __future__ import annotations

from typing import Final

from easyai.domain.words import Words
from easyai.store.bucket_conditions import COPY, DELETE, PUT, TARGET

TITLE: Final = Words("Diagnosis of inference", "推理诊断报告")
SYMPTOM: Final = Words("Symptom", "问题现象")
CAUSES: Final = Words("Root causes", "根本原因")
NO_CAUSE: Final = Words(
    "None found. The checks below that fail are where to look", "未找到。请查看下面未通过的检查"
)
EVIDENCE: Final = Words("Evidence", "证据")
REMEDIES: Final = Words("What to do", "解决方案")
SERVICES: Final = Words("Services", "算法服务")
TIMELINE: Final = Words("Timeline", "时间线")
RECOVERED: Final = Words("Already recovered", "已恢复")
RINGING: Final = Words("Alarms ringing", "正在告警")
CHECKS: Final = Words("Checks", "检查")
VERIFY: Final = Words("Afterwards", "验证恢复")
VERIFY_TEXT: Final = Words(
    "Inference goes on by itself within seconds once the cause is gone. See that it does:",
    "原因消除后，推理在数秒内自动恢复。验证：",
)
OK: Final = Words("ok", "正常")
FULL_STOP: Final = Words(". ", "。")
NOT_OK: Final = Words("NOT OK", "异常")
NO_EVENTS: Final = Words("No change of state is remembered", "没有状态变化的记录")

WAITING_HEAD: Final = Words(
    "task type|pending|parked|in flight|failed|oldest waits since|last success",
    "任务类型|等待|暂存|推理中|失败|最早等待自|最后成功",
)
SERVICE_HEAD: Final = Words(
    "services|state|reason|last heartbeat|probe|breaker|last failure",
    "服务|状态|原因|最后心跳|探测|熔断器|最近失败",
)
CHECK_HEAD: Final = Words("check|state|detail", "检查|状态|详情")


def told(when: str) -> Words:
    """When people were told of an alarm."""
    return Words(f"; told at {when}", f"；{when} 告警")


_WITHOUT: Final = {
    COPY: Words(
        "a picture that a camera replaces within the same milliseconds may lie beside the alert of "
        "the one before",
        "摄像头在同一毫秒内替换的图片可能出现在前一张图片的告警中",
    ),
    DELETE: Words(
        "a picture that a camera writes under the same name within the milliseconds between look "
        "and deletion is deleted unseen: give each picture a name of its own",
        "摄像头在检查与删除之间的几毫秒内以同名写入的图片会未经推理即被删除：请让每张图片使用不同的名称",
    ),
    TARGET: Words(
        "a picture that another program writes under the name of an alert within the same "
        "milliseconds is overwritten",
        "其他程序在同一毫秒内以告警图片的名称写入的图片会被覆盖",
    ),
    PUT: Words(
        "of two installations that start on this bucket within the same milliseconds both may take "
        "it",
        "在同一毫秒内在该存储桶上启动的两个安装可能都认为自己拥有它",
    ),
}


def store_ignores(condition: str) -> Words:
    """What follows from a condition that the object store does not keep to."""
    what = _WITHOUT[condition]
    return Words(
        f"Object store: it does not keep to {condition}; {what.en}.",
        f"对象存储：不支持 {condition}；{what.zh}。",
    )
