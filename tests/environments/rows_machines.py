"""Rows: networks, little of everything, file systems."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from tests.environments.place import Place, need, need_root
from tests.environments.row import row, variables
from tests.support.needs import MissingError

_NETWORK = "Networks and proxies"
_LITTLE = "Little of everything"
_FILES = "File systems"
_CGROUPS = Path("/sys/fs/cgroup")
# Nobody listens there: requests to the proxy fail.
_PROXY = "http://127.0.0.1:9"
_PROXIES = dict.fromkeys(("http_proxy", "https_proxy", "all_proxy", "ALL_PROXY"), _PROXY)

variables(_NETWORK, "`http_proxy`, `https_proxy`, `all_proxy` name a dead proxy", **_PROXIES)
variables(
    _NETWORK,
    "`HTTP_PROXY` besides, `no_proxy` of others",
    no_proxy="example.com",
    HTTP_PROXY=_PROXY,
)


def _listens(host: str, reached: str) -> None:
    @row(_NETWORK, f'`host = "{host}"`')
    def settle(place: Place) -> None:
        place.environment["EASYAI_HOST"] = host
        place.host = reached


_listens("::", "127.0.0.1")
_listens("::1", "::1")
_listens("0.0.0.0", "127.0.0.1")
_listens("localhost", "localhost")

_NO_IPV6 = "echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6; ip link set lo up; "
_OWN_NETWORK = ("unshare", "--net", "sh", "-c", _NO_IPV6 + 'exec "$@"', "sh")


@row(_NETWORK, 'IPv6 is switched off, `host = "::"`', root=True, around=_OWN_NETWORK)
def _no_ipv6(place: Place) -> None:
    place.environment["EASYAI_HOST"] = "::"


@row(_NETWORK, 'IPv6 is switched off, `host = "localhost"`', root=True, around=_OWN_NETWORK)
def _no_ipv6_by_name(place: Place) -> None:
    place.environment["EASYAI_HOST"] = "localhost"


def _limited(title: str, commands: str, start_sec: float = 90.0) -> None:
    @row(_LITTLE, title)
    def settle(place: Place) -> None:
        place.shell(commands)
        place.start_sec = start_sec


_limited("`ulimit -n 128`", "ulimit -n 128")
_limited("`ulimit -s 1024`: small stacks", "ulimit -s 1024")
_limited("`ulimit -c 0`, `ulimit -f` of 100 MB", "ulimit -c 0; ulimit -f 204800")
_limited("`nice -n 19`", "renice -n 19 -p $$ >/dev/null", 300)
_limited("one processor", "taskset -p -c 0 $$ >/dev/null")


def _cgroup(place: Place, controller: str, files: dict[str, str]) -> None:
    """Start easyai in a group of its own below a controller of version 1 or 2."""
    need_root()
    root = need([_CGROUPS / controller, _CGROUPS], "control groups")
    group = root / f"easyai-row-{os.getpid()}"
    group.mkdir()
    place.stack.callback(group.rmdir)
    file = need([group / name for name in files], f"the controller {controller}")
    file.write_text(files[file.name], encoding="ascii")
    place.shell(f"echo $$ > {group}/cgroup.procs")


@row(_LITTLE, "10 % of a core", root=True)
def _tenth(place: Place) -> None:
    _cgroup(place, "cpu", {"cpu.cfs_quota_us": "10000", "cpu.max": "10000 100000"})
    place.start_sec = 300


@row(_LITTLE, "512 MB of memory", root=True)
def _half_gigabyte(place: Place) -> None:
    half = str(512 << 20)
    _cgroup(place, "memory", {"memory.limit_in_bytes": half, "memory.max": half})


def _mounted(title: str, *options: str) -> None:
    @row(_FILES, title, root=True)
    def settle(place: Place) -> None:
        place.folder = place.mount(place.folder / "mounted", *options)


_mounted("everything on a tmpfs", "-t", "tmpfs", "-o", "size=300m", "tmpfs")
_mounted("`noexec`, `nosuid`, `nodev`", "-t", "tmpfs", "-o", "noexec,nosuid,nodev", "tmpfs")
_mounted("`sync`", "-t", "tmpfs", "-o", "sync", "tmpfs")


def _image(title: str, kind: str, package: str, *options: str) -> None:
    """Everything on a file system in a file."""

    @row(_FILES, title, root=True)
    def settle(place: Place) -> None:
        need_root()
        make = shutil.which(f"mkfs.{kind}", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
        if make is None:
            raise MissingError(f"mkfs.{kind}", f"package {package}")
        image = place.scratch / "image"
        with image.open("wb") as file:
            file.truncate(300 << 20)
        place.run(make, *options, str(image))
        place.folder = place.mount(place.folder / "mounted", "-o", "loop", str(image))


_image("ext4", "ext4", "e2fsprogs", "-q")
_image("ext2 whose times are whole seconds", "ext2", "e2fsprogs", "-q", "-I", "128")
_image("vfat: no links, no owners, times of 2 s", "vfat", "dosfstools")


@row(_FILES, "frames on another file system than data", root=True)
def _apart(place: Place) -> None:
    place.mount(place.folder / "snapshots", "-t", "tmpfs", "tmpfs")


@row(_FILES, "no inode is left for a while: the picture waits, and is inferred then", root=True)
def _no_inodes(place: Place) -> None:
    frames = place.mount(place.folder / "snapshots", "-t", "tmpfs", "-o", "nr_inodes=60", "tmpfs")
    ballast = frames / ".ballast"

    def fill() -> None:
        ballast.mkdir()
        try:
            for number in range(100):
                (ballast / str(number)).touch()
        except OSError:
            return
        raise AssertionError("the inodes were not used up")

    def empty() -> None:
        for file in ballast.iterdir():
            file.unlink()

    place.waiting += [fill, empty]


@row(_FILES, "`/tmp` is `noexec` and has 16 MB", root=True)
def _noexec_tmp(place: Place) -> None:
    need_root()
    place.folder = _outside_of_tmp(place)
    mount = "mount -t tmpfs -o noexec,size=16m tmpfs /tmp"
    place.prefix += ["unshare", "--mount", "sh", "-c", f'{mount}; exec "$@"', "sh"]


@row(_FILES, "`/dev/shm` is not there", root=True)
def _no_shared_memory(place: Place) -> None:
    need_root()
    hide = "mount -t tmpfs -o ro,size=4k tmpfs /dev/shm"
    place.prefix += ["unshare", "--mount", "sh", "-c", f'{hide}; exec "$@"', "sh"]


@row(_FILES, "`TMPDIR` is full: refused, with the remedy", root=True)
def _full_tmpdir(place: Place) -> None:
    full = place.mount(place.scratch / "full", "-t", "tmpfs", "-o", "size=64k", "tmpfs")
    try:
        (full / "ballast").write_bytes(bytes(1 << 20))
    except OSError:
        place.environment["TMPDIR"] = str(full)
        place.refused = f"the folder of temporary files {full} cannot be used: No space left"


variables(_FILES, "`TMPDIR` does not exist", TMPDIR="/nowhere/at/all")


def _outside_of_tmp(place: Place) -> Path:
    made = tempfile.TemporaryDirectory(prefix="easyai-row-", dir="/var/tmp")
    return Path(place.stack.enter_context(made))
