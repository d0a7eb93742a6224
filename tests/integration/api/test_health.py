"""The health calls: alive, ready, and the reasons for not being ready."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from easyai.api.server import create_app
from easyai.db import migrate
from easyai.settings import source as settings
from tests.integration.api.conftest import OpenRuntime
from tests.integration.api.live import ANALYSIS, LiveApi


def test_server_with_database_store_and_broker_is_ready(api: LiveApi) -> None:
    assert api.get("/healthz") == {"status": "ok"}
    assert api.get("/readyz") == {
        "status": "ready",
        "checks": {"database": "ok", "store": "ok", "broker": "ok"},
    }


def test_unmigrated_database_is_not_ready_and_readyz_names_the_remedy(
    database_url: str, open_on: OpenRuntime
) -> None:
    with LiveApi(create_app(open_on(database_url))) as api:
        response = api.call("GET", "/readyz")
        body = response.json()

        assert response.status_code == 503
        assert body["status"] == "not ready"
        assert "db upgrade" in body["checks"]["database"]
        assert body["checks"]["store"] == "ok"
        assert body["error"].startswith("database: ")
        assert api.get("/healthz") == {"status": "ok"}

        migrate.upgrade(database_url)
        assert api.get("/readyz")["status"] == "ready"


def test_server_is_not_ready_while_the_frame_folder_is_missing(
    sqlite_api: LiveApi, folder: Path
) -> None:
    shutil.rmtree(folder)
    body = sqlite_api.call("GET", "/readyz").json()
    assert "frame folder" in body["checks"]["store"]
    assert body["checks"]["database"] == "ok"

    folder.mkdir()
    assert sqlite_api.get("/readyz")["status"] == "ready"


def test_app_without_a_runtime_opens_and_closes_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EASYAI_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("EASYAI_FRAME_EXTRACTOR__OUTPUT_DIR", str(tmp_path / "snapshots"))
    migrate.upgrade(settings.load().easyai.effective_database_url)

    with LiveApi(create_app()) as api:
        assert api.get("/readyz")["status"] == "ready"
        assert api.get(f"{ANALYSIS}/services") == {"services": [], "total": 0}
