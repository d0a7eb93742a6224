"""SeaweedFS as a process on loopback: master, volumes, filer and S3 gateway with credentials."""

from __future__ import annotations

import io
import json
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import urllib3
from minio import Minio as Client
from minio.error import MinioException

from tests.support.needs import program
from tests.support.object_server import ObjectServer
from tests.support.ports import HeldPort

_PARTS = ("master", "volume", "filer")
_READY = "ready"  # a bucket of our own, in which a first object is written


class SeaweedServer(ObjectServer):
    """A SeaweedFS with a single disk in a folder. `options` are added to its command line."""

    name = "seaweedfs"
    stop_signal = signal.SIGKILL  # it takes 15 s to end in order
    owner = ("owner", "ownersecret")
    access_key, secret_key = "easyai", "easyaisecret"  # with the rights of docs/stores.md
    viewer_access_key, viewer_secret_key = "viewer", "viewersecret"
    without_rights = ("nobody", "nobodysecret")  # except rights by a bucket's policy

    def __init__(self, *options: str, prefix: Sequence[str] = ()) -> None:
        self._weed = program("weed", "SeaweedFS", Path(sys.executable).parent)
        super().__init__()
        self._options, self._prefix = options, prefix
        self._ports = {part: (HeldPort(), HeldPort()) for part in _PARTS}
        self._grpc = HeldPort()
        self.users: list[dict[str, Any]] = [
            user(*self.owner, "Admin"),
            user(
                self.access_key,
                self.secret_key,
                *("Read:frames-*", "Write:frames-*", "List:frames-*"),
            ),
            user(self.viewer_access_key, self.viewer_secret_key, "Read:others"),
            user(*self.without_rights),
        ]

    def command(self) -> list[str]:
        """All of SeaweedFS in a single process, without reports to its makers."""
        users = self.folder / "users.json"
        users.write_text(json.dumps({"identities": self.users}))
        ports = []
        for part, (http, grpc) in self._ports.items():
            ports += [f"-{part}.port={http.number}", f"-{part}.port.grpc={grpc.number}"]
        return [
            *self._prefix,
            *(self._weed, "server", f"-dir={self.folder}", "-filer", "-s3"),
            *("-ip=127.0.0.1", "-ip.bind=127.0.0.1", *ports),
            *(f"-s3.port={self.port}", f"-s3.port.grpc={self._grpc.number}"),
            *("-s3.port.iceberg=0", "-s3.port.lance=0", "-master.telemetry=false"),
            *(f"-filer.localSocket={self.folder}/filer", f"-s3.localSocket={self.folder}/s3"),
            *("-volume.max=2000", "-master.volumeSizeLimitMB=64", "-master.electionTimeout=1s"),
            *(f"-s3.config={users}", "-s3.autoCreateBucket=false"),
            *self._options,
        ]

    def shell_command(self) -> list[str]:
        """`weed shell`, which takes commands for the filer on its input."""
        parts = ("master", "filer")
        ports = {part: ".".join(str(port.number) for port in self._ports[part]) for part in parts}
        return [self._weed, "shell", *(f"-{part}=127.0.0.1:{ports[part]}" for part in parts)]

    def environment(self) -> dict[str, str]:
        """A single volume for a bucket, as there are many buckets here; the default is seven."""
        return super().environment() | {"WEED_MASTER_VOLUME_GROWTH_COPY_1": "1"}

    def client(self) -> Client:
        """As any server's, but for its patience."""
        pool = urllib3.PoolManager(retries=False, timeout=10, maxsize=16)
        return Client(
            self.endpoint, *self.owner, secure=False, region=self.region, http_client=pool
        )

    def answers(self) -> bool:
        """A picture can be written: the volumes come last."""
        client = self.client()
        try:
            if not client.bucket_exists(_READY):
                client.make_bucket(_READY)
            client.put_object(_READY, "ready", io.BytesIO(b"1"), 1)
        except (MinioException, urllib3.exceptions.HTTPError):
            return False
        return True

    def close(self) -> None:
        """Kill it, remove its data, give its ports back."""
        super().close()
        ports = {"s3": (self._grpc,), **self._ports}
        for part, held in ports.items():
            # No option names the folder of these.
            Path(f"/tmp/seaweedfs-{part}-grpc-{held[-1].number}.sock").unlink(missing_ok=True)
            for port in held:
                port.release()


def user(access_key: str, secret_key: str, *actions: str) -> dict[str, Any]:
    """A user of SeaweedFS; an action is limited as in ``Read:bucket/prefix*``."""
    return {
        "name": access_key,
        "credentials": [{"accessKey": access_key, "secretKey": secret_key}],
        "actions": list(actions),
    }
