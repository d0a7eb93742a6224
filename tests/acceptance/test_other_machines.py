"""A box with the predecessor's settings, and clients of the field on two other machines."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.support.easyai_process import EasyaiProcess
from tests.support.needs import MissingError, program
from tests.support.outside import Outside
from tests.support.waiting import wait_until

_SERVICE = Path(__file__).parents[2] / "examples" / "plain_service.py"
#: Of each machine its type, the box's address in its network, and its own.
_MACHINES = (("甲", "10.77.1.1", "10.77.1.2"), ("乙", "192.168.77.1", "192.168.77.2"))
_NAMED = "gpu-box"  # the second machine, in its hosts file and the box's


@pytest.fixture
def box() -> Iterator[str]:
    """The name of a network namespace; each machine's namespace is this name and 0 or 1."""
    if os.geteuid() != 0:
        raise MissingError("root's rights, for networks of its own", "run as root")
    ip = program("ip", "iproute2")
    name = f"easyai-{os.getpid()}-"

    def run(*arguments: str) -> None:
        subprocess.run([ip, *arguments], check=True, capture_output=True, timeout=10)

    with ExitStack() as stack:
        for space in (name, f"{name}0", f"{name}1"):
            run("netns", "add", space)
            stack.callback(run, "netns", "del", space)
            run("-n", space, "link", "set", "lo", "up")
        for number, (_, here, there) in enumerate(_MACHINES):
            peer = f"{name}{number}"
            far = ("peer", "name", "eth0", "netns", peer)
            run("-n", name, "link", "add", f"veth{number}", "type", "veth", *far)
            for space, device, address in ((name, f"veth{number}", here), (peer, "eth0", there)):
                run("-n", space, "addr", "add", f"{address}/24", "dev", device)
                run("-n", space, "link", "set", device, "up")
        for space in (name, f"{name}1"):
            hosts = Path("/etc/netns", space, "hosts")  # `ip netns exec` shows it as /etc/hosts
            hosts.parent.mkdir(parents=True)
            stack.callback(shutil.rmtree, hosts.parent)
            hosts.write_text(f"127.0.0.1 localhost\n{_MACHINES[1][2]} {_NAMED}\n")
        yield name


@contextmanager
def _service(space: str, server: str, host: str, task_type: str) -> Iterator[None]:
    options = ["--server", server, "--host", host, "--port", "7901", "--min-bytes", "1"]
    own = ["--service-id", f"yolo_{task_type}", "--task-type", task_type, "--heartbeat-sec", "1"]
    command = ["ip", "netns", "exec", space, sys.executable, str(_SERVICE), *options, *own]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.terminate()


def _curl(space: str, method: str, url: str, *options: str) -> tuple[int, str]:
    command = ["ip", "netns", "exec", space, "curl", "-s", "-m", "10", "-X", method, url]
    done = subprocess.run(
        [*command, "-w", "\n%{http_code}", *options], capture_output=True, text=True, check=True
    )
    body, _, status = done.stdout.rpartition("\n")
    return int(status), body


def test_services_of_other_machines_infer_with_no_setting_but_the_predecessors(
    box: str, tmp_path: Path
) -> None:
    with EasyaiProcess(tmp_path, prefix=["ip", "netns", "exec", box]) as easyai, ExitStack() as far:
        easyai.configure(f'[defaulthttpconfig]\nhttplistenaddr = ":{easyai.port}"\n')
        easyai.start(timeout=60)
        site = Outside(easyai.url, easyai.frames)
        for number, (task_type, here, there) in enumerate(_MACHINES):
            server, host = f"http://{here}:{easyai.port}", _NAMED if number else there
            far.enter_context(_service(f"{box}{number}", server, host, task_type))
        for task_type, _, _ in _MACHINES:
            _assert_inferred(site, task_type)
        _other_machines_may_do_what_field_clients_do(f"{box}0", f"http://{_MACHINES[0][1]}", easyai)
        far.close()
        easyai.stop()


def _assert_inferred(site: Outside, task_type: str) -> None:
    wanted = [f"alerts/{key}" for key in site.put_many(5, task_type)]
    wait_until(lambda: site.pictures(f"alerts/{task_type}") == wanted, 20, f"{task_type}: inferred")


def _other_machines_may_do_what_field_clients_do(
    machine: str, host: str, easyai: EasyaiProcess
) -> None:
    api = f"{host}:{easyai.port}/api/v1/ai_analysis"
    named = ("-H", f"Host: easyai.factory.example:{easyai.port}")
    assert _curl(machine, "POST", f"{api}/heartbeat/yolo_甲", *named)[0] == 200
    assert _curl(machine, "GET", f"{api}/services", *named)[0] == 403
    status, answer = _curl(machine, "POST", f"{api}/clear_all")
    assert (status, "operator.token" in answer) == (403, True)
    token = (easyai.data / "operator.token").read_text().strip()
    status, answer = _curl(
        machine, "POST", f"{api}/clear_all", "-H", f"Authorization: Bearer {token}"
    )
    assert (status, json.loads(answer)["cleared_count"]) == (200, 2)
