"""The reasons of states of services in both languages, word for word."""

from __future__ import annotations

import pytest

from easyai.domain.reason import Reason, quoted
from easyai.domain.service import NO_ANSWER, PROBE_FAILED, move_to
from easyai.domain.takeover import Takeover, takeover
from easyai.messages.catalogue import text

OURS = "no heartbeat for 3 s; registered again"
_REFUSED = Reason("connection.refused")
_API = Reason.of("own_api.silent", url="http://127.0.0.1:5066", answer=_REFUSED)


@pytest.mark.parametrize(
    ("reason", "english", "chinese"),
    [
        (
            Reason.of(
                "service.no_heartbeat",
                silent_sec=65.2,
                together=Reason.of("service.together", silent=2, online=3),
            ),
            "no heartbeat for 65 s; 2 of 3 services at once",
            "65 秒没有心跳；3 个服务中有 2 个同时如此",
        ),
        (
            Reason.of("service.look_here", living=2, online=3, own_api=_API),
            "2 of 3 services at once, so look at this server first (its API does not answer at "
            "http://127.0.0.1:5066: Connection refused)",
            "3 个服务中有 2 个同时如此，请先检查本服务器（其 API 在 http://127.0.0.1:5066 没有"
            "应答：连接被拒绝）",
        ),
        (
            Reason.of(
                "service.calls_fail",
                calls=quoted(OURS),
                answer=Reason.of("probe.no_connection", limit_sec=1.5),
                together=None,
                moved=move_to("http://h/infer"),
            ),
            f"calls fail ({OURS}) though heartbeats of its id arrive; probe failed: no connection "
            "within 1.5 s; moved to http://h/infer",
            f"调用失败（{OURS}），但收到其 ID 的心跳；探测失败：1.5 秒内无法建立连接；"
            "已迁移到 http://h/infer",
        ),
        (
            Reason.of(
                PROBE_FAILED,
                answer=Reason.of(NO_ANSWER, limit_sec=2.0),
                heard=Reason("service.though_heard"),
                together=None,
                moved=None,
            ),
            "probe failed: no answer within 2 s, though heartbeats of its id arrive",
            "探测失败：2 秒内没有应答，但收到其 ID 的心跳",
        ),
        (
            Reason.of(
                "service.back", evidence=Reason("service.heartbeat"), was="offline", away_sec=65.0
            ),
            "heartbeat; it was offline for 65 s",
            "收到心跳；此前离线 65 秒",
        ),
    ],
)
def test_state_has_its_reason_and_quoted_text_is_unchanged(
    reason: Reason, english: str, chinese: str
) -> None:
    assert (text(reason), text(reason, "zh")) == (english, chinese)


@pytest.mark.parametrize("before", ["b (6 ×)", OURS, "x; moved to http://evil/infer"])
@pytest.mark.parametrize("times", [1, 6])
def test_a_takeover_is_read_from_its_reason_whatever_the_service_id_is(
    before: str, times: int
) -> None:
    taken = Takeover(before, times)
    assert takeover(taken.reason) == taken
    shown = f"service_id={before}" + (f" ({times} ×)" if times > 1 else "")
    assert text(taken.reason) == f"registered in place of {shown}"
    assert text(taken.reason, "zh") == f"注册并取代 {shown}"
    assert takeover(quoted(f"registered in place of service_id={before}")) is None
