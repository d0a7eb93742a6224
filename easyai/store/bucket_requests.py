"""Conditional requests, which the S3 client does not offer: each raises S3Error when refused.

The code is PreconditionFailed when the condition does not hold and the server obeys conditions.
"""

from __future__ import annotations

from collections.abc import Mapping

from minio import Minio as Client
from minio.commonconfig import CopySource
from minio.error import S3Error
from minio.helpers import DictType


def put_if_new(client: Client, bucket: str, key: str, content: bytes, content_type: str) -> None:
    """Write a small object if the key does not exist."""
    headers: DictType = {"Content-Type": content_type, "If-None-Match": "*"}
    client._execute("PUT", bucket, key, body=content, headers=headers)


def copy_if(
    client: Client,
    bucket: str,
    source: str,
    target: str,
    *,
    etag: str = "",
    new: bool = False,
    marks: Mapping[str, str] | None = None,
) -> None:
    """Copy in the store if the source has this ETag ('': any) and, with `new`, no target exists.

    `marks` are headers that replace the source's metadata. The client's own method requests the
    source first, and accepts no condition on the target.
    """
    headers: DictType = {**CopySource(bucket, source, match_etag=etag or None).gen_copy_headers()}
    if new:
        headers["If-None-Match"] = "*"
    if marks is not None:
        headers |= {**marks, "x-amz-metadata-directive": "REPLACE"}
    response = client._execute("PUT", bucket, target, headers=headers)
    if b"<Error>" in response.data:  # S3's answer when it fails after it has sent status 200
        raise S3Error.fromxml(response)


def remove_if(client: Client, bucket: str, key: str, etag: str) -> None:
    """Delete an object that has this ETag."""
    client._execute("DELETE", bucket, key, headers={"If-Match": f'"{etag}"'})
