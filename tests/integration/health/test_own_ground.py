"""What easyai stands on is taken away while it runs: its data folder, its settings file."""

from __future__ import annotations

import shutil

import pytest

from easyai.cli.watchdog_command import _Checks
from easyai.diagnosis.causes.rank import rank
from easyai.domain.reason import Reason
from easyai.health.checks.data_folder import DataFolderCheck
from easyai.health.checks.dependencies import SettingsCheck
from easyai.health.checks.named_check import CheckResult
from easyai.health.facts import Facts
from easyai.messages.catalogue import text
from tests.support.lively import codes, look, processes_work
from tests.support.site import Installation
from tests.support.watchdogs import Watchdogs

pytestmark = pytest.mark.sqlite_only


@pytest.mark.parametrize("fate", ["moved", "deleted", "replaced"])
def test_a_data_folder_that_is_taken_away_rings_until_it_is_back(
    site: Installation, watchdogs: Watchdogs, fate: str
) -> None:
    data, aside = site.folder / "data", site.folder / "aside"
    data.mkdir(exist_ok=True)
    processes_work(site)
    watchdogs.start(DataFolderCheck(site.runtime))
    watchdogs.rounds(4)
    assert watchdogs.kinds() == []
    data.rename(aside)
    if fate == "replaced":
        data.mkdir()
    elif fate == "deleted":
        aside = shutil.copytree(aside, site.folder / "backup")
        shutil.rmtree(site.folder / "aside")
    ((_, said),) = watchdogs.wait_for("data_moved")
    assert f"{data}: it was moved, deleted or replaced while easyai runs" in said
    assert f"{data}：在 easyai 运行期间被移动、删除或替换" in said
    if fate != "moved":
        return  # another folder is not what the processes have open
    aside.rename(data)
    *_, (_, over) = watchdogs.wait_for("data_moved", "recovered")
    assert "the data folder is where it was" in over
    assert "数据目录已恢复原处" in over


def test_the_diagnosis_names_the_folder_and_proposes_no_new_database(site: Installation) -> None:
    processes_work(site)
    assert "data_moved" not in codes(look(site))
    site.folder.joinpath("easyai.db").rename(site.folder / "other.db")
    found = look(site)
    assert codes(found)[:1] == ["data_moved"]
    assert "easyai.db" in text(found.causes[0].evidence[0])
    commands = [one.command for cause in found.causes for one in cause.remedies]
    assert not [one for one in commands if "db upgrade" in one]
    second = found.causes[0].remedies[1]
    assert "move it away first" in text(second.text), "or the old folder lands in the new one"
    assert second.command.startswith("mv -T ")


def test_a_mistake_in_the_settings_rings_until_it_is_mended(
    site: Installation, watchdogs: Watchdogs
) -> None:
    processes_work(site)
    watchdogs.start(SettingsCheck(site.runtime))
    site.configure("[broken")
    ((_, said),) = watchdogs.wait_for("settings_invalid")
    assert "the settings file has a mistake; easyai goes on with the last good settings" in said
    assert "config.toml: not valid TOML" in said
    assert "配置文件有错误" in said
    site.configure()
    *_, (_, over) = watchdogs.wait_for("settings_invalid", "recovered")
    assert "the settings file is right again" in over
    assert "配置文件已恢复正确" in over


def test_the_watchdog_looks_at_both(site: Installation) -> None:
    names = {one.name for one in _Checks(site.runtime).now()}
    assert {"data", "settings"} <= names


def test_where_the_database_went_with_its_folder_no_new_one_is_proposed(
    site: Installation,
) -> None:
    failed = {
        "data": Reason.of("data_folder.moved", place="/srv/data"),
        "database": Reason.of("database.none_at", path="/srv/data/easyai.db"),
    }
    checks = {name: CheckResult(name, why) for name, why in failed.items()}
    causes = rank(Facts(0.0, site.runtime.settings, checks))
    assert causes[0].code == "data_moved"
    assert "database_down" not in [one.code for one in causes]
