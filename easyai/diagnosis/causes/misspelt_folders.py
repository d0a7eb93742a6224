"""What is said of a folder whose name is nearly that of a task type that has a service."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from easyai.diagnosis.causes.cause import Remedy
from easyai.domain.words import Words
from easyai.health.facts import Facts
from easyai.health.misspelt import Misspelt
from easyai.messages.wording import names
from easyai.settings.commands import easyai_command


def did_you_mean(facts: Facts, task_type: str) -> Words | None:
    """The type that is probably meant, with folder and cameras; None for one that is no other's."""
    found = facts.known.misspelt.get(task_type) if facts.known else None
    return _question(facts, task_type, found) if found else None


def misspelt_folders(facts: Facts, task_types: Sequence[str]) -> Iterator[Words]:
    """Such a question for each of these types that has one."""
    yield from filter(None, (did_you_mean(facts, name) for name in task_types))


def discard_misspelt(facts: Facts, task_types: Sequence[str]) -> Iterator[Remedy]:
    """Correct the folder; then what waits there can be given up."""
    for name in task_types:
        found = facts.known.misspelt.get(name) if facts.known else None
        if found is None:
            continue
        yield Remedy(
            Words(
                f"If {found.meant} is meant: let the camera write to that folder, move the "
                f"pictures of {name} there if they are wanted, then give up what waits under "
                "the wrong name (without --dry-run; pictures left there are deleted)",
                f"若应为 {found.meant}：请让摄像头写入该文件夹，"
                f"需要保留的图片先从 {name} 移动过去，"
                "再放弃错误名称下等待的图片（去掉 --dry-run 即执行；剩余图片会被删除）",
            ),
            easyai_command(facts.settings, "discard", "--task-type", name, "--dry-run"),
        )


def _question(facts: Facts, task_type: str, found: Misspelt) -> Words:
    folder, cameras = _folder(facts, task_type), names(found.cameras)
    number = "camera" if len(found.cameras) == 1 else "cameras"
    return Words(
        f"did you mean {found.meant}? The frames come from folder {folder}, {number} {cameras}",
        f"是否应为 {found.meant}？图片来自文件夹 {folder}，摄像头 {cameras}",
    )


def _folder(facts: Facts, task_type: str) -> str:
    extractor = facts.settings.frame_extractor
    if extractor.store == "local":
        return str(extractor.output_dir / task_type)
    base_path = extractor.minio.base_path.strip("/")
    return f"{extractor.minio.bucket}/{base_path}/{task_type}".replace("//", "/")
