"""A caller's trace goes on in the gateway's spans."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("opentelemetry.sdk")

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from routerkit.telemetry import Telemetry
from tests.gateway.conftest import dialled
from tests.gateway.test_refusals import OK, post

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.fixture
def spans(make_served):
    """The gateway, and the spans of its calls."""
    heard = InMemorySpanExporter()
    tracers = TracerProvider()
    tracers.add_span_processor(SimpleSpanProcessor(heard))
    served = make_served()
    served.more = (Telemetry(tracers),)
    served.start()
    return served, heard.get_finished_spans


@pytest.mark.parametrize("stream", [False, True])
def test_span_of_a_call_is_a_child_of_its_callers(spans, stream):
    served, told = spans
    with dialled(served) as connection:  # the trace must not stay with the connection
        for parent in (PARENT, None, "nonsense"):
            headers = {"traceparent": f"00-{TRACE}-{parent}-01"} if parent else {}
            connection.request("POST", "/v1/chat/completions", json.dumps({**OK, "stream": stream}), headers)
            connection.getresponse().read()
    calls = [span for span in told() if "routerkit.pool" in span.attributes]
    first, *others = [(span.context.trace_id, span.parent and span.parent.span_id) for span in calls]
    assert (int(TRACE, 16), int(PARENT, 16)) == first
    assert [None, None] == [parent for _, parent in others]
    assert int(TRACE, 16) not in [trace for trace, _ in others]


def test_callers_choice_not_to_record_is_kept(spans):
    served, told = spans
    assert 200 == post(served, json.dumps(OK).encode(), {"traceparent": f"00-{TRACE}-{PARENT}-00"})[0]
    assert () == told()
