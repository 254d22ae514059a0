"""The private channels: orders, fills, cash and holdings of the account that has logged in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from fairlead.core.model.account import MarginMode, PositionSide
from fairlead.simulator import events as ev
from fairlead.simulator.account import PositionKey
from fairlead.simulator.okx.catalogue import family_of, type_of
from fairlead.simulator.okx.keys import ApiKey
from fairlead.simulator.okx.rows.algo import algo_row
from fairlead.simulator.okx.rows.balance import balance_row, changed_row
from fairlead.simulator.okx.rows.position import position_id, position_row
from fairlead.simulator.okx.rows.push import fill_push_row, push_row
from fairlead.simulator.okx.sockets.channel import Channel, Place, Push, Subscription
from fairlead.simulator.okx.sockets.hub import Hub
from fairlead.simulator.okx.words import ALGO_TYPES
from fairlead.simulator.orders import Order, OrderStatus, OrderType

if TYPE_CHECKING:
    from fairlead.simulator.okx.venue import OkxVenue

FULL_SET_EVERY_MS: Final = 5_000
"""Account and positions are told whole this often, unless a subscriber asked for changes only."""

_PRIVATE: Final = frozenset({Place.PRIVATE})
_SNAPSHOT: Final = {"eventType": "snapshot", "curPage": 1, "lastPage": True}
_UPDATE: Final = {"eventType": "event_update"}
_OrderNews = ev.OrderOpened | ev.OrderFilled | ev.OrderCanceled | ev.OrderAmended | ev.TriggerFired


def _first_account(venue: OkxVenue, wanted: Subscription, key: ApiKey | None) -> Sequence[Push]:
    assert key is not None
    currencies = (wanted.currency,) if wanted.currency else ()
    return (Push(data=[balance_row(venue, key.account_id, currencies)], extra=_SNAPSHOT),)


def _first_positions(venue: OkxVenue, wanted: Subscription, key: ApiKey | None) -> Sequence[Push]:
    assert key is not None
    rows = [
        {**position_row(venue, view), "pTime": str(venue.now_ms())}
        for view in venue.exchange.accounts.positions(key.account_id)
        if _covers(venue, wanted, view.symbol)
    ]
    return (Push(data=rows, extra=_SNAPSHOT),)


def _first_both(venue: OkxVenue, _wanted: Subscription, key: ApiKey | None) -> Sequence[Push]:
    assert key is not None
    accounts = venue.exchange.accounts
    cash = [_cash_row(venue, key.account_id, name) for name in accounts.balances(key.account_id)]
    held = [_held_row(position_row(venue, view)) for view in accounts.positions(key.account_id)]
    return (Push(data=[_both_row(venue, "snapshot", cash=cash, held=held)]),)


CHANNELS: Final = (
    Channel(name="orders", places=_PRIVATE, names=("instType",), needs_login=True, is_counted=True),
    Channel(name="fills", places=_PRIVATE, needs_login=True),
    Channel(name="account", places=_PRIVATE, needs_login=True, is_counted=True, first=_first_account),
    Channel(
        name="positions",
        places=_PRIVATE,
        names=("instType",),
        needs_login=True,
        is_counted=True,
        first=_first_positions,
    ),
    Channel(name="balance_and_position", places=_PRIVATE, needs_login=True, is_counted=True, first=_first_both),
    Channel(name="liquidation-warning", places=_PRIVATE, names=("instType",), needs_login=True, is_counted=True),
    Channel(name="account-greeks", places=_PRIVATE, needs_login=True, is_counted=True),
    *(
        Channel(name=name, places=frozenset({Place.BUSINESS}), names=("instType",), needs_login=True)
        for name in ("orders-algo", "algo-advance")
    ),
)


_KINDS: Final = {
    ev.BalanceReason.TRADE: "filled",
    ev.BalanceReason.FUNDING: "funding_fee",
    ev.BalanceReason.LIQUIDATION: "liquidation",
    ev.BalanceReason.INSURANCE: "liquidation",
    ev.BalanceReason.DEPOSIT: "transferred",
    ev.BalanceReason.WITHDRAWAL: "transferred",
}


class _Changes:
    """What facts changed of one account's cash and holdings, and why."""

    def __init__(self) -> None:
        self.kind = "filled"
        self.currencies: dict[str, None] = {}
        self.holdings: dict[str, ev.PositionChanged] = {}
        self.trades: list[dict[str, str]] = []


