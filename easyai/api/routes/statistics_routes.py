"""The numbers of the pipeline (contract, section 3)."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from easyai.api import schemas
from easyai.api.access import OperatorPart
from easyai.api.gates import CHANGES, READS, behind
from easyai.api.parts import RuntimePart
from easyai.api.schemas import errors
from easyai.pipeline import operator_statistics

router = APIRouter(prefix="/ai_analysis/inference_stats", tags=["statistics"])


@router.get("", response_model=schemas.InferenceStats, responses=errors(503))
@behind(READS)
def inference_stats(runtime: RuntimePart) -> dict[str, Any]:
    """Backlog, and sums since the last reset."""
    return operator_statistics.inference_stats(runtime)


@router.post("/reset", response_model=schemas.DoneMessage, responses=errors(403, 503))
@behind(CHANGES)
def reset(operator: OperatorPart, runtime: RuntimePart) -> dict[str, Any]:
    """Set the sums back to 0; frames and alerts stay.

    A call from another machine needs the operator's token.
    """
    operator_statistics.reset(runtime, by=operator)
    return {"ok": True, "message": "inference statistics start again from nothing"}
