"""Evidence and remedies for folders with nearly the name of a task type that has a service."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from easyai.diagnosis.causes.cause import Remedy
from easyai.domain.reason import Reason
from easyai.health.facts import Facts
from easyai.health.misspelt import Misspelt
from easyai.settings.commands import easyai_command


def did_you_mean(facts: Facts, task_type: str) -> Reason | None:
    """The type probably meant, with folder and cameras; None if the name is not misspelt."""
    misspelt = facts.snapshot.misspelt.get(task_type) if facts.snapshot else None
    return _question(facts, task_type, misspelt) if misspelt else None


def misspelt_folders(facts: Facts, task_types: Sequence[str]) -> Iterator[Reason]:
    """The question `did_you_mean` for each of these types that is misspelt."""
    yield from filter(None, (did_you_mean(facts, name) for name in task_types))


def discard_misspelt(facts: Facts, task_types: Sequence[str]) -> Iterator[Remedy]:
    """The remedy: correct the folder; then the frames that wait there can be discarded."""
    for name in task_types:
        misspelt = facts.snapshot.misspelt.get(name) if facts.snapshot else None
        if misspelt is None:
            continue
        correct = Reason.of("misspelt.discard", meant=misspelt.meant, task_type=name)
        yield Remedy(
            correct,
            easyai_command(facts.settings, "discard", "--task-type", name, "--dry-run"),
        )


def _question(facts: Facts, task_type: str, found: Misspelt) -> Reason:
    question = Reason.of(
        "misspelt.question",
        meant=found.meant,
        folder=_folder(facts, task_type),
        cameras=found.cameras,
        n=len(found.cameras),
    )
    return question


def _folder(facts: Facts, task_type: str) -> str:
    extractor = facts.settings.frame_extractor
    if extractor.server:
        return extractor.server.place_of(task_type)
    return str(extractor.output_dir / task_type)
