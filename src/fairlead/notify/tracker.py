"""Folds journal rows into subjects that people are told about: a cause with its requests, an order, an event.

It reads no database. What it remembers between two rows can be written down and read back, so that a restart goes on
at the cursor as if nothing had happened.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from fairlead.core.model import events as ev
from fairlead.core.model.account import Position
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.order import Order
from fairlead.notify.account_news import ACCOUNT_NEWS
from fairlead.notify.ledger import FillSum, Ledger
from fairlead.ports import JournalRow
from fairlead.store.queries.notifications import CURSOR, POSITION

ORDERS_REMEMBERED_MAX: Final = 10_000
_CAUSE: Final = "cause:"
_FILLS: Final = "fills:"

_encode: Final = msgspec.json.Encoder().encode
_OrderNews = ev.OrderAccepted | ev.OrderRejected | ev.OrderCanceled | ev.OrderExpired


class OpenCause(msgspec.Struct, frozen=True, kw_only=True):
    """A cause (an alert above all) whose requests are not all settled, or that was not told yet.

    ``verdict`` and what follows are set for alerts. ``is_announced`` once its people were told that it takes long.
    """

    cause: str
    tenant: str
    since_ms: int
    request_ids: tuple[str, ...] = ()
    verdict: str = ""
    reason_code: str = ""
    detail: str = ""
    symbol: str = ""
    is_announced: bool = False


class Tracker:
    """Everything that was read and is not told yet."""

    def __init__(self, instruments: Mapping[str, Instrument]) -> None:
        """Start with nothing; ``instruments`` is a live view."""
        self.seq = 0
        self.ledger = Ledger()
        self.causes: dict[str, OpenCause] = {}
        self.sums: dict[str, FillSum] = {}
        self.touched_causes: dict[str, None] = {}
        self.touched_orders: dict[str, None] = {}
        self.news: list[JournalRow] = []
        self._instruments = instruments
        self._orders: OrderedDict[str, Order] = OrderedDict()
        self._cause_of: dict[str, str] = {}
        self._changed: dict[str, None] = {}
        self._stored: set[str] = set()

    def restore(self, state: Mapping[str, bytes]) -> None:
        """Go on from what was written down."""
        self.seq = msgspec.json.decode(state[CURSOR], type=int)
        self._stored = set(state)
        positions = []
        for name, body in state.items():
            if name.startswith(_CAUSE):
                self._open(msgspec.json.decode(body, type=OpenCause))
            elif name.startswith(_FILLS):
                self.sums[name.removeprefix(_FILLS)] = msgspec.json.decode(body, type=FillSum)
            elif name.startswith(POSITION):
                positions.append(msgspec.json.decode(body, type=Position))
        self.ledger = Ledger(positions)
        self._changed.clear()
        self.touched_causes.update(dict.fromkeys(self.causes))

    def drain(self) -> Mapping[str, bytes | None]:
        """What is to be written down since the last drain, by name; None is to be forgotten."""
        state: dict[str, bytes | None] = {CURSOR: _encode(self.seq)}
        for (account_id, symbol, side), position in self.ledger.changed.items():
            state[f"{POSITION}{account_id}|{symbol}|{side}"] = None if position is None else _encode(position)
        for name in self._changed:
            state[name] = self._write(name)
        self.ledger.changed.clear()
        self._changed.clear()
        known = {name: body for name, body in state.items() if body is not None or name in self._stored}
        self._stored.update(name for name, body in known.items() if body is not None)
        self._stored.difference_update(name for name, body in known.items() if body is None)
        return known

    def find_strangers(self, rows: Iterable[JournalRow]) -> list[str]:
        """Orders that these rows speak of and that are not known here: their rows are to be taught first."""
        own: set[str] = set()
        strangers: dict[str, None] = {}
        for row in rows:
            match row.event:
                case ev.OrderApproved() as event:
                    own.add(event.order.order_id)
                case ev.OrderFilled() as event:
                    strangers[event.fill.order_id] = None
                case ev.OrderAccepted() | ev.OrderRejected() | ev.OrderCanceled() | ev.OrderExpired() as event:
                    strangers[event.order_id] = None
                case _:
                    pass
        return [order_id for order_id in strangers if order_id not in own and order_id not in self._orders]

    def teach(self, orders: Iterable[Order]) -> None:
        """Learn who orders belong to; what came of them meanwhile does not matter."""
        for order in orders:
            self._orders[order.order_id] = order
            self._orders.move_to_end(order.order_id)
        while len(self._orders) > ORDERS_REMEMBERED_MAX:
            self._orders.popitem(last=False)

    def apply(self, row: JournalRow) -> None:
        """Add one row."""
        self.seq = row.seq
        event = row.event
        match event:
            case ev.AlertHandled():
                self._handle(row.tenant, event)
            case ev.OrderRequested():
                self._request(row, event)
            case ev.RequestDenied() | ev.RequestSkipped() | ev.RequestExpired():
                self._touch_request(event.request_id)
            case ev.OrderApproved():
                self.teach([event.order])
                self._touch_request(event.order.request_id)
            case ev.OrderFilled():
                self._fill(event)
            case ev.OrderAccepted() | ev.OrderRejected() | ev.OrderCanceled() | ev.OrderExpired():
                self._follow(event)
            case ev.AccountAdopted():
                self.ledger.adopt(event)
            case ev.PositionAdopted():
                self.ledger.adopt_position(event)
            case _:
                pass
        if type(event) in ACCOUNT_NEWS:
            self.news.append(row)

    def close(self, cause: OpenCause) -> None:
        """Forget a cause: all of it was told."""
        self.causes.pop(cause.cause, None)
        for request_id in cause.request_ids:
            self._cause_of.pop(request_id, None)
        self._changed[f"{_CAUSE}{cause.cause}"] = None

    def announce(self, cause: OpenCause) -> None:
        """Note that people were told that a cause takes long."""
        self._open(msgspec.structs.replace(cause, is_announced=True))

    def forget_fills(self, order_id: str) -> None:
        """Forget what an order's fills added up to: it was told, and nothing more can come."""
        if self.sums.pop(order_id, None) is not None:
            self._changed[f"{_FILLS}{order_id}"] = None

    def _open(self, cause: OpenCause) -> None:
        self.causes[cause.cause] = cause
        self._cause_of.update(dict.fromkeys(cause.request_ids, cause.cause))
        self.touched_causes[cause.cause] = None
        self._changed[f"{_CAUSE}{cause.cause}"] = None

    def _handle(self, tenant: str, event: ev.AlertHandled) -> None:
        cause = OpenCause(
            cause=event.alert_id,
            tenant=tenant,
            since_ms=event.at_ms,
            request_ids=event.request_ids,
            verdict=event.verdict,
            reason_code=event.reason_code,
            detail=event.detail,
            symbol=event.mapping[1],
        )
        self._open(cause)

    def _request(self, row: JournalRow, event: ev.OrderRequested) -> None:
        request = event.request
        known = self.causes.get(request.cause)
        if known is None:
            known = OpenCause(cause=request.cause, tenant=row.tenant, since_ms=row.at_ms, symbol=request.symbol)
        if request.request_id not in known.request_ids:
            known = msgspec.structs.replace(known, request_ids=(*known.request_ids, request.request_id))
        self._open(known)

    def _touch_request(self, request_id: str) -> bool:
        cause = self._cause_of.get(request_id)
        if cause is not None:
            self.touched_causes[cause] = None
        return cause is not None

    def _follow(self, event: _OrderNews) -> None:
        order = self._orders.get(event.order_id)
        # What the venue made for one of ours is told by itself: nobody waits for it.
        if order is None or order.origin or not self._touch_request(order.request_id):
            self.touched_orders[event.order_id] = None

    def _fill(self, event: ev.OrderFilled) -> None:
        fill = event.fill
        order = self._orders.get(fill.order_id)
        if order is None:
            return
        instrument = self._instruments.get(order.symbol)
        realized = self.ledger.fill(order, fill, instrument)
        currency = "" if instrument is None else instrument.settle_currency
        self.sums[fill.order_id] = self.sums.get(fill.order_id, FillSum()).add(fill, realized, currency)
        self._changed[f"{_FILLS}{fill.order_id}"] = None
        if order.origin or not self._touch_request(order.request_id):
            self.touched_orders[fill.order_id] = None

    def _write(self, name: str) -> bytes | None:
        cause = self.causes.get(name.removeprefix(_CAUSE)) if name.startswith(_CAUSE) else None
        sums = self.sums.get(name.removeprefix(_FILLS)) if name.startswith(_FILLS) else None
        kept = cause if cause is not None else sums
        return None if kept is None else _encode(kept)
