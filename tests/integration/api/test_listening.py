"""``easyai api`` listens at the address of the settings file."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
import requests

from tests.support.part_process import PartProcess, easyai_command
from tests.support.ports import free_port


def _connects(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=1):
            return True
    except OSError:
        return False


def _loopback() -> list[str]:
    """The addresses on which this machine can listen for itself."""
    with socket.socket(socket.AF_INET6) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError:
            return ["127.0.0.1"]
    return ["127.0.0.1", "::1"]


# 127.0.0.2 stands for every other interface: a server on 127.0.0.1 does not listen there.
@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("address", "others_reach_it"), [(":{}", True), ("127.0.0.1:{}", False)])
def test_api_listens_on_httplistenaddr_of_the_predecessor(
    address: str, others_reach_it: bool, migrated_url: str, tmp_path: Path
) -> None:
    port = free_port()
    config = tmp_path / "config.toml"
    config.write_text(f"[defaulthttpconfig]\nhttplistenaddr = '{address.format(port)}'")
    names = {
        "EASYAI_CONFIG": str(config),
        "EASYAI_DATABASE_URL": migrated_url,
        "EASYAI_DATA_DIR": str(tmp_path / "data"),
    }
    command = easyai_command("api")
    with PartProcess(command, names, lambda _: _connects("127.0.0.1", port)):
        assert _connects("127.0.0.2", port) is others_reach_it
        if "::1" in _loopback():
            assert _connects("::1", port) is others_reach_it


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("host", ["::", "127.0.0.1"])
def test_forwarded_client_address_counts_behind_a_local_gateway(
    host: str, migrated_url: str, tmp_path: Path
) -> None:
    # A socket for both families sees 127.0.0.1 as ::ffff:127.0.0.1.
    port = free_port()
    names = {
        "EASYAI_HOST": host,
        "EASYAI_PORT": str(port),
        "EASYAI_PUBLIC_URL": "http://192.168.7.1:5066",
        "EASYAI_DATABASE_URL": migrated_url,
        "EASYAI_DATA_DIR": str(tmp_path / "data"),
    }
    url = f"http://127.0.0.1:{port}/api/v1/ai_analysis"
    through = {"X-Forwarded-For": "192.168.7.20"}
    body = {"service_id": "yolo", "task_types": ["t"], "endpoint": "http://192.168.7.21:1/infer"}
    with PartProcess(easyai_command("api"), names, lambda _: _connects("127.0.0.1", port)):
        sent = requests.post(f"{url}/register", json=body, headers=through, timeout=5)
        assert sent.status_code == 200, sent.text
        # From another address than the registration's, then from the same address.
        other = {"X-Forwarded-For": "192.168.7.22"}
        gone = f"{url}/unregister/yolo"
        assert requests.delete(gone, headers=other, timeout=5).status_code == 403
        assert requests.delete(gone, headers=through, timeout=5).status_code == 200
