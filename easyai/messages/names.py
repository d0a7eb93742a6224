"""Short names of checks, states, alarms, events and causes, in both languages."""

from __future__ import annotations

from typing import Final

from easyai.domain.words import Words
from easyai.messages.reasons import reason
from easyai.messages.wording import span

CHECK_NAMES: Final = {
    "database": Words("database", "数据库"),
    "store": Words("frame store", "图片存储"),
    "broker": Words("broker", "broker"),
    "disk": Words("disk space", "磁盘空间"),
    "pictures": Words("picture links", "图片链接"),
    "bus": Words("message bus", "消息总线"),
    "settings": Words("settings", "配置文件"),
    "worker": Words("worker", "worker"),
    "beat": Words("beat", "beat"),
    "api": Words("API", "API"),
    "watchdog": Words("watchdog", "watchdog"),
    "services": Words("services", "算法服务"),
    "breakers": Words("breakers", "熔断器"),
    "queue": Words("queue", "队列"),
    "clock": Words("clock", "时钟"),
    "data": Words("data folder", "数据目录"),
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
    "clock_off": Words("clock off", "时钟不准"),
    "settings_invalid": Words("settings invalid", "配置文件有误"),
    "data_moved": Words("data folder moved", "数据目录被移动"),
    "service_registered": Words("service registered", "服务注册"),
    "service_suspect": Words("heartbeat timeout", "心跳超时"),
    "service_online": Words("service back", "服务恢复"),
    "service_unregistered": Words("service unregistered", "服务注销"),
    "service_waiting": Words("service waits for approval", "服务等待批准"),
    "heartbeats_slow": Words("pace of heartbeats", "心跳间隔"),
    "service_replaced": Words("service replaced", "服务被替换"),
    "breaker_open": Words("breaker opened", "熔断器打开"),
    "breaker_closed": Words("breaker closed", "熔断器关闭"),
    "process_started": Words("process started", "进程启动"),
    "process_stopped": Words("process stopped", "进程停止"),
    "process_restarted": Words("process restarted", "进程重启"),
    "restart_asked": Words("restart asked for", "要求重启"),
    "alarm_raised": Words("alarm", "告警"),
    "alarm_over": Words("alarm over", "告警解除"),
    "layout_by_date": Words("folders of dates", "按日期的目录"),
    "frames_parked": Words("frames parked", "图片暂存"),
    "task_types_full": Words("folders not taken in", "未接收的文件夹"),
    "frames_dropped": Words("frames dropped", "图片被丢弃"),
    "sampling_changed": Words("sampling changed", "抽样变化"),
    "leases_expired": Words("leases expired", "租约到期"),
    "alert_refused": Words("alert refused by the bus", "消息总线拒收告警"),
    "operator_action": Words("operator", "操作员操作"),
    "not_running": Words("no sign of easyai", "没有运行迹象"),
    "installed": Words("installed", "安装"),
}
# As they are told when it is over.
CAUSE_NAMES: Final = {
    "settings_invalid": Words("the settings file had a mistake", "配置文件有错误"),
    "disabled": Words("inference was switched off", "推理被关闭"),
    "data_moved": Words("the data folder was moved or deleted", "数据目录被移动或删除"),
    "database_down": Words("the database did not work", "数据库不可用"),
    "disk_full": Words("a disk was full", "磁盘已满"),
    "worker_gone": Words("no worker ran", "没有 worker 在运行"),
    "heartbeat_timeout_short": Words(
        "heartbeat_timeout_sec is shorter than their pace", "heartbeat_timeout_sec 短于心跳间隔"
    ),
    "memory_limit": Words("the worker hit a memory limit", "worker 达到内存限制"),
    "worker_hung": Words("the worker hung", "worker 卡住"),
    "worker_restarts": Words("the worker ended again and again", "worker 反复退出"),
    "not_running": Words("easyai showed no sign of itself", "easyai 没有运行迹象"),
    "store_down": Words("the frame store did not work", "图片存储不可用"),
    "beat_gone": Words("no beat ran", "没有 beat 在运行"),
    "api_gone": Words("no API ran", "没有 API 在运行"),
    "watchdog_gone": Words("no watchdog ran", "没有 watchdog 在运行"),
    "broker_down": Words("the broker did not work", "broker 不可用"),
    "services_died": Words("services had died", "算法服务停止运行"),
    "heartbeats_not_arriving": Words(
        "services lived but their heartbeats did not arrive", "服务在运行但心跳没有到达"
    ),
    "endpoint_unreachable": Words(
        "services sent heartbeats but could not be reached", "服务有心跳但无法访问"
    ),
    "endpoint_contested": Words(
        "service_ids registered in turn at one endpoint", "多个 service_id 轮流注册同一地址"
    ),
    "task_types_full": Words("there was no room for further task types", "任务类型数量已达上限"),
    "no_service": Words("no service was registered", "没有注册的算法服务"),
    "service_moved": Words("a service had moved to another endpoint", "服务已迁移到其他地址"),
    "inference_hangs": Words("inference hung in the services", "算法服务的推理卡住"),
    "inference_fails": Words("inference failed in the services", "算法服务的推理失败"),
    "pictures_unreachable": Words("pictures could not be fetched", "无法获取图片"),
    "algorithms_too_slow": Words("algorithms were too slow", "算法处理速度不足"),
    "bus_down": Words("the message bus did not work", "消息总线不可用"),
    "clock_jumped": Words("the clock jumped", "时钟跳变"),
    "clock_off": Words("the clock of a machine was off", "机器时钟不准"),
}


def check_name(name: str) -> Words:
    """A check as people call it."""
    return CHECK_NAMES.get(name) or Words(name, name)


def kind_name(kind: str) -> Words:
    """An alarm or event as people call it."""
    return KINDS.get(kind) or Words(kind, kind)


def cause_name(cause: str) -> Words:
    """The cause as an alarm noted it: by its code, or in whatever words it has."""
    return CAUSE_NAMES.get(cause) or reason(cause)


def alarm_over(alarm: str, cause: str, lasted_sec: float) -> Words:
    """That an alarm is over, with what is known of it."""
    lasted, why = span(lasted_sec), cause_name(cause) if cause else Words("not known", "未知")
    return Words(
        f"over after {lasted.en}: {alarm}; the cause was: {why.en}",
        f"告警解除，持续 {lasted.zh}：{alarm}；原因：{why.zh}",
    )
