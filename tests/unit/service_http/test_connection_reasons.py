"""Why a connection failed, and whether the failure shows that no process listens."""

from __future__ import annotations

import errno
import os

import pytest

from easyai.domain.service import is_deserted
from easyai.messages.catalogue import text
from easyai.service_http.connection_reasons import of_errno

ENDPOINT = "http://10.0.0.9:7901/infer"


@pytest.mark.parametrize("number", [errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH])
def test_connection_that_no_process_took_shows_a_deserted_endpoint(number: int) -> None:
    assert text(of_errno(number)) == os.strerror(number)
    assert is_deserted(of_errno(number), ENDPOINT, None)
    assert is_deserted(of_errno(number), ENDPOINT, "http://10.0.0.9:7901/live")
    assert not is_deserted(of_errno(number), ENDPOINT, "http://10.0.0.9:7902/live")


@pytest.mark.parametrize("number", [errno.ECONNRESET, errno.EMFILE, errno.EACCES])
def test_reset_or_a_fault_of_this_server_shows_no_deserted_endpoint(number: int) -> None:
    assert text(of_errno(number)) == os.strerror(number)
    assert not is_deserted(of_errno(number), ENDPOINT, None)
