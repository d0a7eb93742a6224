"""Short names of causes, for where one is only mentioned: in the story of an alarm that is over."""

from __future__ import annotations

from typing import Final

from easyai.domain.words import Words
from easyai.health.reasons import reason

NAMES: Final = {
    "disabled": Words("inference was switched off", "推理被关闭"),
    "database_down": Words("the database did not work", "数据库不可用"),
    "disk_full": Words("a disk was full", "磁盘已满"),
    "worker_gone": Words("no worker ran", "没有 worker 在运行"),
    "worker_hung": Words("the worker hung", "worker 卡住"),
    "store_down": Words("the frame store did not work", "图片存储不可用"),
    "beat_gone": Words("no beat ran", "没有 beat 在运行"),
    "watchdog_gone": Words("no watchdog ran", "没有 watchdog 在运行"),
    "broker_down": Words("the broker did not work", "broker 不可用"),
    "services_died": Words("services had died", "算法服务停止运行"),
    "heartbeats_not_arriving": Words(
        "services lived but their heartbeats did not arrive", "服务在运行但心跳没有到达"
    ),
    "endpoint_unreachable": Words(
        "services sent heartbeats but could not be reached", "服务有心跳但无法访问"
    ),
    "no_service": Words("no service was registered", "没有注册的算法服务"),
    "inference_hangs": Words("inference hung in the services", "算法服务的推理卡住"),
    "inference_fails": Words("inference failed in the services", "算法服务的推理失败"),
    "pictures_unreachable": Words("pictures could not be fetched", "无法获取图片"),
    "algorithms_too_slow": Words("algorithms were too slow", "算法处理速度不足"),
    "bus_down": Words("the message bus did not work", "消息总线不可用"),
    "clock_jumped": Words("the clock jumped", "时钟跳变"),
}


def named(cause: str) -> Words:
    """The cause as the alarm noted it: by its code, or in whatever words it has."""
    return NAMES.get(cause) or reason(cause)
