"""OpenTelemetry's variables: whether they ask for traces, and why traces cannot be sent.

https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Final

from easyai.domain.reason import NO_REASON, Reason

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


def problem(environ: Mapping[str, str] | None = None) -> Reason:
    """Why requested traces cannot be sent, with the remedy; no reason if they can be sent."""
    environ = os.environ if environ is None else environ
    if not wanted(environ):
        return NO_REASON
    exporter = exporter_name(environ)
    if exporter not in ("otlp", "console"):
        return Reason.of("traces.unknown_exporter", exporter=exporter)
    protocol = next((environ[name] for name in _PROTOCOLS if environ.get(name)), _OURS)
    if exporter == "otlp" and protocol.strip().lower() != _OURS:
        return Reason.of("traces.protocol", protocol=protocol, ours=_OURS)
    if not all(_is_installed(name) for name in _PACKAGES):
        return Reason("traces.not_installed")
    return NO_REASON


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
