"""Looks at the run once a second: how long pictures wait, and whether scans keep their rhythm.

Only time counts in which all was well: no fault of the plan is under way or just over, and a
service of the type takes work.
"""

from __future__ import annotations

from collections.abc import Callable

from easyai.settings.schema import AiAnalysis
from tests.simulation.cameras import Album, Version
from tests.simulation.checks import rows_of
from tests.simulation.database import SharedDatabase
from tests.simulation.plan import Plan
from tests.simulation.scheduler import Scheduler
from tests.simulation.services import Network

LONGEST_WAIT_SEC = 40.0  # of a picture while all is well
# A picture on which services break waits for longer: after three calls it steps aside for 65 s. It
# holds up nothing else beyond the bound, not even its camera, for a breaker rests for 10 s at most
# while a type has no other endpoint. That it ends at all is asked for when the run is over.
LONGEST_GAP_SEC = 6.0  # between two scans while all is well; every second scan is due
_TRIES_OF_THE_SERVICE = 2  # calls for which the service is blamed before its picture is
_SETTLE_SEC = 15.0  # after a fault, or the start of a service, until all counts as well
_EVERY_SEC = 1.0


class Monitor:
    """A waiting picture, and since when it waits without an excuse."""

    def __init__(
        self,
        plan: Plan,
        scheduler: Scheduler,
        album: Album,
        database: SharedDatabase,
        network: Network,
        analysis: AiAnalysis,
        violate: Callable[[str], None],
    ) -> None:
        self._plan = plan
        self._analysis = analysis
        self._scheduler = scheduler
        self._album = album
        self._database = database
        self._network = network
        self._violate = violate
        self._waited: dict[int, float] = {}
        self._over: set[int] = set()
        self._trouble_until = 0.0
        self.scanned_at = 0.0

    def trouble(self, seconds: float) -> None:
        """A fault begins that lasts for so long."""
        until = self._scheduler.now + seconds + _SETTLE_SEC
        self._trouble_until = max(self._trouble_until, until)

    def scanned(self) -> None:
        """A scan has ended."""
        self.scanned_at = self._scheduler.now

    def run(self) -> None:
        """Look for ever."""
        while True:
            self._scheduler.sleep(_EVERY_SEC)
            if self._scheduler.now < self._trouble_until:
                self.scanned_at = self._scheduler.now
                continue
            self._look_at_scans()
            self._look_at_pictures()

    def _look_at_scans(self) -> None:
        gap = self._scheduler.now - self.scanned_at
        if gap > LONGEST_GAP_SEC:
            self._violate(f"rhythm: no scan for {gap:.1f} s though all is well")

    def _look_at_pictures(self) -> None:
        served, rows = self._served(), self._rows()
        # A picture that its camera replaced before any scan saw it never becomes a frame.
        unfinished = [
            version
            for version in self._album.versions
            if version.number not in self._over
            and (version.stayed or (version.key, version.text) in rows)
        ]
        for version in unfinished:
            if rows.get((version.key, version.text)):
                self._over.add(version.number)
        waiting = [alarm for alarm in unfinished if alarm.number not in self._over]
        for version in waiting:
            if version.task_type in served and not version.poison:
                self._waits(version)

    def _waits(self, version: Version) -> None:
        number, task_type = version.number, version.task_type
        waited = self._waited[number] = self._waited.get(number, 0) + _EVERY_SEC
        over = waited > LONGEST_WAIT_SEC
        excuse_sec = self._rate_takes_sec(task_type) + self.hanging_takes_sec() if over else 0.0
        if over and waited > LONGEST_WAIT_SEC + excuse_sec:
            self._report(version, waited)

    def hanging_takes_sec(self) -> float:
        """How long pictures on which services hang may delay others, where a type has 1 place."""
        hanging = sum(picture.poison == "hang" for picture in self._album.versions)
        tries = self._analysis.max_attempts + _TRIES_OF_THE_SERVICE
        return hanging * tries * self._analysis.infer_timeout_sec

    def _rate_takes_sec(self, task_type: str) -> float:
        """How long the rate of a type may hold up the last of its pictures."""
        per_sec = self._analysis.type_settings(task_type).rate_per_sec
        if not per_sec:
            return 0.0
        return sum(picture.task_type == task_type for picture in self._album.versions) / per_sec

    def _report(self, version: Version, waited: float) -> None:
        self._violate(
            f"starved: picture {version.number} of {version.key} has waited for {waited:.0f} s "
            "though all is well"
        )

    def _served(self) -> set[str]:
        """Types that a service has been up for, long enough to count."""
        now, network = self._scheduler.now, self._network
        return {
            name
            for service in self._plan.services
            if network.is_up(service.endpoint)
            and now - max(service.start, network.down_until.get(service.endpoint, 0.0))
            > _SETTLE_SEC
            for name in service.task_types
        }

    def _rows(self) -> dict[tuple[str, str], bool]:
        """By key and version of each frame: whether it is settled."""
        with self._database.looking() as conn:
            rows = rows_of(conn, "SELECT key, version, settled_at FROM frames ORDER BY id")
        return {(row["key"], row["version"]): row["settled_at"] is not None for row in rows}
