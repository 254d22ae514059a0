"""Watches the order path from its seams: what was stored, what the venue was asked, what was answered."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final

from fairlead.core.model import events as ev
from fairlead.core.model.state import RequestState
from fairlead.observing.histogram import Histogram, Histograms
from fairlead.observing.path_lines import PathLines
from fairlead.observing.tally import Tally
from fairlead.observing.timeline import Leg, Timeline, VenueCall, Walk
from fairlead.ports import AppendOutcome, Clock, Committed, Unit

TIMELINES_MAX: Final = 20_000
# A request is valid for at most three minutes; after this nothing is expected any more.
TIMELINE_S_MAX: Final = 300.0

# Facts about one order, and what a line about them is called.
_ORDER_LINES: Final[dict[type, str]] = {
    ev.OrderAccepted: "order_accepted",
    ev.OrderRejected: "order_rejected",
    ev.OrderUnknown: "order_unknown",
    ev.OrderCanceled: "order_canceled",
    ev.OrderExpired: "order_expired",
}


_OrderChanged = ev.OrderAccepted | ev.OrderRejected | ev.OrderUnknown | ev.OrderCanceled | ev.OrderExpired


class PathWatch:
    """Counts and times everything; it decides nothing, and nothing waits for it."""

    def __init__(
        self,
        *,
        clock: Clock,
        lines: PathLines,
        label_of: Callable[[str], str],
        finished: Callable[[Timeline], None] | None = None,
    ) -> None:
        """``label_of`` names an account for its owner; ``finished`` hears of every alert that is over."""
        self.tally = Tally()
        self.steps = Histograms()
        self.venue_calls = Histograms()
        self.alert_seconds = Histogram()
        self.send_seconds = Histogram()
        self.cut = 0
        self._clock = clock
        self._lines = lines
        self._label_of = label_of
        self._finished = finished
        self._open: OrderedDict[str, Timeline] = OrderedDict()
        self._legs: dict[str, Leg] = {}
        self._orders: dict[str, Leg] = {}
        self._notes: dict[type, Callable[[Any, float, float], None]] = {
            ev.AlertReceived: self._on_received,
            ev.AlertHandled: self._on_handled,
            ev.OrderRequested: self._on_requested,
            ev.OrderApproved: self._on_approved,
            ev.OrderFilled: self._on_filled,
            **dict.fromkeys((ev.RequestDenied, ev.RequestSkipped, ev.RequestExpired), self._on_declined),
            **dict.fromkeys(_ORDER_LINES, self._on_order_changed),
        }

    @property
    def open(self) -> int:
        """Alerts under way."""
        return len(self._open)

    def on_unit(self, unit: Unit, outcome: AppendOutcome, queued_s: float, stored_s: float) -> None:
        """A unit was stored, or refused."""
        self.tally.count_unit(unit, outcome)
        if not isinstance(outcome, Committed):
            return
        for fact in unit.facts:
            kind = type(fact.event)
            if kind in self._notes:
                self._notes[kind](fact.event, queued_s, stored_s)
        for state in unit.states:
            if type(state) is RequestState and not state.is_pending:
                self._on_settled(state, stored_s)

    def on_venue_call(self, call: VenueCall) -> None:
        """A venue was asked about an order, and has answered, or not."""
        self.venue_calls[call.call, call.outcome].observe(call.ended_s - call.began_s)
        leg = self._orders.get(call.order_id)
        if leg is None:
            return
        leg.calls.append(call)
        if call.call == "place_order":
            leg.mark_first("sent", call.began_s)
            leg.mark_first("acknowledged", call.ended_s)
        self._lines.venue_called(leg, call)

    def on_answer(self, call_id: str, status_code: int, began_s: float, ended_s: float) -> None:
        """A caller was answered; most calls are no alerts."""
        timeline = self._open.get(call_id)
        if timeline is not None:
            timeline.began_ms -= round((timeline.began_s - began_s) * 1000)
            timeline.began_s = began_s
            timeline.answered_s = ended_s
            timeline.status_code = status_code
            self._close_if_over(timeline)

    def _on_received(self, event: ev.AlertReceived, queued_s: float, stored_s: float) -> None:
        self._begin(event.alert_id, queued_s, is_answer_due=True).marks["kept"] = stored_s

    def _on_declined(
        self, event: ev.RequestDenied | ev.RequestSkipped | ev.RequestExpired, queued_s: float, _: float
    ) -> None:
        leg = self._legs.get(event.request_id)
        if leg is not None:
            leg.mark_first("decided", queued_s)

    def _on_approved(self, event: ev.OrderApproved, queued_s: float, stored_s: float) -> None:
        order = event.order
        leg = self._legs.get(order.request_id)
        if leg is not None:
            self._orders[order.order_id] = leg
            leg.order_ids.append(order.order_id)
            leg.mark_first("decided", queued_s)
            leg.mark_first("approved", stored_s)
            self._lines.order_changed("order_approved", order.order_id, leg)

    def _on_filled(self, event: ev.OrderFilled, _: float, stored_s: float) -> None:
        leg = self._orders.get(event.fill.order_id)
        if leg is not None:
            leg.marks["filled"] = stored_s
            self._lines.order_changed("order_filled", event.fill.order_id, leg)

    def _on_order_changed(self, event: _OrderChanged, _: float, __: float) -> None:
        leg = self._orders.get(event.order_id)
        if leg is not None:
            self._lines.order_changed(_ORDER_LINES[type(event)], event.order_id, leg)

    def _begin(self, alert_id: str, at_s: float, *, is_answer_due: bool) -> Timeline:
        ago_ms = round((self._clock.monotonic_s() - at_s) * 1000)
        timeline = Timeline(
            alert_id=alert_id,
            began_s=at_s,
            began_ms=self._clock.now_ms() - ago_ms,
            is_answer_due=is_answer_due,
        )
        self._open[alert_id] = timeline
        first = next(iter(self._open.values()))
        if len(self._open) > TIMELINES_MAX or at_s - first.began_s > TIMELINE_S_MAX:
            self.cut += 1
            self._close(first)
        self._lines.alert_began(alert_id)
        return timeline

    def _on_handled(self, event: ev.AlertHandled, queued_s: float, stored_s: float) -> None:
        # One that an earlier run has kept and answered begins here.
        timeline = self._open.get(event.alert_id) or self._begin(event.alert_id, queued_s, is_answer_due=False)
        timeline.verdict = event.verdict
        timeline.marks["handled"] = queued_s
        timeline.marks["submitted"] = stored_s
        timeline.pending.update(event.request_ids)
        self._close_if_over(timeline)

    def _on_requested(self, event: ev.OrderRequested, _: float, __: float) -> None:
        request = event.request
        timeline = self._open.get(request.cause)
        if timeline is None:
            return
        label = self._label_of(request.account_id)
        leg = Leg(alert_id=timeline.alert_id, request_id=request.request_id, account=label)
        timeline.legs[leg.request_id] = leg
        self._legs[leg.request_id] = leg
        self._lines.leg_began(leg)

    def _on_settled(self, state: RequestState, stored_s: float) -> None:
        leg = self._legs.get(state.request.request_id)
        if leg is None:
            return
        timeline = self._open[leg.alert_id]
        leg.status = state.status
        leg.marks["settled"] = stored_s
        if leg.request_id in timeline.pending:
            timeline.pending.discard(leg.request_id)
            self._lines.leg_ended(leg, timeline.marks["submitted"], stored_s)
        self._close_if_over(timeline)

    def _close_if_over(self, timeline: Timeline) -> None:
        if timeline.is_over:
            self._close(timeline)

    def _close(self, timeline: Timeline) -> None:
        del self._open[timeline.alert_id]
        for leg in timeline.legs.values():
            del self._legs[leg.request_id]
            for order_id in leg.order_ids:
                self._orders.pop(order_id, None)
        walk = timeline.measure()
        self._measure(walk)
        self._lines.alert_ended(walk)
        if self._finished is not None:
            self._finished(timeline)

    def _measure(self, walk: Walk) -> None:
        self.alert_seconds.observe(walk.duration_s)
        for step, began_s, ended_s in walk.steps:
            self.steps[(step,)].observe(ended_s - began_s)
        for leg, steps in walk.legs:
            for step, began_s, ended_s in steps:
                self.steps[(step,)].observe(ended_s - began_s)
            if "sent" in leg.marks:
                self.send_seconds.observe(leg.marks["sent"] - walk.timeline.began_s)
