"""A server that is slow, wrong or hostile costs bounded time and memory, and no secret."""

from __future__ import annotations

import gzip
import logging
import threading
import time
import traceback
from collections.abc import Callable
from functools import partial

import pytest

from easyai.s3.client import S3Client
from easyai.s3.client_errors import ClientError, NoAnswerError, NotS3Error, S3Error, TooLargeError
from easyai.s3.s3_connection import Limits
from tests.integration.s3.scripted_server import (
    KEYS,
    ScriptedServer,
    Talk,
    always,
    answer,
    refused,
)

KEY = "人数统计/门口2/a b.jpg"
SHORT = Limits(connect_sec=0.5, read_sec=0.2, total_sec=0.6)
CALLS: dict[str, Callable[[S3Client], object]] = {
    "head": lambda client: client.head(KEY),
    "get": lambda client: client.get(KEY, 10),
    "put": lambda client: client.put(KEY, b"1", "text/plain", new=True),
    "copy": lambda client: client.copy(KEY, "alerts/1.jpg", etag="e1", new=True),
    "delete": lambda client: client.delete(KEY, "e1"),
    "pages": lambda client: list(client.pages("t/")),
    "location": lambda client: client.location(),
    "check": lambda client: client.check_bucket(),
}
every_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)


def flood(start: bytes, piece: bytes, sent: list[int]) -> Callable[[Talk], None]:
    """A script that sends a piece without end, and counts the bytes."""

    def script(talk: Talk) -> None:
        talk.request()
        talk.send(start)
        while True:
            talk.send(piece)
            sent.append(len(piece))

    return script


def each(talk: Talk, answers: list[bytes]) -> None:
    """Answer each request with the next of the answers."""
    while talk.request():
        talk.send(answers.pop(0))


