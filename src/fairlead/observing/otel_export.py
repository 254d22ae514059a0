"""Timelines as OpenTelemetry spans: every id is derived from the alert's, every time was measured."""

from __future__ import annotations

from hashlib import blake2b
from importlib.metadata import version
from typing import Final

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Span, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import Status, StatusCode, set_span_in_context

from fairlead.observing.path_lines import SUCCESSES
from fairlead.observing.redaction import Redactor
from fairlead.observing.timeline import Leg, Timeline, trace_id

SPANS_WAITING_MAX: Final = 8_192
SPANS_PER_CALL_MAX: Final = 512
SEND_EVERY_MS: Final = 1_000
SEND_S_MAX: Final = 2.0
FLUSH_MS_MAX: Final = 3_000
PATH: Final = "/v1/traces"
_SPAN_ID_BYTES: Final = 8
_NS_PER_MS: Final = 1_000_000
_NS_PER_S: Final = 1_000_000_000


class OtelExport:
    """Sends spans from a thread of its own."""

    def __init__(self, url: str) -> None:
        """``url`` is the collector's; the path of traces is added where it is missing."""
        self._ids = _DerivedIds()
        self._redactor = Redactor()
        resource = Resource({"service.name": "fairlead", "service.version": version("fairlead")})
        self._provider = TracerProvider(id_generator=self._ids, resource=resource, shutdown_on_exit=False)
        endpoint = url if url.endswith(PATH) else url.rstrip("/") + PATH
        self._provider.add_span_processor(
            BatchSpanProcessor(
                OTLPSpanExporter(endpoint=endpoint, timeout=SEND_S_MAX),
                max_queue_size=SPANS_WAITING_MAX,
                max_export_batch_size=SPANS_PER_CALL_MAX,
                schedule_delay_millis=SEND_EVERY_MS,
            )
        )
        self._tracer = self._provider.get_tracer("fairlead")

    def send(self, timeline: Timeline) -> None:
        """Queue the spans of an alert; what finds no place is dropped."""
        self._ids.begin(timeline.alert_id)
        moments = _Moments(timeline)
        alert = self._start("alert", moments, timeline.began_s, None)
        alert.set_attribute("fairlead.verdict", timeline.verdict)
        alert.set_attribute("http.response.status_code", timeline.status_code)
        for step, began_s, ended_s in timeline.alert_steps():
            self._add(step, moments, began_s, ended_s, alert)
        for leg in timeline.legs.values():
            self._send_leg(timeline, leg, moments, alert)
        alert.end(moments.at_ns(timeline.ended_s))

    def close(self) -> None:
        """Send what waits, for a while, and end."""
        self._provider.force_flush(FLUSH_MS_MAX)
        self._provider.shutdown()

    def _send_leg(self, timeline: Timeline, leg: Leg, moments: _Moments, alert: Span) -> None:
        steps = list(timeline.leg_steps(leg))
        if not steps:
            return
        request = self._start("request", moments, steps[0][1], alert)
        request.set_attribute("fairlead.account", self._redactor.redact_text(leg.account))
        request.set_attribute("fairlead.request_id", leg.request_id)
        request.set_attribute("fairlead.status", leg.status)
        if leg.status and leg.status not in SUCCESSES:
            request.set_status(Status(StatusCode.ERROR))
        for step, began_s, ended_s in steps:
            self._add(step, moments, began_s, ended_s, request)
        for call in leg.calls:
            span = self._start(call.call, moments, call.began_s, request)
            span.set_attribute("fairlead.order_id", call.order_id)
            span.set_attribute("fairlead.outcome", call.outcome)
            span.end(moments.at_ns(call.ended_s))
        request.end(moments.at_ns(steps[-1][2]))

    def _add(self, step: str, moments: _Moments, began_s: float, ended_s: float, parent: Span) -> None:
        self._start(step, moments, began_s, parent).end(moments.at_ns(ended_s))

    def _start(self, name: str, moments: _Moments, began_s: float, parent: Span | None) -> Span:
        around = Context() if parent is None else set_span_in_context(parent, Context())
        span = self._tracer.start_span(name, context=around, start_time=moments.at_ns(began_s))
        assert isinstance(span, Span), span
        return span


class _Moments:
    """Monotonic seconds of one alert as UTC nanoseconds."""

    def __init__(self, timeline: Timeline) -> None:
        self._began_s = timeline.began_s
        self._began_ns = timeline.began_ms * _NS_PER_MS

    def at_ns(self, at_s: float) -> int:
        return self._began_ns + round((at_s - self._began_s) * _NS_PER_S)


class _DerivedIds(IdGenerator):
    """Sending the same alert again gives the same ids."""

    def __init__(self) -> None:
        self._alert_id = ""
        self._number = 0

    def begin(self, alert_id: str) -> None:
        self._alert_id = alert_id
        self._number = 0

    def generate_trace_id(self) -> int:
        return int(trace_id(self._alert_id), 16)

    def generate_span_id(self) -> int:
        self._number += 1
        text = f"{self._alert_id}:{self._number}"
        return int.from_bytes(blake2b(text.encode(), digest_size=_SPAN_ID_BYTES).digest())
