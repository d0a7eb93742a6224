"""``[frame_extractor]``, its cameras and its object store."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, assert_never

from pydantic import Field, SecretStr, field_validator

from easyai.domain.reason import Reason
from easyai.settings.addresses import is_events_url
from easyai.settings.schema_table import Name, Table


class CameraTask(Table):
    """An entry of ``[[frame_extractor.tasks]]``: a camera."""

    id: Name = ""
    task_type: Name = ""
    preferred_algorithm_endpoint: str = ""
    save_alert_image: bool = True  # false: the picture of an alert is deleted
    max_frame_count: Annotated[int, Field(ge=0)] = 0  # waiting frames of the camera; 0 = no limit


_NO_TASK = CameraTask()


class Minio(Table):
    """``[frame_extractor.minio]``: the object store."""

    endpoint: str = ""
    bucket: str = ""
    access_key: str = ""
    secret_key: SecretStr = SecretStr("")
    use_ssl: bool = False
    base_path: str = ""
    events_url: str = ""  # of the Redis or RabbitMQ that gets the store's events; "": none
    events_name: str = "easyai-events"  # the list of Redis, the queue of RabbitMQ

    @field_validator("events_url")
    @classmethod
    def _events(cls, value: str) -> str:
        if value and not is_events_url(value):
            raise ValueError(Reason("settings.no_events_url"))
        return value.strip()

    @property
    def url(self) -> str:
        """The address of the server, without a path."""
        return f"{'https' if self.use_ssl else 'http'}://{self.endpoint}"

    @property
    def health_url(self) -> str:
        """An address that answers 200 while the server works."""
        return f"{self.url}/minio/health/live"

    @property
    def shown(self) -> str:
        """The place of all pictures, as people name it."""
        return f"{self.endpoint}/{self.bucket}"

    @property
    def unset(self) -> list[str]:
        """The keys that have no value and need a value."""
        needed = {
            "endpoint": self.endpoint,
            "bucket": self.bucket,
            "access_key": self.access_key,
            "secret_key": self.secret_key.get_secret_value(),
        }
        return [f"minio.{name}" for name, value in needed.items() if not value]

    def place_of(self, key: str) -> str:
        """The place of a key, as people name it."""
        return f"{self.bucket}/{self.base_path.strip('/')}/{key}".replace("//", "/")


class FrameExtractor(Table):
    """``[frame_extractor]``: where frames come from."""

    nothing_is_default = frozenset({"store", "output_dir"})

    store: Literal["local", "minio"] = "local"
    output_dir: Path = Path("./snapshots")
    # Frames of a local folder are taken in when the kernel says that they are written, not only by
    # the scan.
    watch_folder: bool = False
    task_types: tuple[Name, ...] = ()
    tasks: tuple[CameraTask, ...] = ()
    minio: Minio = Field(default_factory=Minio)

    @property
    def server(self) -> Minio | None:
        """The server with the pictures; None when they lie in a folder on this machine."""
        match self.store:
            case "local":
                return None
            case "minio":
                return self.minio
            case _:
                assert_never(self.store)

    @property
    def folder(self) -> Path | None:
        """The folder with the pictures on this machine; None when a server has them."""
        return self.output_dir if self.server is None else None

    @property
    def api_serves_pictures(self) -> bool:
        """Whether the links of pictures lead to our API; a server of pictures has its own links."""
        return self.server is None

    @cached_property
    def _tasks_by_id(self) -> dict[str, list[CameraTask]]:
        tasks_by_id: dict[str, list[CameraTask]] = {}
        for task in self.tasks:
            tasks_by_id.setdefault(task.id, []).append(task)
        return tasks_by_id

    def task(self, task_type: str, task_id: str) -> CameraTask:
        """The settings of a camera; the defaults when the file does not name the camera."""
        for task in self._tasks_by_id.get(task_id, ()):
            if task.task_type in ("", task_type):
                return task
        return _NO_TASK

    def preferred_endpoint(self, task_type: str, task_id: str) -> str:
        """The endpoint an operator chose for this camera, or ''."""
        return self.task(task_type, task_id).preferred_algorithm_endpoint

    def keeps_alert_image(self, task_type: str, task_id: str) -> bool:
        """Whether the picture of this camera's alerts is kept."""
        return self.task(task_type, task_id).save_alert_image
