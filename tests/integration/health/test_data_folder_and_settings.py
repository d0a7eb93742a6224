"""The data folder or the settings file is removed or broken while easyai runs."""

from __future__ import annotations

import shutil

import pytest

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
def test_missing_data_folder_raises_an_alarm_until_it_returns(
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
    ((_, message),) = watchdogs.wait_for("data_moved")
    assert f"{data}: it was moved, deleted or replaced while easyai runs" in message
    assert f"{data}：在 easyai 运行期间被移动、删除或替换" in message
    if fate != "moved":
        return  # the processes do not have the new folder open
    aside.rename(data)
    *_, (_, over) = watchdogs.wait_for("data_moved", "recovered")
    assert "the data folder is back in its place" in over
    assert "数据目录已恢复原处" in over


def test_diagnosis_of_a_moved_data_folder_proposes_no_new_database(site: Installation) -> None:
    processes_work(site)
    assert "data_moved" not in codes(look(site))
    site.folder.joinpath("easyai.db").rename(site.folder / "other.db")
    found = look(site)
    assert codes(found)[:1] == ["data_moved"]
    assert "easyai.db" in text(found.causes[0].evidence[0])
    commands = [remedy.command for cause in found.causes for remedy in cause.remedies]
    assert not [command for command in commands if "db upgrade" in command]
    second = found.causes[0].remedies[1]
    first = "move the new folder away first"
    assert first in text(second.text), "or the old folder lands in the new folder"
    assert second.command.startswith("mv -T ")


def test_invalid_settings_raise_an_alarm_until_they_are_corrected(
    site: Installation, watchdogs: Watchdogs
) -> None:
    processes_work(site)
    watchdogs.start(SettingsCheck(site.runtime))
    site.configure("[broken")
    ((_, message),) = watchdogs.wait_for("settings_invalid")
    assert "the settings file has a mistake; easyai goes on with the last good settings" in message
    assert "config.toml: not valid TOML" in message
    assert "配置文件有错误" in message
    site.configure()
    *_, (_, over) = watchdogs.wait_for("settings_invalid", "recovered")
    assert "the settings file is valid again" in over
    assert "配置文件已恢复正确" in over


def test_database_moved_with_its_folder_is_not_reported_down(
    site: Installation,
) -> None:
    failed = {
        "data": Reason.of("data_folder.moved", place="/srv/data"),
        "database": Reason.of("database.none_at", path="/srv/data/easyai.db"),
    }
    checks = {name: CheckResult(name, why) for name, why in failed.items()}
    causes = rank(Facts(0.0, site.runtime.settings, checks))
    assert causes[0].code == "data_moved"
    assert "database_down" not in [cause.code for cause in causes]
