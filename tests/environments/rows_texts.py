"""Rows: locales, names of folders, clocks and time zones."""

from __future__ import annotations

import time
from datetime import datetime
from zoneinfo import ZoneInfo

from tests.environments.place import Place
from tests.environments.row import row, variables
from tests.faults.fake_clock import FakeClock
from tests.support.locales import C_LOCALE, compiled_locale, gbk_locale

_LOCALES = "Locales"
_NAMES = "Names of folders"
_CLOCKS = "Clocks and time zones"
_BERLIN = "Europe/Berlin"

variables(_LOCALES, "nothing special")
variables(_LOCALES, "C locale, UTF-8 mode switched off", **C_LOCALE)
variables(_LOCALES, "POSIX locale, `PYTHONUTF8=0`", LC_ALL="POSIX", PYTHONUTF8="0")
variables(_LOCALES, "`C.UTF-8`", LC_ALL="C.UTF-8")
variables(_LOCALES, "`LANG` and `LC_ALL` unset", "LANG", "LC_ALL", "LC_CTYPE")
variables(_LOCALES, "a locale that is not installed", LC_ALL="xx_YY.NONE", PYTHONUTF8="0")
variables(_LOCALES, "`PYTHONIOENCODING=gbk`", PYTHONIOENCODING="gbk")


@row(_LOCALES, "`zh_CN.GBK`, `PYTHONUTF8=0`")
def _gbk(place: Place) -> None:
    place.environment |= gbk_locale(place.scratch / "locales")


@row(_LOCALES, "`zh_CN.GB18030`")
def _gb18030(place: Place) -> None:
    place.environment |= compiled_locale(place.scratch / "locales", "zh_CN", "GB18030")


@row(_LOCALES, "`de_DE.ISO-8859-1`")
def _latin1(place: Place) -> None:
    place.environment |= compiled_locale(place.scratch / "locales", "de_DE", "ISO-8859-1")


@row(_LOCALES, "`tr_TR.ISO-8859-9` (i and I differ)")
def _turkish(place: Place) -> None:
    place.environment |= compiled_locale(place.scratch / "locales", "tr_TR", "ISO-8859-9")


def _named(title: str, name: str, task_type: str = "人数统计") -> None:
    @row(_NAMES, title)
    def settle(place: Place) -> None:
        place.folder = place.folder / name
        place.task_type = task_type


_named("with spaces", "a  folder of ours", "head count")
_named("with quotes", 'it\'s "quoted" `so`', 'it\'s "heads"')
_named("Chinese", "数据/图片")
_named("emoji", "frames 🎥", "🙂计数")
_named("with `%`, `#`, `?`, `;`, `$`, `&` and `\\`", "50% #1 ?x=1; $HOME & \\n", "50% #1 ?x=1; &")
_named("with a colon and a comma", "a:b,c=d@e", "a:b,c")


@row(_NAMES, "frames below a path of 1,200 bytes")
def _long(place: Place) -> None:
    # The data folder's is shorter: SQLite takes 504 bytes, which the error names.
    deep = place.folder.joinpath(*["很长的名字" * 8] * 10)
    deep.mkdir(parents=True)
    (place.folder / "snapshots").symlink_to(deep)
    place.environment["EASYAI_FRAME_EXTRACTOR__OUTPUT_DIR"] = str(deep)
    place.task_type = "长" * 60


@row(_NAMES, "the data folder is a symbolic link")
def _linked_data(place: Place) -> None:
    real = place.scratch / "real"
    real.mkdir()
    (place.folder / "data").symlink_to(real)


@row(_NAMES, "the frame folder is a symbolic link")
def _linked_frames(place: Place) -> None:
    real = place.scratch / "real"
    real.mkdir()
    (place.folder / "snapshots").symlink_to(real)


@row(_NAMES, "started in another working directory")
def _elsewhere(place: Place) -> None:
    place.environment |= {
        "EASYAI_DATA_DIR": str(place.folder / "data"),
        "EASYAI_FRAME_EXTRACTOR__OUTPUT_DIR": str(place.folder / "snapshots"),
    }
    place.shell("cd /")


variables(_CLOCKS, "`TZ=Asia/Shanghai`", TZ="Asia/Shanghai")
variables(_CLOCKS, "`TZ=Asia/Kathmandu` (5 h 45 min)", TZ="Asia/Kathmandu")
variables(_CLOCKS, "`TZ` that does not exist", TZ="Nowhere/Atall")
variables(_CLOCKS, "`TZ` empty", TZ="")


def _clock(title: str, seconds_ahead: float, zone: str = "UTC", then: float = 0.0) -> None:
    """The clock is off at the start; with `then` it is set by so many seconds while it runs."""

    @row(_CLOCKS, title)
    def settle(place: Place) -> None:
        clock = FakeClock(place.scratch)
        clock.set(round(seconds_ahead))
        place.environment |= clock.environment | {"TZ": zone}
        if then:
            place.ready.append(lambda: clock.set(round(seconds_ahead + then)))


def _until(zone: str, *moment: int) -> float:
    return datetime(*moment, tzinfo=ZoneInfo(zone)).timestamp() - time.time()  # type: ignore[misc,arg-type]


_clock(
    "the hour that is left out in spring begins", _until(_BERLIN, 2026, 3, 29, 1, 59, 54), _BERLIN
)
_clock("the hour that comes twice begins again", _until(_BERLIN, 2026, 10, 25, 2, 59, 54), _BERLIN)
_clock("the clock is set back one hour while it runs", 0, then=-3600)
_clock("the clock is set ahead one hour while it runs", 0, then=3600)
_clock("the clock is a year behind", -365 * 86_400)
_clock("no battery: the clock begins in 1970", 100_000 - time.time())
_clock("the year 2040", _until("UTC", 2040, 1, 1))
