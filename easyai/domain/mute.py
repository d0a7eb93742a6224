"""A mute: alarms of which people are not notified for a while; the log and the page show them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Scope(StrEnum):
    """Which alarms a mute is about."""

    INCIDENT = "incident"  # a single alarm, by its id
    TASK_TYPE = "task_type"
    CAMERA = "camera"
    KIND = "kind"  # `AlarmKind`


@dataclass(frozen=True, slots=True)
class Mute:
    """Alarms of which people are not notified until a moment."""

    scope: Scope
    value: str  # the alarm's id, or a name
    until: float  # Unix seconds
    by: str
    at: float  # when it was made
    id: int = 0  # 0: not saved yet
    alarm: tuple[str, str] = ("", "")  # kind and subject, of the scope INCIDENT while it rings
    endpoints: frozenset[str] = frozenset()  # that serve this type alone, of the scope TASK_TYPE

    def covers(self, kind: str, subject: str, task_types: Collection[str]) -> bool:
        """Whether the mute is about an alarm of this kind and subject.

        `task_types`: all types that the alarm concerns. An alarm is muted by type when every type
        of the alarm is that type.
        """
        match self.scope:
            case Scope.INCIDENT:
                return self.alarm == (kind, subject)
            case Scope.KIND:
                return self.value == kind
            case Scope.TASK_TYPE:
                return subject in self.endpoints or set(task_types) == {self.value}
            case Scope.CAMERA:
                # An endpoint may end with the name of a camera, but is about no camera.
                is_name = "://" not in subject
                return is_name and f"/{subject}".endswith(f"/{self.value}")


def muted_by(
    mutes: Sequence[Mute], kind: str, subject: str, task_types: Collection[str]
) -> Mute | None:
    """The mute that lasts longest of the mutes about an alarm; None: people are notified."""
    own = [mute for mute in mutes if mute.covers(kind, subject, task_types)]
    return max(own, key=lambda mute: mute.until, default=None)
