"""The store of a run: a folder or a bucket, as each process of ours sees it and as services do."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from easyai.domain.frame import KeyRules
from easyai.settings.schema import Minio
from easyai.store.bucket_conditions import Kept
from easyai.store.frame_store import Store
from easyai.store.local import LocalStore
from easyai.store.minio import MinioStore
from easyai.store.signing import LinkSigner
from tests.simulation.bucket import ObjectServer, SimBucket
from tests.simulation.cameras import Album, CameraPlan, FolderCamera
from tests.simulation.folder import FileServer, below
from tests.simulation.plan import Plan
from tests.simulation.scheduler import Scheduler

_RULES = KeyRules("", ("alerts/", "failed/"))
_FOREIGN = ("alerts/另一处/门口9/old.jpg", "failed/另一处/门口9/old.jpg", "alerts/notes.jpg")
_OLD_SEC = 2 * 86_400.0


class SimSigner(LinkSigner):
    """Links that the services of the simulation understand."""

    def __init__(self) -> None:
        super().__init__(b"secret", "http://127.0.0.1:9")

    def url(self, key: str, ttl_sec: float, now: float | None = None) -> str:
        """The key itself."""
        return f"sim://{key}"


class Site:
    """Where pictures lie."""

    def __init__(
        self, plan: Plan, scheduler: Scheduler, album: Album, note: Callable[[str], None]
    ) -> None:
        self._plan = plan
        self._scheduler = scheduler
        self._album = album
        self._note = note
        self.signer = SimSigner()
        self.foreign: dict[str, bytes] = {}
        self.folder = ""
        if plan.store == "local":
            shared = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
            self.folder = tempfile.mkdtemp(prefix="easyai-simulation-", dir=shared)
        self.files = FileServer(scheduler, self.folder, plan.file_clock, plan.file_grain)
        self.objects = ObjectServer(scheduler, plan.page, plan.stale_sec, obeys=plan.obeys)
        self.objects.lost = self._lost
        if plan.foreign:
            self._put_foreign()

    def _lost(self, key: str) -> None:
        self._note(f"{key} came within the moment in which the previous picture was deleted")
        self._album.replace(key, self._scheduler.now)

    def _put_foreign(self) -> None:
        for number, key in enumerate(_FOREIGN):
            content = b"\xff\xd8 another site's %d \xff\xd9" % number
            self.foreign[key] = content
            if not self.folder:
                self._scheduler.now -= _OLD_SEC
                self.objects.put(key, content)
                self._scheduler.now += _OLD_SEC
                continue
            path = Path(self.folder, key)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            old = self.files.now_ns() - int(_OLD_SEC * 1e9)
            os.utime(path, ns=(old, old))

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """While the store's modules run on it."""
        try:
            if self.folder:
                with below(self.files):
                    yield
            else:
                yield
        finally:
            if self.folder:
                shutil.rmtree(self.folder)

    def open(self, owner: Callable[[], str]) -> Store:
        """The store, as a process opens it at its start."""
        if self.folder:
            return LocalStore(Path(self.folder), _RULES, self.signer)
        settings = Minio(endpoint="127.0.0.1:9", bucket="frames")
        store = MinioStore(settings, _RULES, owner)
        store._bucket = SimBucket(self.objects)  # type: ignore[assignment]
        obeys = self.objects.obeys
        store._conditions.known = Kept(copy=True, delete=obeys, target=obeys, put=obeys)
        return store

    def camera(self, plan: CameraPlan, goes_on: Callable[[], bool]) -> Callable[[], None]:
        """The work of a camera, as long as it goes on."""
        if self.folder:
            return FolderCamera(plan, self._album, self.files, self._note, goes_on).run
        return lambda: self._upload(plan, goes_on)

    def _upload(self, plan: CameraPlan, goes_on: Callable[[], bool]) -> None:
        scheduler = self._scheduler
        for number in range(plan.count):
            if not goes_on():
                return
            key = f"{plan.task_type}/{plan.name}/" + (
                "latest.jpg" if plan.latest else f"{number:04d}.jpg"
            )
            version = self._album.begin(
                key, plan.task_type, scheduler.now, marked=plan.marked, size=30
            )
            version.poison = plan.poisons.get(number, "")
            scheduler.point(0.01)
            self._album.replace(key, scheduler.now)
            version.text = self.objects.put(key, version.content)
            version.whole_at = scheduler.now
            self._album.at_key[key] = version
            self._note(f"{key}: picture {version.number} is whole")
            scheduler.sleep(plan.period * scheduler.current.rng.uniform(0.5, 1.5))

    def fetch(self, url: str) -> bytes | None:
        """The content that a service gets by a link; None where it gets nothing."""
        if self._scheduler.now < max(self.files.down_until, self.objects.down_until):
            return None
        return self.read(url.removeprefix("sim://"))

    def read(self, key: str) -> bytes | None:
        """The content under a key, or None."""
        if not self.folder:
            found = self.objects.objects.get(key)
            return found.content if found else None
        try:
            return Path(self.folder, key).read_bytes()
        except OSError:
            return None

    def remove(self, key: str) -> None:
        """Somebody removes a picture."""
        if self.folder:
            path = Path(self.folder, key)
            path.unlink(missing_ok=True)
            self.files.touch_folder(str(path))
        else:
            self.objects.remove(key)

    def keys(self) -> list[str]:
        """All pictures that are there."""
        if not self.folder:
            found = list(self.objects.objects)
        else:
            found = [
                os.path.relpath(os.path.join(folder, name), self.folder)
                for folder, _, names in os.walk(self.folder)
                for name in names
            ]
        return sorted(key for key in found if key.endswith((".jpg", ".tmp", ".part")))
