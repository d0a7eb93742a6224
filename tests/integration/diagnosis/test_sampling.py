"""The diagnosis reports that sampling copes, or that algorithms are too slow despite it."""

from __future__ import annotations

import pytest

from easyai.diagnosis.contents import Diagnosis, Status
from easyai.diagnosis.report.as_markdown import markdown
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.lively import codes, look, processes_work
from tests.support.site import TYPE, Installation

ADVICE = '[ai_analysis.types."'


def _site_of(site: Installation, algorithm: AlgorithmStub, sampling: str, n: int) -> Diagnosis:
    """Diagnose after six frames were inferred; `n` is the last result of "auto"."""
    site.configure(f'[ai_analysis.types."{TYPE}"]\nsampling = {sampling}', max_queue_size=10)
    site.register(algorithm)
    site.execute("UPDATE task_types SET sampling_n = :n", n=n)
    site.put_many(6)
    site.work(site.loop())
    processes_work(site)
    return look(site)


def test_effective_sampling_is_reported_and_not_advised_again(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    found = _site_of(site, algorithm, '"auto"', 2)
    assert (codes(found), found.symptom.status) == (["algorithms_too_slow"], Status.DEGRADED)
    report = markdown(found)
    assert "Algorithms keep up because sampling skips frames" in report
    assert "no frame waits" in report
    assert "3 skipped by sampling in the last minute (1 of 2 is inferred)" in report
    assert "goes back to every frame by itself" in report
    assert "too slow" not in report
    assert "the oldest for" not in report
    assert ADVICE not in report
    chinese = markdown(found, "zh")
    assert "算法无法处理全部图片，正在抽样推理" in chinese
    assert "没有图片在等待" in chinese
    assert "无需处理" in chinese


def test_algorithms_too_slow_despite_sampling_are_advised_more_services(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    _site_of(site, algorithm, '"auto"', 2)
    site.record(20)
    report = markdown(look(site))
    assert "Algorithms are too slow for the frames that arrive" in report
    assert "20 frames waiting" in report
    assert "1 of 2 is inferred" in report
    assert "Start more services" in report
    assert ADVICE not in report


@pytest.mark.parametrize("sampling", ["1", "2"])
def test_sampling_is_advised_for_types_without_automatic_sampling(
    site: Installation, algorithm: AlgorithmStub, sampling: str
) -> None:
    _site_of(site, algorithm, sampling, 1)
    site.record(20)
    report = markdown(look(site))
    assert f"Or infer each n-th frame only ({TYPE})" in report
    assert ADVICE in report


def test_fixed_sampling_is_reported_as_well(site: Installation, algorithm: AlgorithmStub) -> None:
    found = _site_of(site, algorithm, "3", 4)
    assert found.well, markdown(found)
