"""Checks of every run from outside: the promises P1 and P4, and pictures of other programs."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from typing import Any

from sqlalchemy import Connection, text

from tests.simulation.cameras import Album, Version
from tests.simulation.site import Site

Row = dict[str, Any]
_OVER = ("done", "failed", "dropped")
_POLICIES = ("queue_full", "too_old", "disk_low", "sampled")


def rows_of(conn: Connection, sql: str) -> list[Row]:
    """The rows of a query."""
    return [dict(row) for row in conn.execute(text(sql)).mappings()]


class Ledger:
    """The ledger's rows at a moment, beside the facts about the pictures."""

    def __init__(self, conn: Connection, album: Album, site: Site) -> None:
        self.frames = rows_of(conn, "SELECT * FROM frames ORDER BY id")
        self.alerts = rows_of(conn, "SELECT * FROM alerts WHERE task_id <> 'system' ORDER BY id")
        self.dropped = rows_of(
            conn,
            "SELECT sum(queue_full + too_old + disk_low) AS n FROM statistics WHERE bucket = 0",
        )[0]["n"]
        self._album = album
        self._site = site
        # On a file server with coarse times several may look the same: as many frames are right.
        self._alike = Counter((picture.key, picture.text) for picture in album.versions)
        self._rows: dict[tuple[str, str], list[Row]] = defaultdict(list)
        for row in self.frames:
            self._rows[row["key"], row["version"]].append(row)

    def rows(self, version: Version) -> list[Row]:
        """The frames of a picture."""
        return self._rows[version.key, version.text]

    def poisons_left(self, served: set[str]) -> bool:
        """Whether a picture on which services break is not over yet.

        A picture that was replaced before a scan saw it never becomes a frame.
        """
        return any(
            not self._is_over(picture)
            for picture in self._album.versions
            if picture.poison
            and picture.task_type in served
            and (picture.stayed or self.rows(picture))
        )

    def waiting(self, served: set[str]) -> list[str]:
        """Pictures that are not over yet though a service takes their type, in words."""
        left = [
            f"picture {version.number} of {version.key} is not in the ledger"
            for version in self._album.versions
            if version.stayed and version.task_type in served and not self.rows(version)
        ]
        left += [
            f"frame {row['id']} of {row['key']} is {row['state']}: tries {row['tries']}, "
            f"{row['reason']}"
            for row in self.frames
            if row["state"] not in _OVER and row["task_type"] in served
        ]
        left += [
            f"the picture of frame {row['id']}, {row['key']}, is not carried"
            for row in self.frames
            if row["image_target"] is not None
        ]
        return left

    def violations(self, inferred: dict[int, list[int]], deleted: set[int]) -> list[str]:
        """The violations when no work is left."""
        over = [picture for picture in self._album.versions if self._is_over(picture)]
        found = [text for version in over for text in self._of(version, inferred)]
        found += self._of_alerts(deleted)
        found += self._of_store(deleted)
        dropped = sum(row["outcome"] in _POLICIES[:3] for row in self.frames)
        if dropped != (self.dropped or 0):
            found.append(f"count: {dropped} frames dropped, {self.dropped} counted")
        return found

    def _is_over(self, version: Version) -> bool:
        rows = self.rows(version)
        return bool(rows) and all(row["state"] in _OVER for row in rows)

    def _of(self, version: Version, inferred: dict[int, list[int]]) -> list[str]:
        rows, name = self.rows(version), f"picture {version.number} of {version.key}"
        if len(rows) > self._alike[version.key, version.text]:
            return [f"twice: {name} became frames {[row['id'] for row in rows]}"]
        if not version.stayed:
            return []
        row = rows[-1]
        fate = f"{row['state']}/{row['outcome']}: {row['reason']}"
        if row["outcome"] in ("alert", "no_detection"):
            return [] if inferred.get(version.number) else [f"lost: {name}, never inferred, {fate}"]
        if row["state"] == "dropped" and row["outcome"] in _POLICIES:
            return []
        if row["state"] == "failed" and version.poison:
            return []
        return [f"lost: {name} ended as {fate}"]

    def _of_alerts(self, deleted: set[int]) -> list[str]:
        found, seen = [], Counter[int]()
        keys = {row["id"]: row["key"] for row in self.frames}
        for alert in self.alerts:
            result = json.loads(alert["result"])
            version = self._album.versions[result["seen"]]
            seen[version.number] += 1
            content = self._site.read(alert["image_path"])
            if not alert["image_path"] and version.key in self._album.taken_away:
                continue
            if content != version.content:
                other = self._album.seen_in(content) if content else None
                there = "nothing" if content is None else f"picture {other and other.number}"
                found.append(
                    f"alert-picture: alert {alert['id']} of picture {version.number} of "
                    f"{keys.get(alert['frame_id'])} has {there} at {alert['image_path']}"
                )
        found += [
            f"twice: picture {picture} has {n} alerts" for picture, n in seen.items() if n > 1
        ]
        with_alert = {alert["frame_id"] for alert in self.alerts} | deleted
        found += [
            f"lost: frame {row['id']} of {row['key']} has no alert"
            for row in self.frames
            if row["outcome"] == "alert" and row["id"] not in with_alert
        ]
        return found

    def _of_store(self, deleted: set[int]) -> list[str]:
        there = set(self._site.keys())
        found = [
            f"foreign: {key} is not what it was"
            for key, content in self._site.foreign.items()
            if self._site.read(key) != content
        ]
        ours = {alert["image_path"] for alert in self.alerts}
        ours |= {row["image_path"] for row in self.frames if row["state"] == "failed"}
        ours |= {
            picture.key for picture in self._album.at_key.values() if not self._is_over(picture)
        }
        for key in sorted(there - ours - set(self._site.foreign) - self._album.drafts):
            found.append(f"left: {key} lies there and nobody knows it")
        return found
