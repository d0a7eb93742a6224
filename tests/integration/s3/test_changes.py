"""A change is done only by the whole answer to it, and is not sent again without a condition."""

from __future__ import annotations

import pytest

from easyai.s3.client_errors import NoAnswerError, NotS3Error, S3Error
from easyai.s3.s3_connection import Limits
from tests.integration.s3.scripted_server import ScriptedServer, Talk, always, answer, refused

KEY = "人数统计/门口2/a b.jpg"
SHORT = Limits(connect_sec=0.5, read_sec=0.2, total_sec=0.6)


def test_copy_that_fails_after_its_status_is_an_error() -> None:
    with (
        ScriptedServer(always(refused(200, "InternalError"))) as server,
        pytest.raises(S3Error, match="InternalError: words"),
    ):
        server.client().copy(KEY, "alerts/1.jpg")


_COPIED = b'<?xml version="1.0"?><CopyObjectResult xmlns="x"><ETag>"e"</ETag></CopyObjectResult>'


@pytest.mark.parametrize(
    "wrong",
    [
        answer(),
        answer(b"   \n"),
        answer(b"<html>Sign in</html>"),
        answer(_COPIED[:-3]),
        answer(_COPIED, 206),
        answer(status=204),
        b"HTTP/1.1 200 OK\r\n\r\n" + _COPIED[:-3],
    ],
    ids=["none", "blanks", "html", "cut", "206", "204", "end of the connection"],
)
def test_copy_is_finished_only_by_the_whole_answer_to_a_copy(wrong: bytes) -> None:
    def script(talk: Talk) -> None:
        talk.request()
        talk.send(wrong)

    with ScriptedServer(script) as server, pytest.raises(NotS3Error):
        server.client().copy(KEY, "alerts/1.jpg")
    with ScriptedServer(always(answer(_COPIED))) as server:
        server.client().copy(KEY, "alerts/1.jpg")


@pytest.mark.parametrize("data", [b"", b"HTTP/1.1", refused(503, "SlowDown")])
@pytest.mark.parametrize("kept", [False, True])
def test_deletion_without_a_condition_is_sent_once(data: bytes, kept: bool) -> None:
    def script(talk: Talk) -> None:
        while asked := talk.request():
            talk.send(data if asked.startswith("DELETE") else answer(b"1"))
            if asked.startswith("DELETE") and not data:
                return  # the connection ends without an answer

    with ScriptedServer(script) as server:
        client = server.client(SHORT)
        if kept:
            client.get(KEY, 9)
        with pytest.raises(NoAnswerError):
            client.delete(KEY)
        assert [asked.split()[0] for _, asked in server.requests].count("DELETE") == 1
