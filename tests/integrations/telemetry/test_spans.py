import json

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import StatusCode

from livery.integrations.telemetry.spans import FinishedSpans

VOLATILE = {"context", "end_time"}


def exported(provider: TracerProvider) -> InMemorySpanExporter:
    exporter = InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return exporter


def test_a_span_reads_like_one_of_the_sdk() -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    exporter = exported(provider)
    with provider.get_tracer("livery").start_as_current_span("execute_tool add") as theirs:
        theirs.set_attribute("livery.status", "succeeded")
    FinishedSpans(provider, "livery").add(
        "execute_tool add", theirs.start_time, {"livery.status": "succeeded"}, None
    )
    one, other = exporter.get_finished_spans()
    assert other.end_time >= other.start_time == one.start_time
    first, second = (
        {k: v for k, v in json.loads(span.to_json()).items() if k not in VOLATILE}
        for span in (one, other)
    )
    assert first == second
    assert one.instrumentation_scope == other.instrumentation_scope
    assert one.context.trace_flags.sampled
    assert other.context.trace_flags.sampled
    assert other.context.is_valid


def test_it_continues_the_current_trace() -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    exporter = exported(provider)
    with provider.get_tracer("door").start_as_current_span("POST /v1/runs") as above:
        FinishedSpans(provider, "livery").add("execute_tool add", 1, {}, None)
    inner, outer = exporter.get_finished_spans()
    assert inner.parent == above.get_span_context()
    assert inner.context.trace_id == outer.context.trace_id
    assert inner.context.span_id != outer.context.span_id


def test_an_error_is_its_status() -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    exporter = exported(provider)
    FinishedSpans(provider, "livery").add("execute_tool add", 1, {}, "policy_denied")
    (span,) = exporter.get_finished_spans()
    assert span.status.status_code is StatusCode.ERROR
    assert span.status.description == "policy_denied"


def test_the_sampler_is_asked() -> None:
    provider = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False)
    exporter = exported(provider)
    FinishedSpans(provider, "livery").add("execute_tool add", 1, {}, None)
    assert exporter.get_finished_spans() == ()
