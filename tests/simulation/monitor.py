"""Looks at the run once a second: how long pictures wait, and whether scans keep their rhythm.

Only time counts in which all was well: no fault of the plan is under way or just over, and a
service of the type takes work.
"""

from __future__ import annotations

from collections.abc import Callable

from tests.simulation.cameras import Album, Version
from tests.simulation.checks import rows_of
from tests.simulation.database import SharedDatabase
from tests.simulation.plan import Plan
from tests.simulation.scheduler import Scheduler
from tests.simulation.services import Network

LONGEST_WAIT_SEC = 40.0  # of a picture while all is well, poisons of the run apart
LONGEST_GAP_SEC = 6.0  # between two scans while all is well; every second one is due
_SETTLE_SEC = 15.0  # after a fault, or the start of a service, until all counts as well
_EVERY_SEC = 1.0


class Monitor:
    """What waits, and since when without an excuse."""

    def __init__(
        self,
        plan: Plan,
        scheduler: Scheduler,
        album: Album,
        database: SharedDatabase,
        network: Network,
        violate: Callable[[str], None],
    ) -> None:
        self._plan = plan
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
            if not any(camera.poisons for camera in self._plan.cameras):
                self._look_at_pictures()

    def _look_at_scans(self) -> None:
        gap = self._scheduler.now - self.scanned_at
        if gap > LONGEST_GAP_SEC:
            self._violate(f"rhythm: no scan for {gap:.1f} s though all is well")

    def _look_at_pictures(self) -> None:
        served = self._served()
        waiting = [
            version
            for version in self._album.versions
            if version.stayed and version.number not in self._over and version.task_type in served
        ]
        if not waiting:
            return
        over = self._settled()
        for version in waiting:
            if (version.key, version.text) in over:
                self._over.add(version.number)
                continue
            waited = self._waited[version.number] = self._waited.get(version.number, 0) + _EVERY_SEC
            if waited > LONGEST_WAIT_SEC:
                self._report(version, waited)
                return

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

    def _settled(self) -> set[tuple[str, str]]:
        with self._database.looking() as conn:
            rows = rows_of(conn, "SELECT key, version FROM frames WHERE settled_at IS NOT NULL")
        return {(row["key"], row["version"]) for row in rows}
