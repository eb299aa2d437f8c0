"""From `[telemetry]` to an observer that tells OpenTelemetry about calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from routerkit.config.section import Section
from routerkit.errors import ConfigError

if TYPE_CHECKING:
    from routerkit.telemetry import Telemetry


class TelemetrySection(Section):
    """OpenTelemetry. What is not said here, OpenTelemetry takes from its own variables (`OTEL_EXPORTER_OTLP_HEADERS`, …)."""

    endpoint: str | None = None
    """Address of a collector for OTLP over HTTP; None = the providers that the program has set up itself."""
    service_name: str = "routerkit"


def build_telemetry(section: TelemetrySection | None) -> Telemetry | None:
    """The observer that a configuration asks for; None when it asks for none.

    Raises:
        ConfigError: a package it needs is not installed.
    """
    if section is None:
        return None
    try:
        # An optional extra.
        from routerkit.telemetry import Telemetry, exporting

        return Telemetry() if section.endpoint is None else exporting(section.endpoint, section.service_name)
    except ModuleNotFoundError as exc:
        raise ConfigError(f"[telemetry] needs {exc.name}, which is not installed; run pip install 'routerkit[otel]'") from exc
