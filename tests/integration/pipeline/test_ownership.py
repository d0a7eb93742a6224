"""A second installation on a folder is refused by name; a rebuilt installation continues."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from easyai.cli.main import cli
from easyai.errors import StoreClaimedError
from easyai.pipeline import ownership
from easyai.pipeline.ownership import Ownership, claims, require_store, take_over
from easyai.store import renames
from easyai.store.local_folder import CLAIM_KEY
from tests.support.site import Installation

pytestmark = pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)


def _installation(folder: Path, frames: Path, database: Path, number: int) -> Installation:
    folder.mkdir(exist_ok=True)
    if not (folder / "snapshots").exists():
        (folder / "snapshots").symlink_to(frames)
    shutil.copy(database, folder / "easyai.db")
    made = Installation(folder, f"sqlite:///{folder / 'easyai.db'}")
    made.execute("UPDATE installation SET installation_id = :id", id=f"number {number}")
    return made


@pytest.fixture
def other(site: Installation, migrated_file: Path, tmp_path: Path) -> Iterator[Installation]:
    """A second installation on the same folder of frames."""
    site.snapshots.mkdir(exist_ok=True)
    made = _installation(tmp_path / "other", site.snapshots, migrated_file, 2)
    yield made
    made.close()


def test_second_installation_on_a_folder_is_refused_naming_the_first(
    site: Installation, other: Installation
) -> None:
    require_store(site.runtime)
    require_store(site.open())
    with pytest.raises(StoreClaimedError, match=f"data folder {site.folder}/data") as refused:
        other.runtime.part(Ownership).check()
    assert "`claim --take-over`" in str(refused.value)
    require_store(site.runtime)


def test_token_file_of_an_earlier_release_loses_access_for_others(site: Installation) -> None:
    token = site.folder / "data" / "store.claim"
    token.parent.mkdir(exist_ok=True)
    token.write_text("0" * 32)
    token.chmod(0o644)
    require_store(site.runtime)
    assert (token.read_text(), token.stat().st_mode & 0o777) == ("0" * 32, 0o640)


def test_take_over_of_a_store_refuses_the_previous_installation(
    site: Installation, other: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_store(site.runtime)
    monkeypatch.setenv("EASYAI_CONFIG", str(other.config))
    shown = CliRunner().invoke(cli, ["claim"])
    assert (shown.exit_code, "another installation" in shown.output) == (1, True)
    taken = CliRunner().invoke(cli, ["claim", "--take-over", "--json"])
    assert taken.exit_code == 0
    assert json.loads(taken.stdout)["ours"] is True
    require_store(other.runtime)
    with pytest.raises(StoreClaimedError, match="other/data"):
        require_store(site.runtime)
    take_over(site.runtime)
    require_store(site.runtime)


def test_new_database_in_the_same_data_folder_keeps_its_claim(
    site: Installation, other: Installation, migrated_file: Path
) -> None:
    require_store(other.runtime)
    rebuilt = _installation(other.folder, site.snapshots, migrated_file, 3)
    require_store(rebuilt.runtime)
    own, there = claims(rebuilt.runtime)
    assert own.installation == there.installation == "number 3"
    rebuilt.close()


def test_installations_without_tokens_are_not_taken_for_the_same(
    site: Installation, other: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ownership, "folder_token", lambda _: "")
    require_store(site.runtime)
    with pytest.raises(StoreClaimedError):
        require_store(other.runtime)


def test_running_process_is_refused_after_a_take_over_of_its_store(
    site: Installation, other: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = site.runtime.part(Ownership)
    own.check()
    take_over(other.runtime)
    own.check()  # the claim is not read again yet
    monkeypatch.setattr(ownership, "_CHECK_EVERY_SEC", 0.0)
    with pytest.raises(StoreClaimedError):
        own.check()


def test_refused_process_is_refused_again_without_a_pause(
    site: Installation, other: Installation
) -> None:
    take_over(other.runtime)
    own = site.runtime.part(Ownership)
    for _ in range(2):
        with pytest.raises(StoreClaimedError):
            own.check()


def test_slower_of_two_concurrent_claims_is_refused_naming_the_winner(
    site: Installation, other: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def come_second(draft: str, path: str) -> None:
        monkeypatch.undo()
        require_store(other.runtime)
        renames.rename_noreplace(draft, path)

    monkeypatch.setattr("easyai.store.local.rename_noreplace", come_second)
    with pytest.raises(StoreClaimedError, match="other/data"):
        require_store(site.runtime)
    require_store(other.runtime)


def test_unreadable_claim_is_refused_and_can_be_taken_over(
    site: Installation,
) -> None:
    site.snapshots.mkdir(exist_ok=True)
    (site.snapshots / CLAIM_KEY).write_bytes(b"\xff[")
    with pytest.raises(StoreClaimedError, match=r"host \?"):
        require_store(site.runtime)
    take_over(site.runtime)
    require_store(site.runtime)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_unwritable_folder_is_used_and_claimed_later(
    site: Installation, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(*_: str) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as full:
        full.setattr("easyai.store.local.rename_noreplace", refuse)
        require_store(site.runtime)
    assert list(site.snapshots.glob(f"{CLAIM_KEY}*")) == []
    require_store(site.runtime)
    with monkeypatch.context() as full:
        full.setattr("easyai.store.local.rename_noreplace", refuse)
        require_store(site.runtime)  # the claim stands, nothing is written
    assert (site.snapshots / CLAIM_KEY).exists()