class PrivatePushes:
    """Tells members what the exchange did with their accounts."""

    def __init__(self, venue: OkxVenue, hub: Hub) -> None:
        """Listen to the venue."""
        self._venue = venue
        self._hub = hub
        self._whole_ms = venue.now_ms()
        self._position_ids: dict[tuple[str, str], str] = {}
        venue.listen(self.tell)

    def tell(self, events: Sequence[ev.ExchangeEvent]) -> None:
        """Tell about facts, in their order."""
        changes: dict[str, _Changes] = {}
        for event in events:
            # Rows cost more than orders: none is made for an account that nobody listens to.
            if not self._hub.is_heard(event.account_id):
                self._note_position(event)
                continue
            change = changes.setdefault(event.account_id, _Changes())
            match event:
                case ev.OrderOpened() | ev.OrderFilled() | ev.OrderCanceled() | ev.OrderAmended() | ev.TriggerFired():
                    self._tell_order(event)
                    if isinstance(event, ev.OrderFilled):
                        change.trades.append({"instId": event.symbol, "tradeId": event.trade_id})
                case ev.BalanceChanged():
                    change.currencies[event.currency] = None
                    change.kind = _KINDS[event.reason]
                case ev.PositionChanged():
                    change.holdings[_key(event.symbol, event.position_side, event.margin_mode)] = event
                case ev.LeverageChanged():
                    change.kind = "set_leverage"
                case _:
                    pass
        for account_id, change in changes.items():
            if change.currencies or change.holdings:
                self._tell_books(account_id, change)

    def tell_whole(self) -> None:
        """Tell account and positions whole, when it is time."""
        if self._venue.now_ms() - self._whole_ms < FULL_SET_EVERY_MS:
            return
        self._whole_ms = self._venue.now_ms()
        for name, first in (("account", _first_account), ("positions", _first_positions)):
            for listener, wanted in self._hub.heard(name):
                if '"updateInterval":"0"' not in wanted.extra.replace(" ", "") and listener.key is not None:
                    self._hub.tell(listener, wanted, first(self._venue, wanted, listener.key))

    def _tell_order(self, event: _OrderNews) -> None:
        venue = self._venue
        order = venue.exchange.accounts.find_venue_order(event.account_id, event.venue_order_id)
        if order is None:
            return
        if order.wish.order_type in ALGO_TYPES and _is_of_algo(order, event):
            instrument = venue.catalogue.find(order.symbol)
            assert instrument is not None
            row = algo_row(_as_algo(order, event), instrument, venue.notes.of(order.venue_order_id))
            channel = "algo-advance" if order.wish.order_type is OrderType.TRAILING_STOP else "orders-algo"
            self._send(channel, event.account_id, order.symbol, row)
        if _is_asleep(order, event):
            return
        self._send("orders", event.account_id, order.symbol, push_row(venue, order, event))
        if isinstance(event, ev.OrderFilled):
            self._send("fills", event.account_id, order.symbol, fill_push_row(event))

    def _send(self, channel: str, account_id: str, symbol: str, row: dict[str, Any]) -> None:
        push = Push(data=[row])
        for listener, wanted in self._hub.heard_by(channel, account_id):
            if _covers(self._venue, wanted, symbol):
                self._hub.tell(listener, wanted, (push,))

    def _tell_books(self, account_id: str, change: _Changes) -> None:
        venue, hub = self._venue, self._hub
        currencies = tuple(change.currencies)
        rows = self._position_rows(account_id, change.holdings)
        for listener, wanted in hub.heard_by("account", account_id):
            if currencies and wanted.currency in {"", *currencies}:
                asked = (wanted.currency,) if wanted.currency else currencies
                row = changed_row(venue, account_id, asked)
                hub.tell(listener, wanted, (Push(data=[row], extra=_UPDATE),))
        for listener, wanted in hub.heard_by("positions", account_id):
            told = [row for row in rows if _covers(venue, wanted, row["instId"])]
            if told:
                hub.tell(listener, wanted, (Push(data=told, extra=_UPDATE),))
        for listener, wanted in hub.heard_by("balance_and_position", account_id):
            cash = [_cash_row(venue, account_id, currency) for currency in currencies]
            held = [_held_row(row) for row in rows]
            both = _both_row(venue, change.kind, cash=cash, held=held) | {"trades": change.trades}
            hub.tell(listener, wanted, (Push(data=[both]),))

    def _note_position(self, event: ev.ExchangeEvent) -> None:
        # Whoever begins to listen before a position ends must hear of its end under its number.
        if not isinstance(event, ev.PositionChanged):
            return
        place = PositionKey(event.symbol, event.margin_mode, event.position_side)
        number = self._venue.exchange.accounts.position_number(event.account_id, place)
        key = (event.account_id, _key(event.symbol, event.position_side, event.margin_mode))
        if number is None:
            self._position_ids.pop(key, None)
        else:
            self._position_ids[key] = position_id(number)

    def _position_rows(self, account_id: str, holdings: dict[str, ev.PositionChanged]) -> list[dict[str, Any]]:
        venue = self._venue
        now = str(venue.now_ms())
        views = {
            _key(view.symbol, view.position_side, view.margin_mode): view
            for view in venue.exchange.accounts.positions(account_id)
        }
        rows = []
        for key, event in holdings.items():
            row = position_row(venue, views[key]) if key in views else _flat_row(event)
            # One that is gone from the books keeps the number that it was told under.
            number = self._position_ids.pop((account_id, key), row["posId"]) if key not in views else row["posId"]
            if key in views:
                self._position_ids[account_id, key] = number
            rows.append({**row, "posId": number, "pTime": now})
        return rows


