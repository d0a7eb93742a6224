"""Which alerts a page shows: query parameters, and the same names in bodies."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from easyai.api.alert_query import Count, Moment, Name
from easyai.api.schemas_alerts import LARGEST_ID
from easyai.db.alert_filter import AlertChoice, AlertFilter
from easyai.errors import BadRequestError

LARGEST_PAGE: Final = 100


def _none_if_empty(value: Any) -> Any:
    return None if value == "" else value


Score = Annotated[
    Annotated[float, Field(allow_inf_nan=False)] | None, BeforeValidator(_none_if_empty)
]
Id = Annotated[Annotated[int, Field(ge=1, le=LARGEST_ID)] | None, BeforeValidator(_none_if_empty)]


class ChoiceQuery(BaseModel):
    """The filters of alerts; an empty filter counts as not given."""

    # Forbidden: a misspelt filter of a deletion would delete all alerts.
    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    task_type: Name = None
    task_id: Name = None
    algorithm_id: Name = None
    since: Annotated[Moment, Field(alias="from")] = None
    until: Annotated[Moment, Field(alias="to")] = None
    min_detections: Count = None
    min_confidence: Score = None
    reviewed: Literal["yes", "no", ""] = ""

    def choice(self) -> AlertChoice:
        """The choice for the database."""
        plain = AlertFilter(
            self.task_id, self.task_type, self.min_detections, None, self.since, self.until
        )
        reviewed = None if self.reviewed == "" else self.reviewed == "yes"
        return AlertChoice(plain, self.algorithm_id, self.min_confidence, reviewed)


class ListQuery(ChoiceQuery):
    """The filters, and which part of the list."""

    before: Id = None
    page_size: Annotated[
        int,
        BeforeValidator(lambda value: 50 if value == "" else value),
        AfterValidator(lambda size: min(size, LARGEST_PAGE) if size > 0 else 50),
    ] = 50


class HistogramQuery(ChoiceQuery):
    """The filters, and the span of time until now."""

    hours: Annotated[int, Field(ge=1, le=24 * 31)] = 24
    steps: Annotated[int, Field(ge=1, le=400)] = 96


def choice_of(body: Any) -> AlertChoice:
    """The choice that a body describes. Raises BadRequestError, which names the field."""
    try:
        return ChoiceQuery.model_validate(body).choice()
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "filter"
        raise BadRequestError(f"filter.{field}: {first['msg']}") from None
