"""The headings of the report, and the names of checks, alarms and events, in both languages."""

from __future__ import annotations

from typing import Final

from easyai.domain.words import Words

TITLE: Final = Words("Diagnosis of inference", "推理诊断报告")
SYMPTOM: Final = Words("Symptom", "问题现象")
CAUSES: Final = Words("Root causes", "根本原因")
MORE_CAUSES: Final = Words("most likely first", "按可能性排序")
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

CHECK_NAMES: Final = {
    "database": Words("database", "数据库"),
    "store": Words("frame store", "图片存储"),
    "broker": Words("broker", "broker"),
    "disk": Words("disk space", "磁盘空间"),
    "pictures": Words("picture links", "图片链接"),
    "bus": Words("message bus", "消息总线"),
    "worker": Words("worker", "worker"),
    "beat": Words("beat", "beat"),
    "watchdog": Words("watchdog", "watchdog"),
    "services": Words("services", "算法服务"),
    "breakers": Words("breakers", "熔断器"),
    "queue": Words("queue", "队列"),
    "clock": Words("clock", "时钟"),
}
STATES: Final = {
    "online": Words("online", "在线"),
    "suspect": Words("suspect", "可疑"),
    "offline": Words("offline", "离线"),
    "unregistered": Words("unregistered", "已注销"),
}
KINDS: Final = {
    "no_algorithm": Words("no algorithm", "没有算法服务"),
    "inference_stalled": Words("inference stalled", "推理停止"),
    "queue_backlog": Words("backlog", "队列积压"),
    "high_drop_rate": Words("high drop rate", "丢弃率过高"),
    "slow_inference": Words("slow inference", "推理缓慢"),
    "service_offline": Words("service offline", "服务离线"),
    "heartbeats_missing": Words("heartbeats missing", "心跳缺失"),
    "bus_down": Words("bus down", "消息总线不可用"),
    "store_down": Words("store down", "图片存储不可用"),
    "disk_low": Words("disk low", "磁盘空间不足"),
    "clock_jump": Words("clock jump", "时钟跳变"),
    "service_registered": Words("service registered", "服务注册"),
    "service_suspect": Words("heartbeat timeout", "心跳超时"),
    "service_online": Words("service back", "服务恢复"),
    "service_unregistered": Words("service unregistered", "服务注销"),
    "service_replaced": Words("service replaced", "服务被替换"),
    "breaker_open": Words("breaker opened", "熔断器打开"),
    "breaker_closed": Words("breaker closed", "熔断器关闭"),
    "process_started": Words("process started", "进程启动"),
    "process_stopped": Words("process stopped", "进程停止"),
    "process_restarted": Words("process restarted", "进程重启"),
    "alarm_raised": Words("alarm", "告警"),
    "alarm_over": Words("alarm over", "告警解除"),
    "frames_parked": Words("frames parked", "图片暂存"),
    "frames_dropped": Words("frames dropped", "图片被丢弃"),
    "sampling_changed": Words("sampling changed", "抽样变化"),
    "leases_expired": Words("leases expired", "租约到期"),
    "alert_refused": Words("alert refused by the bus", "消息总线拒收告警"),
    "installed": Words("installed", "安装"),
}


def check_name(name: str) -> Words:
    """A check as people call it."""
    return CHECK_NAMES.get(name) or Words(name, name)


def kind_name(kind: str) -> Words:
    """An alarm or event as people call it."""
    return KINDS.get(kind) or Words(kind, kind)
