"""Takes over the trace of a caller, so that a call's span stands within the agent's own."""

from __future__ import annotations

import sys
from collections.abc import Mapping


def follow(headers: Mapping[str, str]) -> None:
    """Make the span that `traceparent` names (W3C Trace Context) the current one for the rest of this task; pass over a malformed one.

    Without OpenTelemetry nobody would look at it: it is loaded where `[telemetry]` is configured.
    """
    if "opentelemetry.trace" not in sys.modules:
        return
    # Loaded here, because gateways without telemetry do without it.
    from opentelemetry import context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    context.attach(TraceContextTextMapPropagator().extract(headers))
