"""Reasons of ours, as checks, calls and services note them in English, said in Chinese as well."""

from __future__ import annotations

import re
from typing import Final

from easyai.domain.words import Words

_SAID: Final = tuple(
    (re.compile(pattern), zh)
    for pattern, zh in (
        (r"^probe failed: ", "探测失败："),
        (r"^no database at ", "找不到数据库："),
        (r"no answer within ([\d.]+) s", r"\1 秒内没有应答"),
        (r"no connection within ([\d.]+) s", r"\1 秒内无法建立连接"),
        (r"no heartbeat for ([\d.]+) s", r"\1 秒没有心跳"),
        (r"cannot connect(?=$|[:;])", "无法连接"),
        (r"Connection refused", "连接被拒绝"),
        (r"^frame folder (.+): missing or not writable", r"图片目录 \1：不存在或不可写"),
        (
            r"^frame folder (.+): empty; is its disk mounted\?",
            r"图片目录 \1：为空；磁盘是否已挂载？",
        ),
        (r"^frame folder ", "图片目录 "),
        (r"the database does not answer for ([\d.]+) s", r"数据库已 \1 秒没有应答"),
        (r"the database does not answer", "数据库没有应答"),
        (r"database is locked", "数据库被锁定"),
        (r"^it does not answer$", "没有应答"),
        (r"^no answer$", "没有应答"),
        (r"^no service( at all)?$", "没有算法服务"),
        (r"^alerts wait, none is acknowledged$", "告警在等待，没有一条被确认"),
        (r"^status (\d+)", r"状态码 \1"),
        (r"^unregistered by request, by (.+)$", r"应 \1 的请求注销"),
        (
            r"^all services were cleared by request \(clear_all\)$",
            "按请求清空了全部服务（clear_all）",
        ),
        (r", though heartbeats of its id arrive$", "，但收到其 ID 的心跳"),
        (r"^closed$", "关闭"),
        (r"^open$", "打开"),
        (r"^half-open$", "试探中"),
        (r"picture link does not work", "图片链接无法访问"),
    )
)


def reason(text: str) -> Words:
    """A noted reason in both languages; what drivers and services said stays as it is."""
    zh = text
    for pattern, said in _SAID:
        zh = pattern.sub(said, zh)
    return Words(text, zh)
