"""What the object store does not keep to stands in the report, in both languages."""

from __future__ import annotations

import pytest

from easyai.health.report.as_json import as_json
from easyai.health.report.as_markdown import markdown
from easyai.store.bucket_conditions import DELETE
from tests.support.lively import look
from tests.support.site import Installation

pytestmark = pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)


def test_a_condition_that_the_store_ignores_is_named_in_the_report(
    site: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = look(site)
    assert "Object store" not in markdown(before)
    assert as_json(before)["store_ignores"] == []
    monkeypatch.setattr(site.runtime.store, "ignores", (DELETE,))
    found = look(site)
    assert f"it ignores {DELETE}" in markdown(found)
    assert f"它忽略 {DELETE}" in markdown(found, "zh")
    assert as_json(found)["store_ignores"] == [DELETE]
