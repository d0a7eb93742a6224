"""OpenTelemetry's variables: whether they ask for traces, and why traces cannot be sent.

https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Final

_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS: Final = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_PACKAGES: Final = (
    "opentelemetry.sdk",
    "opentelemetry.sdk.trace",
    "opentelemetry.exporter.otlp.proto.http",
)
_OURS: Final = "http/protobuf"


def wanted(environ: Mapping[str, str] | None = None) -> bool:
    """Whether an exporter or an address asks for traces and the SDK is not disabled."""
    environ = os.environ if environ is None else environ
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    exporter = _exporter(environ)
    return exporter != "none" and bool(exporter or any(environ.get(name) for name in _ENDPOINTS))


def exporter_name(environ: Mapping[str, str] | None = None) -> str:
    """Where spans go: ``otlp`` or ``console``."""
    return _exporter(os.environ if environ is None else environ) or "otlp"


def problem(environ: Mapping[str, str] | None = None) -> str:
    """Why requested traces cannot be sent, with the remedy; '' if there is no problem."""
    environ = os.environ if environ is None else environ
    if not wanted(environ):
        return ""
    exporter = exporter_name(environ)
    if exporter not in ("otlp", "console"):
        return f"OTEL_TRACES_EXPORTER is {exporter}: easyai knows otlp, console and none"
    protocol = next((environ[name] for name in _PROTOCOLS if environ.get(name)), _OURS)
    if exporter == "otlp" and protocol.strip().lower() != _OURS:
        return (
            f"OTEL_EXPORTER_OTLP_PROTOCOL is {protocol}: easyai sends {_OURS} only; set that, and "
            "the address of the collector's HTTP port (4318)"
        )
    if not all(_is_installed(name) for name in _PACKAGES):
        return (
            "OTEL_… variables ask for traces, and OpenTelemetry is not installed: "
            "pip install '.[otel]' in easyai's folder"
        )
    return ""


def has_service_name() -> bool:
    """Whether the operator has named the service."""
    named = "service.name=" in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    return named or bool(os.environ.get("OTEL_SERVICE_NAME"))


def _exporter(environ: Mapping[str, str]) -> str:
    return environ.get("OTEL_TRACES_EXPORTER", "").strip().lower()


def _is_installed(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:
        return False
