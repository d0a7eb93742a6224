"""The base class and the types of all tables of the configuration."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, TypeGuard

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
)

from easyai.domain.unicode_form import nfc
from easyai.settings.predecessor import is_nothing

Seconds = Annotated[float, Field(gt=0, le=86_400)]
Count = Annotated[int, Field(ge=1, le=1_000_000)]
Name = Annotated[str, AfterValidator(nfc)]  # of a task type or a camera


class Table(BaseModel):
    """A frozen TOML table; keys that are not ours are left to other plugins."""

    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())

    # Keys whose "" and 0 mean the default, as in the predecessor.
    nothing_is_default: ClassVar[frozenset[str]] = frozenset()

    @field_validator("*", mode="before")
    @classmethod
    def _default_for_nothing(cls, value: Any, info: ValidationInfo) -> Any:
        name = str(info.field_name)
        if name in cls.nothing_is_default and is_nothing(value):
            return cls.model_fields[name].default
        return value


def is_table(annotation: Any) -> TypeGuard[type[BaseModel]]:
    """Whether the annotation is the type of a table."""
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
