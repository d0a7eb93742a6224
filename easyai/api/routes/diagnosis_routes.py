"""The incident report over HTTP."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Final, Literal

from fastapi import APIRouter, Depends, Query
from starlette.responses import JSONResponse, PlainTextResponse, Response

from easyai.api.access import viewer
from easyai.api.parts import DiagnosesPart
from easyai.api.schemas import errors
from easyai.api.schemas_diagnosis import DiagnosisBody
from easyai.broker.broker_check import BrokerCheck
from easyai.diagnosis.contents import Diagnosis, diagnose
from easyai.diagnosis.report.as_json import as_json
from easyai.diagnosis.report.as_markdown import markdown
from easyai.diagnosis.report.as_short import short
from easyai.messages.catalogue import ENGLISH, languages
from easyai.runtime import Runtime

router = APIRouter(prefix="/ai_analysis", tags=["health"])

if TYPE_CHECKING:
    Language = str
else:  # The languages that have texts: a new language needs only a new file.
    Language = Literal[languages()]
LangQuery = Annotated[Language, Query(description="Language of the texts")]
FormatQuery = Annotated[
    Literal["json", "markdown", "short"],
    Query(description="`markdown`: the report for people; `short`: at most 15 lines of it"),
]
ProbesQuery = Annotated[bool, Query(description="Whether to probe every service now")]

_MARKDOWN: Final = {"text/markdown": {"schema": {"type": "string"}}}


@router.get(
    "/diagnosis",
    response_class=JSONResponse,
    responses={200: {"model": DiagnosisBody, "content": _MARKDOWN}, **errors(400, 403)},
    dependencies=[Depends(viewer)],
)
async def diagnosis(
    desk: DiagnosesPart,
    lang: LangQuery = ENGLISH,
    format: FormatQuery = "json",  # noqa: A002
    probes: ProbesQuery = True,
) -> Response:
    """Whether inference goes on; if not, since when, why, the evidence, and what to do.

    Answers 200 also when something is broken, even the database. Takes up to 10 s when something
    hangs. The server makes one diagnosis at a time; calls within a second of it get the same
    diagnosis.
    """
    if format != "json":
        written = short if format == "short" else markdown
        text = await desk.ask(probes, partial(written, language=lang))
        return PlainTextResponse(text, media_type="text/markdown")
    return JSONResponse(await desk.ask(probes, partial(as_json, language=lang)))


def examine(runtime: Runtime, probes: bool) -> Diagnosis:
    """A diagnosis made now, without the messages of drivers."""
    return diagnose(runtime, BrokerCheck(lambda: runtime.settings), probes=probes, for_clients=True)
