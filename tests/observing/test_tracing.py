"""Spans as a real collector receives them."""

from __future__ import annotations

import socket
import sys
import time

import pytest

from fairlead.observing.timeline import Leg, Timeline, VenueCall, trace_id
from fairlead.observing.tracing import TracingMissingError, open_export
from tests.observing.collector import collecting

ALERT = "0192f3a9c1dfedcba9876543210"
BEGAN_MS = 1_764_000_000_000


def timeline(account: str = "first") -> Timeline:
    made = Timeline(alert_id=ALERT, began_s=100.0, began_ms=BEGAN_MS, is_answer_due=True, verdict="accepted")
    made.marks = {"kept": 100.002, "handled": 100.003, "submitted": 100.004}
    leg = Leg(alert_id=ALERT, request_id="r1", account=account, status="filled")
    leg.marks = {"decided": 100.005, "approved": 100.006, "sent": 100.007, "acknowledged": 100.009, "filled": 100.010}
    leg.calls = [
        VenueCall(order_id="o1", call="place_order", outcome="accepted", began_s=100.007, ended_s=100.009),
    ]
    made.legs = {"r1": leg}
    made.answered_s = 100.012
    return made


def test_an_alert_is_one_trace_with_the_times_that_were_measured() -> None:
    with collecting() as collector:
        export = open_export(collector.url)
        export.send(timeline())
        export.close()
        spans = {span.name: span for span in collector.wait_for(11)}
    assert set(collector.paths) == {"/v1/traces"}
    assert collector.services == {"fairlead"}
    assert {span.trace_id.hex() for span in spans.values()} == {trace_id(ALERT)}
    alert, request, call = spans["alert"], spans["request"], spans["place_order"]
    assert alert.start_time_unix_nano == BEGAN_MS * 1_000_000
    assert alert.end_time_unix_nano - alert.start_time_unix_nano == 12_000_000
    assert call.end_time_unix_nano - call.start_time_unix_nano == 2_000_000
    assert not alert.parent_span_id
    assert request.parent_span_id == spans["kept"].parent_span_id == alert.span_id
    assert call.parent_span_id == spans["filled"].parent_span_id == request.span_id


def test_the_same_alert_sent_again_has_the_same_ids_and_no_two_spans_share_one() -> None:
    with collecting() as collector:
        export = open_export(f"{collector.url}/v1/traces")
        export.send(timeline())
        export.send(timeline())
        export.close()
        ids = [span.span_id for span in collector.wait_for(22)]
    assert len(set(ids)) == 11


def test_no_span_holds_a_secret() -> None:
    secret = "flh_31GPj4XTsgtb-opAPEqXquDNeiYHrMIaXPGvHKoozEk"
    with collecting() as collector:
        export = open_export(collector.url)
        export.send(timeline(account=f"first {secret}"))
        export.close()
        collector.wait_for(11)
    assert secret.encode() not in collector.raw
    assert b"first ***" in collector.raw


@pytest.mark.slow
def test_a_collector_that_is_away_holds_nobody_up() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        export = open_export(f"http://127.0.0.1:{taken.getsockname()[1]}")
        began_s = time.monotonic()
        for _ in range(100):
            export.send(timeline())
        assert time.monotonic() - began_s < 2
        export.close()
        assert time.monotonic() - began_s < 12


def test_without_the_extra_the_start_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "fairlead.observing.otel_export", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.resources", None)
    with pytest.raises(TracingMissingError, match=r"pip install 'fairlead\[otel\]'"):
        open_export("http://127.0.0.1:4318")
