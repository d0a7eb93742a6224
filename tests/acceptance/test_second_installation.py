"""``easyai up`` on the frames or the data of another installation is refused at its start."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from easyai.db import migrate
from easyai.pipeline.ownership import require_store
from tests.support.easyai_process import EasyaiProcess
from tests.support.part_process import easyai_command
from tests.support.ports import free_port
from tests.support.site import Installation


def test_up_names_the_installation_that_uses_the_folder(tmp_path: Path) -> None:
    first = tmp_path / "first"
    (first / "snapshots").mkdir(parents=True)
    url = f"sqlite:///{first / 'easyai.db'}"
    migrate.upgrade(url)
    site = Installation(first, url)
    require_store(site.runtime)
    site.close()
    second = tmp_path / "second"
    second.mkdir()
    backups = [second / "easyai.db.2026-11-20", second / "easyai.db-backup"]
    for backup in backups:
        backup.write_text("the operator's")
    config = tmp_path / "second.toml"
    config.write_text(f'[frame_extractor]\noutput_dir = "{first / "snapshots"}"\n')
    environment = {k: v for k, v in os.environ.items() if not k.startswith("EASYAI_")}
    refused = subprocess.run(
        easyai_command(
            "--config",
            str(config),
            "up",
            "--data-dir",
            str(second),
            "--port",
            str(free_port()),
        ),
        capture_output=True,
        text=True,
        timeout=60,
        env=environment,
    )
    assert refused.returncode == 2, refused.stderr
    assert f"data folder {first / 'data'}" in refused.stderr
    assert "`claim --take-over`" in refused.stderr
    assert sorted(second.glob("easyai.db*")) == sorted(backups), "its new database is removed alone"


def test_a_second_up_on_the_same_data_is_refused(running: EasyaiProcess, tmp_path: Path) -> None:
    own = {"EASYAI_DATA_DIR": str(running.data)}
    with EasyaiProcess(tmp_path, environment=own) as second:
        assert second.run_to_end() == 2
        (line,) = second.log.splitlines()
        assert str(running.pid) in line
        assert "--data-dir" in line
    assert running.get("/readyz").ok
