"""What OpenTelemetry is told about calls: the conventions' names, parents and times, and never a prompt."""

from __future__ import annotations

from dataclasses import replace

import pytest

pytest.importorskip("opentelemetry.sdk")

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from routerkit import ProviderError
from routerkit.telemetry import Telemetry
from routerkit.testing import ScriptedProvider, make_reply, make_request, make_router, make_target


class Heard:
    """Everything OpenTelemetry was told."""

    def __init__(self) -> None:
        self._spans, self._reader = InMemorySpanExporter(), InMemoryMetricReader()
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self._spans))
        self.telemetry = Telemetry(self.tracers, MeterProvider([self._reader]))

    @property
    def spans(self):
        """By name, the call's last."""
        return self._spans.get_finished_spans()

    def metric(self, name: str):
        data = self._reader.get_metrics_data()
        return [
            point
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == name
            for point in metric.data.data_points
        ]


@pytest.fixture
def heard():
    return Heard()


def router(heard, a, b=None):
    providers = {"a": ScriptedProvider(a), "b": ScriptedProvider(b or [make_reply()])}
    return make_router(providers, targets=[make_target("a", usd=2.0), make_target("b", usd=None)], observers=[heard.telemetry])


ASK = replace(make_request("the secret prompt"), agent="planner", session="s1", temperature=0.0, max_tokens=9)


def test_call_is_a_span_with_the_conventions_attributes(heard):
    reply = router(heard, [make_reply("the secret answer")]).complete(ASK)
    span = heard.spans[-1]
    assert ("chat pool", "CLIENT", StatusCode.UNSET) == (span.name, span.kind.name, span.status.status_code)
    wanted = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "routerkit",
        "gen_ai.request.model": "pool",
        "gen_ai.request.max_tokens": 9,
        "gen_ai.request.temperature": 0.0,
        "gen_ai.response.model": "test-model",
        "gen_ai.response.id": reply.record_id,
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 10,
        "gen_ai.usage.output_tokens": 5,
        "gen_ai.conversation.id": "s1",
        "gen_ai.agent.name": "planner",
        "routerkit.target": "a",
        "routerkit.attempts": 1,
        "routerkit.cost_usd": pytest.approx(3e-05),
    }
    assert wanted == {name: span.attributes[name] for name in wanted}


def test_attempts_are_children_in_their_order_and_failed_ones_say_why(heard):
    router(heard, [ProviderError("no", code="auth", status=401)]).complete(ASK)
    first, second, call = heard.spans
    assert ("auth", 401, "a", StatusCode.ERROR) == (
        first.attributes["error.type"],
        first.attributes["http.response.status_code"],
        first.attributes["routerkit.target"],
        first.status.status_code,
    )
    assert ("b", StatusCode.UNSET) == (second.attributes["routerkit.target"], second.status.status_code)
    assert {call.context.span_id} == {first.parent.span_id, second.parent.span_id}
    assert (True, StatusCode.UNSET) == (call.attributes["routerkit.is_fallback"], call.status.status_code)
    assert call.start_time <= first.start_time <= second.start_time <= second.end_time <= call.end_time


def test_unknown_cost_is_left_out_and_counted(heard):
    router(heard, [ProviderError("no", code="auth")]).complete(ASK)
    assert "routerkit.cost_usd" not in heard.spans[-1].attributes
    assert [1] == [point.value for point in heard.metric("routerkit.unpriced_calls")]


@pytest.mark.parametrize(("error", "said"), [("invalid_request", "invalid_request"), ("content_filter", "content_filter")])
def test_failed_call_is_an_error_without_its_text(heard, error, said):
    with pytest.raises(ProviderError):
        router(heard, [ProviderError("about sk-canary", code=error)]).complete(ASK)
    call = heard.spans[-1]
    assert (StatusCode.ERROR, said, said) == (call.status.status_code, call.status.description, call.attributes["error.type"])


def test_neither_prompt_nor_answer_nor_error_text_is_told(heard):
    here = router(heard, [make_reply("the secret answer"), ProviderError("about the secret", code="invalid_request")])
    here.complete(ASK)
    with pytest.raises(ProviderError):
        here.complete(ASK)
    assert "secret" not in "".join(span.to_json() for span in heard.spans)


def test_span_is_a_child_of_the_callers_own(heard):
    with heard.tracers.get_tracer("app").start_as_current_span("agent step") as outer:
        router(heard, [make_reply()]).complete(ASK)
    call = next(span for span in heard.spans if span.name == "chat pool")
    assert outer.get_span_context().span_id == call.parent.span_id


def test_metrics_have_the_conventions_names_buckets_and_labels(heard):
    here = router(heard, [make_reply()])
    here.complete(ASK)
    list(here.stream(ASK))
    (duration,) = heard.metric("gen_ai.client.operation.duration")
    assert (2, 0.01, 81.92) == (duration.count, duration.explicit_bounds[0], duration.explicit_bounds[-1])
    assert "a" == duration.attributes["routerkit.target"]
    tokens = {point.attributes["gen_ai.token.type"]: point.sum for point in heard.metric("gen_ai.client.token.usage")}
    assert {"input": 20, "output": 10} == tokens
    assert [1] == [point.count for point in heard.metric("gen_ai.client.operation.time_to_first_chunk")]
    assert [pytest.approx(6e-05)] == [point.value for point in heard.metric("routerkit.cost")]
