"""What happened, counted from the facts that were stored: plain numbers, read when somebody asks."""

from __future__ import annotations

from collections import Counter, OrderedDict
from typing import Final

from fairlead.core.model import events as ev
from fairlead.core.model.state import RequestState
from fairlead.ports import AppendOutcome, Committed, DuplicateKey, Unit

SETTLED_REMEMBERED_MAX: Final = 10_000
# Venues have many codes; each name is a series, so there must be an end to them.
REASONS_MAX: Final = 200
OTHER_REASON: Final = "other"

_ORDER_EVENTS: Final[dict[type, str]] = {
    ev.OrderApproved: "approved",
    ev.OrderAccepted: "accepted",
    ev.OrderRejected: "rejected",
    ev.OrderUnknown: "unknown",
    ev.OrderCanceled: "canceled",
    ev.OrderExpired: "expired",
    ev.VenueOrderBorn: "made_by_venue",
}


class Tally:
    """Counts since the start of the process."""

    def __init__(self) -> None:
        """Start at zero."""
        self.alerts_received = 0
        self.duplicates = 0
        self.fills = 0
        self.drifts = 0
        self.rebuilds = 0
        self.verdicts: Counter[str] = Counter()
        self.requests: Counter[tuple[str, str]] = Counter()
        self.orders: Counter[str] = Counter()
        self.units: Counter[str] = Counter()
        self._reasons: set[str] = set()
        self._settled: OrderedDict[str, str] = OrderedDict()

    def count_unit(self, unit: Unit, outcome: AppendOutcome) -> None:
        """Count what a unit says, if it was stored."""
        if not isinstance(outcome, Committed):
            self.units["duplicate" if isinstance(outcome, DuplicateKey) else "not_stored"] += 1
            return
        self.units["committed"] += 1
        for fact in unit.facts:
            self._count(fact.event)
        for state in unit.states:
            if type(state) is RequestState and not state.is_pending:
                self._count_settled(state)

    def _count(self, event: ev.Event) -> None:
        name = _ORDER_EVENTS.get(type(event))
        if name is not None:
            self.orders[name] += 1
            return
        match event:
            case ev.OrderFilled():
                self.fills += 1
                self.orders["filled"] += event.is_last
            case ev.AlertReceived():
                self.alerts_received += 1
            case ev.AlertHandled():
                self.verdicts[event.verdict] += 1
            case ev.AlertDuplicated():
                self.duplicates += 1
            case ev.DriftFound():
                # A row without differences says that they are gone.
                self.drifts += bool(event.differences)
            case ev.DeskRebuilt():
                self.rebuilds += 1
            case _:
                pass

    def _count_settled(self, state: RequestState) -> None:
        """Count each end of a request once; one that rests and fills later has two."""
        request_id = state.request.request_id
        if self._settled.get(request_id) == state.status:
            return
        self._settled[request_id] = state.status
        if len(self._settled) > SETTLED_REMEMBERED_MAX:
            self._settled.popitem(last=False)
        self.requests[state.status.value, self._name_reason(state.reason_code)] += 1

    def _name_reason(self, reason: str) -> str:
        if reason not in self._reasons:
            if len(self._reasons) >= REASONS_MAX:
                return OTHER_REASON
            self._reasons.add(reason)
        return reason
