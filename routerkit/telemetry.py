"""OpenTelemetry: a span for each call with a child for each attempt, and metrics, by the conventions for generative AI. Never a prompt.

The conventions are still in development and moved to a repository of their own
(open-telemetry/semantic-conventions-genai), so their names stand here and not in a package.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime
from typing import Final, TypeAlias

from opentelemetry import metrics, trace
from opentelemetry.metrics import MeterProvider
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, TracerProvider

from routerkit.messages import Usage
from routerkit.record import Attempt, Record, Report

Attributes: TypeAlias = "dict[str, str | bool | int | float | tuple[str, ...]]"

_NS: Final = 1_000_000_000
_SECONDS: Final = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
_TOKENS: Final = tuple(float(4**n) for n in range(14))
"""Both as the conventions advise."""


class Telemetry:
    """An observer that tells OpenTelemetry about finished calls. Spans are children of the span that is current where the call was made."""

    def __init__(self, tracers: TracerProvider | None = None, meters: MeterProvider | None = None) -> None:
        """Use these providers; without them those that the program has set up for all."""
        self._tracer = (tracers or trace.get_tracer_provider()).get_tracer("routerkit")
        meter = (meters or metrics.get_meter_provider()).get_meter("routerkit")
        self._providers = (tracers, meters)
        self._duration_s = meter.create_histogram(
            "gen_ai.client.operation.duration", "s", "Duration of calls.", explicit_bucket_boundaries_advisory=_SECONDS
        )
        self._first_s = meter.create_histogram(
            "gen_ai.client.operation.time_to_first_chunk", "s", "Wait for the first content.", explicit_bucket_boundaries_advisory=_SECONDS
        )
        self._tokens = meter.create_histogram(
            "gen_ai.client.token.usage", "{token}", "Tokens used.", explicit_bucket_boundaries_advisory=_TOKENS
        )
        self._usd = meter.create_counter("routerkit.cost", "{USD}", "Dollars spent, failed attempts included.")
        self._unpriced = meter.create_counter("routerkit.unpriced_calls", "{call}", "Calls whose cost is unknown.")

    def observe(self, event: Record | Report) -> None:
        """Tell about a finished call."""
        if isinstance(event, Record):
            self._trace(event)
            self._measure(event)

    def close(self) -> None:
        """Send what was not sent yet, if the providers are ours alone."""
        for provider in self._providers:
            shutdown = getattr(provider, "shutdown", None)
            if shutdown is not None:
                shutdown()

    def _trace(self, record: Record) -> None:
        operation, began = _operation(record), _ns(record.at)
        name = f"{operation} {record.request.model}"
        span = self._tracer.start_span(name, kind=SpanKind.CLIENT, attributes=_call_attributes(record), start_time=began)
        if not span.is_recording():
            return
        inside = trace.set_span_in_context(span)
        for attempt in record.attempts:
            start = began + int(attempt.offset_s * _NS)
            attributes = _attempt_attributes(attempt, operation)
            child = self._tracer.start_span(
                f"{operation} {attempt.model}", inside, kind=SpanKind.CLIENT, attributes=attributes, start_time=start
            )
            _end(child, attempt.error_code, start + int(attempt.latency_s * _NS))
        _end(span, _error_type(record), began + int(record.latency_s * _NS))

    def _measure(self, record: Record) -> None:
        labels: Attributes = {
            "gen_ai.operation.name": _operation(record),
            "gen_ai.provider.name": "routerkit",
            "gen_ai.request.model": record.request.model,
            "routerkit.pool": record.decision.pool,
        }
        labels |= _known({"gen_ai.response.model": record.model, "routerkit.target": record.target})
        self._tokens.record(record.usage.input_tokens, labels | {"gen_ai.token.type": "input"})
        self._tokens.record(record.usage.output_tokens, labels | {"gen_ai.token.type": "output"})
        if record.cost_usd is None:
            self._unpriced.add(1, labels)
        else:
            self._usd.add(record.cost_usd, labels)
        labels |= _known({"error.type": _error_type(record)})
        self._duration_s.record(record.latency_s, labels)
        last = record.attempts[-1] if record.attempts else None
        if last is not None and last.first_token_s is not None:
            self._first_s.record(last.offset_s + last.first_token_s, labels)


def exporting(endpoint: str, service_name: str) -> Telemetry:
    """An observer that sends to a collector, by OTLP over HTTP, in a thread of its own.

    Args:
        endpoint: Like `http://127.0.0.1:4318`.
        service_name: What the collector calls this program, unless `OTEL_SERVICE_NAME` says otherwise.

    Raises:
        ModuleNotFoundError: OpenTelemetry's SDK or its exporter is not installed.
    """
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter  # brings protobuf and requests
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.metrics import MeterProvider as SdkMeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider as SdkTracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    base, resource = endpoint.rstrip("/"), Resource.create({"service.name": os.environ.get("OTEL_SERVICE_NAME", service_name)})
    tracers = SdkTracerProvider(resource=resource)
    tracers.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{base}/v1/traces")))
    reader = PeriodicExportingMetricReader(OTLPMetricExporter(f"{base}/v1/metrics"))
    return Telemetry(tracers, SdkMeterProvider([reader], resource=resource))


def _call_attributes(record: Record) -> Attributes:
    request, decision = record.request, record.decision
    return {
        "gen_ai.operation.name": _operation(record),
        "gen_ai.provider.name": "routerkit",
        "gen_ai.request.model": request.model,
        "gen_ai.request.stream": record.is_stream,
        "gen_ai.response.id": record.id,
        "routerkit.pool": decision.pool,
        "routerkit.policy": decision.policy,
        "routerkit.attempts": len(record.attempts),
        "routerkit.is_fallback": record.target is not None and record.target != decision.picked,
        **_usage_attributes(record.usage),
        **_known(
            {
                "gen_ai.request.max_tokens": request.max_tokens,
                "gen_ai.request.temperature": request.temperature,
                "gen_ai.response.model": record.model,
                "gen_ai.response.finish_reasons": (record.finish_reason,) if record.finish_reason else None,
                "gen_ai.conversation.id": request.session,
                "gen_ai.agent.name": request.agent,
                "routerkit.kind": decision.features.kind,
                "routerkit.rule": decision.rule,
                "routerkit.target": record.target,
                "routerkit.cost_usd": record.cost_usd,
                "routerkit.cached_from": record.cached_from,
                "routerkit.cached_likeness": record.cached_likeness,
                "error.type": _error_type(record),
            }
        ),
    }


def _attempt_attributes(attempt: Attempt, operation: str) -> Attributes:
    return {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": "routerkit",
        "gen_ai.request.model": attempt.model,
        "routerkit.target": attempt.target,
        "routerkit.purpose": attempt.purpose,
        **_usage_attributes(attempt.usage),
        **_known(
            {
                "gen_ai.response.time_to_first_chunk": attempt.first_token_s,
                "http.response.status_code": attempt.status,
                "routerkit.cost_usd": attempt.cost_usd,
                "error.type": attempt.error_code,
            }
        ),
    }


def _usage_attributes(usage: Usage | None) -> Attributes:
    if usage is None:
        return {}
    return {
        "gen_ai.usage.input_tokens": usage.input_tokens,
        "gen_ai.usage.output_tokens": usage.output_tokens,
        "gen_ai.usage.cache_read.input_tokens": usage.cached_input_tokens,
        "gen_ai.usage.cache_creation.input_tokens": usage.cache_write_tokens,
        "gen_ai.usage.reasoning.output_tokens": usage.reasoning_tokens,
    }


def _known(facts: Mapping[str, str | bool | float | tuple[str, ...] | None]) -> Attributes:
    """What is known; unknown is left out, never 0."""
    return {name: value for name, value in facts.items() if value is not None}


def _operation(record: Record) -> str:
    return "embeddings" if record.request.inputs else "chat"


def _error_type(record: Record) -> str | None:
    if record.status == "ok":
        return None
    last = record.attempts[-1].error_code if record.attempts else None
    return last or ("cancelled" if record.status == "cancelled" else "no_candidate")


def _end(span: Span, error: str | None, at: int) -> None:
    if error is not None:
        span.set_status(Status(StatusCode.ERROR, error))
    span.end(at)


def _ns(at: datetime) -> int:
    return int(at.timestamp() * _NS)