@every_call
@pytest.mark.parametrize("piece", [b"", b"H", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"])
def test_server_that_sends_slowly_blocks_a_call_for_a_bounded_time(
    call: Callable[[S3Client], object], piece: bytes
) -> None:
    def silent(talk: Talk) -> None:
        talk.request()
        talk.send(piece)
        talk.request()  # until the client gives up

    with ScriptedServer(silent) as server:
        started = time.monotonic()
        if piece.endswith(b"\n") and call in (CALLS["head"], CALLS["check"]):
            call(server.client(SHORT))  # the head is the whole answer
            return
        with pytest.raises(NoAnswerError, match="timed out"):
            call(server.client(SHORT))
        assert time.monotonic() - started < 2
        assert len(server.requests) == 2, "sent again once"


@pytest.mark.parametrize(
    "piece",
    [b"x-a: b\r\n", b"HTTP/1.1 200 OK\r\n", b"<"],
    ids=["head", "interim", "body"],
)
def test_server_that_sends_a_byte_now_and_then_blocks_for_the_total_time(piece: bytes) -> None:
    start = b"" if piece.startswith(b"HTTP") else b"HTTP/1.1 200 OK\r\n"
    start += b"Content-Length: 99999\r\n\r\n" if piece == b"<" else b""

    def script(talk: Talk) -> None:
        talk.request()
        talk.send(start)
        while True:
            talk.send(piece)
            time.sleep(0.02)

    with ScriptedServer(script) as server:
        started = time.monotonic()
        with pytest.raises((NoAnswerError, NotS3Error)):
            server.client(SHORT).get(KEY, 100_000)
        assert time.monotonic() - started < 2


_CHUNK = b"2710\r\n" + b"x" * 10_000 + b"\r\n"
_CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
_ENDLESS = (
    (b"HTTP/1.1 200 OK\r\n", b"x-a: " + b"b" * 9000 + b"\r\n"),
    (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100),
    (b"HTTP/1.1 404 No\r\n" + _CHUNKED, _CHUNK),
    (b"HTTP/1.1 200 OK\r\n" + _CHUNKED, _CHUNK),
    (b"HTTP/1.1 200 OK\r\n" + _CHUNKED + b"0\r\n", b"x-a: " + b"b" * 9000 + b"\r\n"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n", b"x" * 10_000),
)


@every_call
def test_answer_without_end_is_broken_off(call: Callable[[S3Client], object]) -> None:
    for start, piece in _ENDLESS:
        sent: list[int] = []
        with ScriptedServer(flood(start, piece, sent)) as server:
            is_head = call in (CALLS["head"], CALLS["check"])
            if is_head and b"200" in start and b"\r\n\r\n" in start:
                call(server.client())  # the body is not read
            else:
                with pytest.raises((NotS3Error, TooLargeError, S3Error)):
                    call(server.client())
        assert sum(sent) < 40_000_000


@every_call
@pytest.mark.parametrize(
    "garbage", [b"SSH-2.0-server\r\n", b"\x15\x03\x01\x00\x02", b"HTTP/9 x\r\n\r\n"]
)
def test_server_of_another_protocol_is_not_asked_again(
    call: Callable[[S3Client], object], garbage: bytes
) -> None:
    with ScriptedServer(always(garbage)) as server:
        with pytest.raises(NotS3Error, match="no HTTP"):
            call(server.client())
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    "cut",
    [
        answer(b"12345678", ETag="e1")[:-4],
        b"HTTP/1.1 200 OK\r\nETag:",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n1234",
    ],
    ids=["body", "head", "chunk"],
)
def test_answer_that_is_cut_off_is_an_error_after_a_second_attempt(cut: bytes) -> None:
    def script(talk: Talk) -> None:
        talk.request()
        talk.send(cut)

    with ScriptedServer(script) as server:
        with pytest.raises(NoAnswerError, match="broken"):
            server.client().get(KEY, 100)
        assert len(server.requests) == 2


@every_call
def test_busy_server_is_asked_three_times_at_most(call: Callable[[S3Client], object]) -> None:
    with ScriptedServer(always(refused(503, "SlowDown"))) as server:
        with pytest.raises(NoAnswerError, match="503"):
            call(server.client())
        assert len(server.requests) == 3


def test_server_that_is_busy_for_a_moment_is_used() -> None:
    for busy in (refused(500, "InternalError"), refused(409, "ConditionalRequestConflict")):
        answers = [refused(503, "SlowDown"), busy, answer(b"1", ETag='"e1"')]
        with ScriptedServer(partial(each, answers=answers)) as server:
            assert server.client().get(KEY, 10) == ("e1", b"1")
    with ScriptedServer(always(refused(409, "OperationAborted"))) as server:
        with pytest.raises(S3Error, match="OperationAborted"):
            server.client().get(KEY, 10)
        assert len(server.requests) == 1


@every_call
@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirect_to_another_host_is_named_and_not_followed(
    call: Callable[[S3Client], object], status: int
) -> None:
    with ScriptedServer(always(answer())) as elsewhere:
        location = f"http://user:word@{elsewhere.endpoint}/frames"
        moved = answer(status=status, Location=location, x_amz_bucket_region="eu-west-3")
        with ScriptedServer(always(moved)) as server:
            with pytest.raises(S3Error, match=f"host {elsewhere.endpoint}, region eu-w") as caught:
                call(server.client())
            assert "user:" not in str(caught.value)
        assert elsewhere.connections == 0


def test_object_whose_length_is_not_stated_is_not_taken_for_empty() -> None:
    with ScriptedServer(always(b"HTTP/1.1 200 OK\r\nETag: e1\r\n\r\n")) as server:
        assert server.client().head(KEY).size > 0


def test_listing_that_repeats_its_page_is_an_error() -> None:
    page = (
        b"<ListBucketResult><IsTruncated>true</IsTruncated>"
        b"<NextContinuationToken>t</NextContinuationToken></ListBucketResult>"
    )
    with ScriptedServer(always(answer(page))) as server:
        with pytest.raises(NotS3Error, match="repeats"):
            list(server.client().pages(""))
        assert len(server.requests) == 2


def test_etag_of_the_server_adds_no_header_to_a_request() -> None:
    with ScriptedServer(always(answer())) as server:
        for etag in ("e1\r\nx-amz-acl: public-read", "é"):
            with pytest.raises(NotS3Error, match="if-match"):
                server.client().delete(KEY, etag)
        assert server.requests == []


def test_compressed_object_is_decompressed_within_its_limit() -> None:
    for content, limit in ((b"{}" * 30, 60), (b"{}" * 1_000_000, 2_000_000)):
        packed = answer(gzip.compress(content), ETag='"e1"', Content_Encoding="gzip")
        with ScriptedServer(always(packed)) as server:
            assert server.client().get(KEY, limit) == ("e1", content)
            with pytest.raises(TooLargeError):
                server.client().get(KEY, len(content) - 1)
    for body in (b"{}", gzip.compress(b"{}" * 9)[:-9]):
        packed = answer(body, Content_Encoding="gzip")
        with (
            ScriptedServer(always(packed)) as server,
            pytest.raises(NotS3Error, match="gzip"),
        ):
            server.client().get(KEY, 100)


def test_object_larger_than_the_limit_is_not_read_to_its_end() -> None:
    with ScriptedServer(always(answer(b"12345678"))) as server:
        client = server.client()
        with pytest.raises(TooLargeError):
            client.get(KEY, 7)
        assert client.get(KEY, 8)[1] == b"12345678"


@every_call
@pytest.mark.parametrize(
    "script",
    [
        always(refused(403, "SignatureDoesNotMatch")),
        always(refused(503, "SlowDown")),
        always(b"garbage"),
        always(answer(b"<x>", 418, Content_Type="text/plain")),
        always(answer()[:-4]),
    ],
)
def test_no_secret_is_in_an_error_or_in_the_log(
    call: Callable[[S3Client], object],
    script: Callable[[Talk], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    with ScriptedServer(script) as server:
        with pytest.raises(ClientError) as caught:
            call(server.client(SHORT))
        signature = server.heads[0].partition("Signature=")[2].split("\r\n")[0]
    shown = "".join(traceback.format_exception(caught.value)) + caplog.text + repr(caught.value)
    assert len(signature) == 64
    assert signature not in shown
    assert KEYS.secret_key not in shown + repr(KEYS) + str(KEYS)


def test_server_that_closes_while_a_request_is_sent_is_an_error() -> None:
    def script(talk: Talk) -> None:
        del talk

    with ScriptedServer(script) as server:
        with pytest.raises(NoAnswerError):
            server.client().put(KEY, b"x" * 5_000_000, "text/plain")
        assert server.connections == 2
    assert threading.active_count() < 100
