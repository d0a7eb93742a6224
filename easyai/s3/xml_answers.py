"""Reads the XML of an S3 server: listings, refusals, a bucket's region.

The texts are found by their tags, without a parser, which takes half as much time again and may
expand entities. Tags in texts are escaped, so a document is exact without comments, CDATA and a
document type, which no S3 server sends, and which are refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple
from urllib.parse import unquote_plus

from easyai.s3.client_errors import NotS3Error

# The order in which most servers write a row, some with white space; it is read in a third of the
# time that `_FIELD` takes.
_ROW: Final = re.compile(
    r"\s*<Key>([^<]*)</Key>\s*<LastModified>([^<]*)</LastModified>"
    r"\s*<ETag>([^<]*)</ETag>\s*<Size>([^<]*)</Size>"
)
_FIELD: Final = re.compile("<(Key|LastModified|ETag|Size)>([^<]*)<")
_FOLDER: Final = re.compile(r"<CommonPrefixes>\s*<Prefix>([^<]*)</Prefix>\s*</CommonPrefixes>")
_ROOT: Final = re.compile(r"\ufeff?(?:<\?xml [^<>]*\?>)?\s*<(\w+)(?:\s[^<>]*?)?(/?)>")
_ESCAPE: Final = re.compile("&(?:#([0-9]{1,7})|#x([0-9A-Fa-f]{1,6})|(lt|gt|amp|quot|apos));")
_NAMED: Final = {"lt": "<", "gt": ">", "amp": "&", "quot": '"', "apos": "'"}
_REGION: Final = re.compile(r"[\w-]{0,63}", re.ASCII)


class Listed(NamedTuple):
    """An object in a listing."""

    key: str
    etag: str
    size: int
    modified_at: float | None  # Unix seconds


@dataclass(slots=True)
class ListingPage:
    """The objects and folders of an answer; each in the order of the keys."""

    objects: list[Listed] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    next_token: str = ""  # asks for the next page; '': there is none


def read_listing(body: bytes) -> ListingPage:
    """The page of a listing; raises NotS3Error for anything else."""
    text = _content(body, "ListBucketResult")
    rows = text.split("<Contents>")
    keys = _Keys(encoded=_field(rows[0] + rows[-1], "EncodingType") == "url")
    try:
        objects = [_listed(row, keys) for row in rows[1:]]
    except (KeyError, ValueError) as error:
        raise NotS3Error(f"a listing with {error}") from None
    count = text.count("<CommonPrefixes")
    folders = [keys.of(prefix) for prefix in _FOLDER.findall(text)] if count else []
    # No row is passed over in silence because a server writes it in another way.
    if text.count("<Contents") != len(objects) or count != len(folders):
        raise NotS3Error("a listing in a form that is not known")
    token = ""
    if _field(rows[0] + rows[-1], "IsTruncated").lower() == "true":
        token = _field(rows[0] + rows[-1], "NextContinuationToken")
        if not token:
            raise NotS3Error("a listing that is cut short and has no next page")
    return ListingPage(objects, folders, token)


def is_copied(body: bytes) -> bool:
    """Whether an answer is the whole document of a finished copy."""
    try:
        _content(body.strip(), "CopyObjectResult")
    except NotS3Error:
        return False
    return True


def read_refusal(body: bytes) -> tuple[str, str] | None:
    """Code and message of a refusal; None for anything else."""
    try:
        text = _content(body, "Error")
    except NotS3Error:
        return None
    return _field(text, "Code"), _field(text, "Message")


def read_region(body: bytes) -> str:
    """The location of a bucket, '' for the default; raises NotS3Error for anything else."""
    if b"<CreateBucketConfiguration" in body:  # SeaweedFS wraps it
        region = _field(_content(body, "CreateBucketConfiguration"), "LocationConstraint").strip()
    else:
        region = _content(body, "LocationConstraint").strip()
    if not _REGION.fullmatch(region):
        raise NotS3Error("no name of a region")
    return region


def etag_of(text: str) -> str:
    """An ETag without its quotes, which XML escapes."""
    return text.replace("&quot;", "").replace("&#34;", "").replace('"', "")


class _Keys:
    """Decodes keys; a folder is decoded once, because a page has many of its keys."""

    def __init__(self, *, encoded: bool) -> None:
        self._encoded = encoded
        self._folders: dict[str, str] = {}

    def of(self, text: str) -> str:
        """The key of a text."""
        folder, slash, name = text.rpartition("/")
        if folder not in self._folders:
            self._folders[folder] = self._decoded(folder)
        if "&" in name or "%" in name or "+" in name:
            name = self._decoded(name)
        return f"{self._folders[folder]}{slash}{name}"

    def _decoded(self, text: str) -> str:
        text = _unescaped(text)
        return unquote_plus(text) if self._encoded else text


def _listed(row: str, keys: _Keys) -> Listed:
    usual = _ROW.match(row)
    if usual is not None:
        key, modified, etag, size = usual.groups()
    else:
        fields = dict(_FIELD.findall(row))
        # A size that is not known is not known to be 0.
        key, size = fields["Key"], fields.get("Size", "1")
        modified, etag = fields.get("LastModified", ""), fields.get("ETag", "")
    return Listed(
        keys.of(key),
        _unescaped(etag_of(etag)),
        int(size),
        datetime.fromisoformat(modified).timestamp() if modified else None,
    )


def _content(body: bytes, root: str) -> str:
    """What is inside the root element; raises NotS3Error if the document has another root."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise NotS3Error("the answer is not UTF-8") from None
    match = _ROOT.match(text)
    if match is None or match[1] != root:
        raise NotS3Error(f"the answer is not <{root}>: {text[:200]}")
    if match[2]:
        return ""
    end = text.rfind(f"</{root}>")
    if end < 0 or "<!" in text:
        raise NotS3Error(f"<{root}> is not complete, or not plain")
    return text[match.end() : end]


def _field(text: str, name: str) -> str:
    """The text of the first element of a name; '' when there is none."""
    _, tag, rest = text.partition(f"<{name}>")
    return _unescaped(rest.partition("<")[0]) if tag else ""


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(_character, text) if "&" in text else text


def _character(match: re.Match[str]) -> str:
    decimal, hexadecimal, name = match.groups()
    if name:
        return _NAMED[name]
    code = int(decimal) if decimal else int(hexadecimal, 16)
    return chr(code) if code <= 0x10FFFF else match[0]