def _key(symbol: str, side: PositionSide, mode: MarginMode) -> str:
    return f"{symbol} {side} {mode}"


def _is_asleep(order: Order, event: _OrderNews) -> bool:
    # What waits for a trigger is told by the channels of algo orders.
    if order.wish.order_type not in ALGO_TYPES:
        return False
    never_fired = order.triggered_ms is None or event.at_ms < order.triggered_ms
    return never_fired or (isinstance(event, ev.OrderOpened) and event.status is OrderStatus.WAITING)


def _is_of_algo(order: Order, event: _OrderNews) -> bool:
    # What happens to the order that it has sent is no news of the algo order.
    return isinstance(event, ev.TriggerFired) or _is_asleep(order, event)


def _as_algo(order: Order, event: _OrderNews) -> Order:
    match event:
        case ev.OrderOpened():
            return msgspec.structs.replace(order, status=OrderStatus.WAITING, triggered_ms=None)
        case ev.TriggerFired():
            return msgspec.structs.replace(order, status=OrderStatus.LIVE, triggered_ms=event.at_ms)
        case _:
            return order


def _covers(venue: OkxVenue, wanted: Subscription, symbol: str) -> bool:
    instrument = venue.catalogue.find(symbol)
    if instrument is None:
        return False
    return (
        wanted.instrument_type in {"", "ANY", type_of(instrument)}
        and wanted.family in {"", family_of(instrument)}
        and wanted.symbol in {"", symbol}
    )


def _cash_row(venue: OkxVenue, account_id: str, currency: str) -> dict[str, Any]:
    row = changed_row(venue, account_id, (currency,))
    (detail,) = row["details"]
    return {"ccy": currency, "cashBal": detail["cashBal"], "uTime": detail["uTime"]}


def _held_row(row: dict[str, Any]) -> dict[str, Any]:
    names = ("posId", "tradeId", "instId", "instType", "mgnMode", "posSide", "pos", "ccy", "posCcy", "avgPx", "uTime")
    return {name: row[name] for name in names}


def _both_row(venue: OkxVenue, kind: str, *, cash: Sequence[object], held: Sequence[object]) -> dict[str, Any]:
    return {"pTime": str(venue.now_ms()), "eventType": kind, "balData": cash, "posData": held, "trades": []}


def _flat_row(event: ev.PositionChanged) -> dict[str, Any]:
    # It is gone from the books: what is told is that nothing is left.
    return {
        "instType": "SWAP",
        "instId": event.symbol,
        "posId": position_id(0),
        "mgnMode": event.margin_mode.value,
        "posSide": event.position_side.value,
        "pos": "0",
        "availPos": "",
        "avgPx": "",
        "lever": str(event.leverage),
        "ccy": "",
        "posCcy": "",
        "tradeId": "",
        "upl": "0",
        "cTime": str(event.at_ms),
        "uTime": str(event.at_ms),
    }
