"""Bodies are JSON, strictly."""

from __future__ import annotations

import pytest

from easyai.api.json_body import parse_json
from easyai.errors import BadRequestError


@pytest.mark.parametrize("text", ['{"类型": ["人数统计"]}', "\ufeff[1]", " null "])
def test_json_in_utf8_is_read_with_or_without_a_byte_order_mark(text: str) -> None:
    parse_json(text.encode())


_NO_JSON = [
    b"",
    b"{",
    b"{'a': 1}",
    b"NaN",
    b'{"a": Infinity}',
    b"-Infinity",
    b"[" * 100_000,
    b'{"a":' * 100_000,
    b'{"a": ' + b"9" * 5000 + b"}",
    "人数统计".encode("gbk"),
    b"\xff\xfe\xfa",
    b"\x00",
]


def test_body_that_is_not_json_is_a_bad_request(subtests: pytest.Subtests) -> None:
    for body in _NO_JSON:
        with subtests.test(body=body), pytest.raises(BadRequestError, match=r"^body: "):
            parse_json(body)
