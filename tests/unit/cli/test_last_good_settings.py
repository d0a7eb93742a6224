"""Commands go on with the last good settings of ``easyai up`` while the file has a mistake."""

from __future__ import annotations

import pytest

from easyai.settings.last_good import COPY_NAME, COPY_VARIABLE
from easyai.settings.source import keep_copy
from tests.support.installation import Installation


@pytest.mark.parametrize("command", ["frames", "stats", "alerts", "services", "db current"])
def test_command_logs_once_that_it_uses_the_last_good_settings(
    installation: Installation, command: str, caplog: pytest.LogCaptureFixture
) -> None:
    file = installation.folder / "config.toml"
    file.write_text("[ai_analysis]\nmax_concurrent_infer = 9\n", encoding="utf-8")
    installation.monkeypatch.setenv("EASYAI_CONFIG", str(file))
    copy = installation.folder / "data" / COPY_NAME
    copy.parent.mkdir()
    keep_copy(copy, file)
    # As a command sets it that has found the running installation.
    installation.monkeypatch.setenv(COPY_VARIABLE, str(copy))
    file.write_text("[ai_analysis", encoding="utf-8")
    result = installation.run(*command.split())
    assert result.exit_code != 2, result.stderr  # as it is without good settings
    (logged,) = caplog.messages
    assert f"{file}: not valid TOML" in logged
    assert logged.endswith(f"the last good settings are taken from {copy}")
