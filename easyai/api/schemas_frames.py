"""The shapes of named and sent frames in /docs."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field


class NamedKeys(BaseModel):
    """Pictures that lie in the store."""

    keys: list[str] = Field(
        min_length=1,
        max_length=1000,
        description="Keys as the store spells them: <task_type>/<task_id>/…/<name>, with base_path",
    )


class NamedFrame(BaseModel):
    """What became of a named or sent picture."""

    key: str
    state: Literal["accepted", "known", "later", "refused"] = Field(
        description="accepted: a new frame; known: the ledger has it; later: the scan takes it in; "
        "refused: never a frame, or not there"
    )
    reason: str = Field("", description="Why it is later or refused")
    reason_code: str = ""
    reason_args: dict[str, Any] = {}


class NamedFrames(BaseModel):
    """What became of each picture, in the order of the request."""

    ok: Literal[True]
    frames: list[NamedFrame]
    accepted: int = Field(description="New frames")
    ignored: int = Field(0, description="Records of an event that name no new object")


class BucketEvent(BaseModel):
    """An event of an object store; other fields are ignored."""

    Records: list[dict[str, Any]] = Field(
        description="`eventName` begins with s3:ObjectCreated:, `s3.bucket.name` is the bucket, "
        "`s3.object.key` the key in URL encoding"
    )
