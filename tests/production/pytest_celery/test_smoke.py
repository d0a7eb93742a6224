"""A Celery expert's first look on each broker: control, kill, restart, results, requeue, Flower.

The tests of a broker share an installation, and follow each other as its day goes.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import requests
from pytest_celery import CeleryTestSetup

from easyai.tasks.config import SWEEP_TASK
from tests.production.pytest_celery.conftest import ACCEPTS, FLOWER_LOGIN
from tests.production.site import TYPE, Site
from tests.support.waiting import wait_until

pytestmark = pytest.mark.usefixtures("site")


def _worker(setup: CeleryTestSetup) -> str:
    name: str = setup.worker.name()
    return name


def test_worker_answers_control_and_serves_new_types(
    celery_setup: CeleryTestSetup, site: Site
) -> None:
    assert celery_setup.ready(ping=False, control=True, docker=True)
    wait_until(lambda: celery_setup.app.control.ping(timeout=2), 30, "the worker answers")
    assert [list(reply) for reply in celery_setup.app.control.ping(timeout=2)] == [
        [celery_setup.worker.hostname()]
    ]
    site.put_frame(_worker(celery_setup), 1)
    failed = partial(site.frames, _worker(celery_setup), "failed")
    wait_until(lambda: failed() == 1, 60, "the refused frame has failed", 0.5)
    assert site.alerts() == 0


def test_requeue_by_the_celery_command_infers_failed_frames_again(
    celery_setup: CeleryTestSetup, site: Site, api_name: str
) -> None:
    site.engine.docker("exec", f"{api_name}-detector", "touch", ACCEPTS)
    command = f"celery -A easyai requeue --task-type {TYPE} --state failed --since 1h"
    code, printed = celery_setup.worker.container.exec_run(command)
    assert (code, "1 failed frame" in printed.decode()) == (0, True), printed.decode()
    site.wait_for_alerts(1)
    assert site.frames(_worker(celery_setup), "failed") == 0


def test_a_killed_worker_goes_on_after_its_restart(
    celery_setup: CeleryTestSetup, site: Site, api_name: str
) -> None:
    celery_setup.worker.kill()
    assert celery_setup.worker.container.status == "exited"
    for number in (2, 3):
        site.put_frame(api_name, number)
    celery_setup.worker.restart()
    site.wait_for_alerts(3)


def test_results_are_kept_only_for_senders_that_request_them(celery_setup: CeleryTestSetup) -> None:
    results = celery_setup.backend.container.client
    assert results.keys("celery-task-meta-*") == []
    asked = celery_setup.app.send_task(SWEEP_TASK, ignore_result=False)
    asked.get(timeout=60)
    assert results.keys("celery-task-meta-*") == [f"celery-task-meta-{asked.id}"]
    results.close()


def test_flower_lists_worker_and_tasks_with_the_password(
    celery_setup: CeleryTestSetup, site: Site, easyai_flower: Any
) -> None:
    url = f"http://127.0.0.1:{easyai_flower.ports['5555/tcp'][0]}"
    for path in ("/api/workers", "/workers"):
        assert requests.get(url + path, timeout=10).status_code == 401
    assert requests.get(f"{url}/healthcheck", timeout=10).text == "OK"

    def get(path: str) -> dict[str, Any]:
        answer = requests.get(url + path, auth=FLOWER_LOGIN, timeout=30)
        found: dict[str, Any] = answer.json() if answer.status_code == 200 else {}
        return found

    name = celery_setup.worker.hostname()
    wait_until(lambda: name in get("/api/workers?refresh=1"), 60, "Flower knows the worker", 0.5)
    site.put_frame(_worker(celery_setup), 4)

    def inferred() -> bool:
        tasks = get("/api/tasks").values()
        return any("infer" in task["name"] and task["state"] == "SUCCESS" for task in tasks)

    wait_until(inferred, 60, "Flower knows an inference", 0.5)


def test_frames_flow_again_after_the_broker_was_killed(
    celery_setup: CeleryTestSetup, site: Site
) -> None:
    before = site.alerts()
    celery_setup.broker.kill()
    site.put_frame(_worker(celery_setup), 5)
    celery_setup.broker.restart()
    site.wait_for_alerts(before + 1, 120)
