"""The Chinese of every reason and event that is stored in English.

`{n}` stands for a number, `{}` for other words, numbered from 1 in the Chinese; what stands around
them, such as the words of a driver, stays as it is. `^` and `$` are the ends of the whole text.
"""

from __future__ import annotations

from typing import Final

_CALLS: Final = {
    "cannot connect: ": "无法连接：",
    "^cannot connect$": "无法连接",
    "Connection refused": "连接被拒绝",
    "no answer within {n} s": "{1} 秒内没有应答",
    "^no answer$": "没有应答",
    "^it does not answer$": "没有应答",
    "HTTP status {n}": "HTTP 状态码 {1}",
    "status {n}": "状态码 {1}",
    "not JSON: {n} bytes": "不是 JSON：{1} 字节",
    "not JSON: ": "不是 JSON：",
    "{} is not JSON": "{1} 不是 JSON",
    "no field 'success' of true or false in the answer": (
        "应答中没有值为 true 或 false 的 success 字段"
    ),
    "success:false without an error": "success:false，没有说明错误",
    "the answer is not HTTP": "应答不是 HTTP",
    "the answer is larger than {n} bytes": "应答超过 {1} 字节",
    "more than {n} answers to one request": "一次请求得到超过 {1} 个应答",
    "too many redirects": "重定向次数过多",
    ", redirects are not followed: register the address it leads to": (
        "，不跟随重定向：请注册其指向的地址"
    ),
    "{} is link-local or a cloud's metadata service, which is never called": (
        "{1} 是链路本地地址或云平台元数据服务，不会调用"
    ),
    "{} is this server itself": "{1} 是本服务器自身",
    "{} is not in service_networks": "{1} 不在 service_networks 允许的网段内",
    "not a usable URL at ": "无法使用的 URL：",
    "no further words": "没有更多说明",
    "the connection was lost": "连接中断",
    "internal error: the answer could not be written": "内部错误：无法写入应答",
    "internal error: ": "内部错误：",
    "; its picture link does not work here either: ": "；其图片链接在本机也无法访问：",
    "picture link does not work": "图片链接无法访问",
}
_DATABASE: Final = {
    "the database does not answer": "数据库没有应答",
    "does not answer: ": "没有应答：",
    "database is locked": "数据库被锁定",
}
_BUS: Final = {
    "ai_analysis.mq_address names several hosts, and alerts go to one: name one of them, or an "
    "address that moves to the host that works; ": (
        "ai_analysis.mq_address 写了多个主机，而告警只发往一个：请只写其中一个，"
        "或写一个会切换到可用主机的地址；"
    ),
    "ai_analysis.mq_address is not set": "ai_analysis.mq_address 未设置",
    "ai_analysis.mq_address is no address of {}; ": "ai_analysis.mq_address 不是 {1} 的地址；",
    "ai_analysis.mq_address is not a URL": "ai_analysis.mq_address 不是 URL",
    "ai_analysis.mq_address is neither a URL nor host:port": (
        "ai_analysis.mq_address 既不是 URL 也不是 host:port"
    ),
    "ai_analysis.mq_address has a wrong parameter: ": "ai_analysis.mq_address 的参数有误：",
    "ai_analysis.mq_address has no host or a wrong port": (
        "ai_analysis.mq_address 没有主机或端口错误"
    ),
    "ai_analysis.mq_address lacks a port or has a wrong one": (
        "ai_analysis.mq_address 缺少端口或端口错误"
    ),
    "for ai_analysis.mq_type {} it is written ": "ai_analysis.mq_type {1} 的写法为 ",
}
_SETTINGS: Final = {
    "^not a URL$": "不是 URL",
    "(not a URL)": "（不是 URL）",
    "not valid TOML: ": "不是有效的 TOML：",
    " (at line {n}, column {n})": "（第 {1} 行第 {2} 列）",
    "has been emptied; write the settings again": "文件已被清空，请重新写入配置",
    "; the last good settings are taken from ": "；使用最近一份正确的配置 ",
    "takes a whole number, such as {} (got {})": "应为整数，如 {1}（实际为 {2}）",
    "takes a number, such as {} (got {})": "应为数字，如 {1}（实际为 {2}）",
}

#: By the English.
CHINESE: Final = {
    **_CALLS,
    **_DATABASE,
    **_BUS,
    **_SETTINGS,
}
