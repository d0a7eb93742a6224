"""The report names conditions that the object store ignores, in both languages."""

from __future__ import annotations

import pytest

from easyai.diagnosis.report.as_json import as_json
from easyai.diagnosis.report.as_markdown import markdown
from easyai.store.condition_names import COPY, DELETE, PUT, TARGET
from tests.support.lively import look
from tests.support.site import Installation

pytestmark = pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)


@pytest.mark.parametrize(
    ("condition", "english", "chinese"),
    [
        (COPY, "may be kept with the alert", "出现在前一张图片的告警中"),
        (
            DELETE,
            "deleted without inference: give each picture a name of its own",
            "请让每张图片使用不同的名称",
        ),
        (PUT, "may both take it", "两个安装"),
        (TARGET, "is overwritten", "会被覆盖"),
    ],
)
def test_report_names_the_consequence_of_a_condition_the_store_ignores(
    site: Installation,
    monkeypatch: pytest.MonkeyPatch,
    condition: str,
    english: str,
    chinese: str,
) -> None:
    before = look(site)
    assert "Object store" not in markdown(before)
    assert as_json(before)["store_ignores"] == []
    monkeypatch.setattr(site.runtime.store, "ignores", (condition,))
    found = look(site)
    for report, consequence in ((markdown(found), english), (markdown(found, "zh"), chinese)):
        (line,) = [line for line in report.splitlines() if condition in line]
        assert consequence in line
    assert as_json(found)["store_ignores"] == [condition]
