"""Traces are off unless OpenTelemetry's variables switch them on; obstacles are reported."""

from __future__ import annotations

import subprocess
import sys

import pytest

from easyai.cli.config_warnings import warnings
from easyai.domain.reason import Reason
from easyai.messages.catalogue import text
from easyai.settings.schema import Settings
from easyai.tracing import variables

ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}


@pytest.mark.parametrize(
    ("environ", "on"),
    [
        ({}, False),
        ({"OTEL_SERVICE_NAME": "easyai"}, False),
        (ENDPOINT, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:4318/v1/traces"}, True),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, True),
        ({"OTEL_TRACES_EXPORTER": "console"}, True),
        (ENDPOINT | {"OTEL_TRACES_EXPORTER": "none"}, False),
        (ENDPOINT | {"OTEL_SDK_DISABLED": "TRUE"}, False),
    ],
)
def test_the_standard_variables_switch_traces_on(environ: dict[str, str], on: bool) -> None:
    assert variables.wanted(environ) is on
    assert not variables.problem(environ)


@pytest.mark.parametrize(
    ("environ", "problem"),
    [
        (ENDPOINT | {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "easyai sends http/protobuf only"),
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, "OTEL_TRACES_EXPORTER is zipkin"),
    ],
)
def test_unsupported_tracing_option_is_named(environ: dict[str, str], problem: str) -> None:
    assert problem in text(variables.problem(environ))


def _about_traces() -> list[Reason]:
    return [warning for warning in warnings(Settings()) if warning.code == "warning.no_traces"]


def test_missing_packages_are_a_warning_of_config_check(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "otlp")
    assert not _about_traces()
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk", None)
    (warning,) = _about_traces()
    assert "pip install '.[otel]'" in text(warning)


def test_without_variables_nothing_of_opentelemetry_is_imported() -> None:
    code = (
        "import sys, easyai.tasks.task_modules as b; b.load(); "
        "sys.exit(any(n.startswith('opentelemetry') for n in sys.modules))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
