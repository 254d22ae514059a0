"""The one fold of an account's facts: live, in recovery and in verification the same events give the same book."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

import msgspec

from fairlead.core.model import events as ev
from fairlead.core.model.account import Balance, MarginMode, Position, PositionMode, PositionSide, SubPosition
from fairlead.core.model.drift import Drift
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.loss import LossState
from fairlead.core.model.money import ZERO
from fairlead.core.model.order import OUTSIDE, Fill, Order, OrderStatus
from fairlead.core.model.protection import ProtectionChanged
from fairlead.core.model.request import Side, TimeInForce
from fairlead.core.model.state import RequestState, State
from fairlead.core.rules import drift_list as drifts
from fairlead.core.rules import order_state
from fairlead.core.rules.holdings import Holdings
from fairlead.core.rules.loss_state import fold_loss
from fairlead.core.rules.order_shelf import OrderShelf
from fairlead.core.rules.order_state import InvariantBroken
from fairlead.core.rules.request_state import RequestLedger
from fairlead.core.rules.sub_books import SubBooks
from fairlead.core.rules.trade_log import TradeLog

# What RATE and DUP can see: no limit on orders per minute can be enforced beyond this many.
RECENT_ORDERS_MAX: Final = 1024
ADJUSTMENTS_KEPT_MAX: Final = 256

Instruments = Mapping[str, Instrument]
LeverageKey = tuple[str, MarginMode, PositionSide]


class RecentOrder(msgspec.Struct, frozen=True, array_like=True):
    """An order approved lately, for the checks that count and compare."""

    at_ms: int
    symbol: str
    side: Side
    position_side: PositionSide
    quantity: Decimal
    limit_price: Decimal | None
    request_id: str
    source: str
    strategy: str = ""

    @classmethod
    def of(cls, order: Order) -> RecentOrder:
        """What is remembered of an order."""
        return cls(
            order.created_ms,
            order.symbol,
            order.side,
            order.position_side,
            order.quantity,
            order.limit_price,
            order.request_id,
            order.source_id,
            order.strategy_id,
        )


class AccountBook:
    """Everything known about one account. Not a copy of the venue's view: the sum of the journaled facts.

    ``orders`` are the open ones, oldest first; ``positions`` the non-flat ones; ``requests`` those that are pending,
    have live orders or will plan further legs. ``leverages`` are the venue's settings as far as they are known.
    ``drifts`` are differences to the venue by id, ``drift`` a line for each that keeps the account from adding risk;
    ``recovery`` is how it was opened last; ``protection`` who takes care of what is open, where that was noted.
    """

    __slots__ = (
        "account_id",
        "adjustments",
        "drift",
        "drifts",
        "holdings",
        "is_adopted",
        "ledger",
        "leverages",
        "losses",
        "position_mode",
        "protection",
        "recent",
        "recovery",
        "shelf",
        "sub_books",
        "tenant",
        "trades",
        "version",
    )

    def __init__(self, *, tenant: str, account_id: str, position_mode: PositionMode = PositionMode.NET) -> None:
        """Start empty; the first facts are the venue's own view (``AccountAdopted``)."""
        self.tenant = tenant
        self.account_id = account_id
        self.position_mode = position_mode
        self.is_adopted = False
        self.drift: tuple[str, ...] = ()
        self.drifts: dict[str, Drift] = {}
        self.recovery: ev.AccountRecovered | None = None
        self.protection: ProtectionChanged | None = None
        self.leverages: dict[LeverageKey, Decimal] = {}
        self.recent: deque[RecentOrder] = deque(maxlen=RECENT_ORDERS_MAX)
        self.shelf = OrderShelf()
        self.holdings = Holdings(tenant, account_id)
        self.sub_books = SubBooks()
        self.ledger = RequestLedger()
        self.adjustments: dict[str, None] = {}
        self.losses = LossState()
        self.trades = TradeLog()
        self.version = 0

    @property
    def orders(self) -> dict[str, Order]:
        """Open orders by id, in the order of their creation."""
        return self.shelf.open

    @property
    def positions(self) -> dict[tuple[str, PositionSide], Position]:
        """Holdings of perpetuals, without flat ones."""
        return self.holdings.positions

    @property
    def balances(self) -> dict[str, Balance]:
        """Cash by currency."""
        return self.holdings.balances

    @property
    def requests(self) -> dict[str, RequestState]:
        """Requests that something may still come of."""
        return self.ledger.open

    def apply(self, event: ev.AccountEvent, instruments: Instruments) -> list[State]:
        """Add one fact; returns the states that changed, each as the row to store, none for a repeat.

        Raises:
            InvariantBroken: the fact cannot be true beside those before it.
        """
        self.version += 1
        match event:
            case ev.OrderFilled():
                return self._fill_order(event, instruments)
            case ev.OrderAccepted() | ev.OrderCanceled() | ev.OrderRejected() | ev.OrderUnknown() | ev.OrderExpired():
                return self._follow_order(event, instruments)
            case ev.OrderApproved():
                return self._approve(event, instruments)
            case ev.OrderRequested():
                return [*self.ledger.queue(event.request)]
            case ev.RequestDenied() | ev.RequestSkipped() | ev.RequestExpired():
                return [*self.ledger.end(event)]
            case ev.CancelRequested():
                return [*self.ledger.begin(event.request_id, event.at_ms)]
            case ev.RequestWarned():
                return [*self.ledger.warn(event)]
            case ev.VenueOrderBorn():
                return self._bear_order(event, instruments)
            case _:
                return self._apply_to_account(event, instruments)

    def _apply_to_account(self, event: _AccountWide, instruments: Instruments) -> list[State]:
        match event:
            case ev.CashAdjusted():
                return self._adjust_cash(event)
            case ev.LeverageChanged():
                self.leverages[event.symbol, event.margin_mode, event.position_side] = event.leverage
                changed = self.holdings.set_leverage(event, self._instrument(event.symbol, instruments))
                return [*changed, *self.holdings.drain_touched()]
            case ev.AccountAdopted():
                return self._adopt(event, instruments)
            case ev.PositionAdopted():
                return self._adopt_position(event, instruments)
            case ev.DriftFound() | ev.DriftSettled():
                self._follow_drift(event)
                return []
            case ev.AccountRecovered():
                self.recovery = event
                return []
            case ProtectionChanged():
                self.protection = event
                return []
            case ev.DeskRebuilt():
                return []
            case _:
                self.losses = fold_loss(self.losses, event)
                return []

    def _fill_order(self, event: ev.OrderFilled, instruments: Instruments) -> list[State]:
        fill = event.fill
        before = self.shelf.find(fill.order_id)
        # Not ours, or done so long ago that this can only be a repeat.
        if before is None:
            return []
        instrument = self._instrument(before.symbol, instruments)
        after = order_state.apply(before, event, instrument)
        if after is before:
            return []
        held = self.positions.get((after.symbol, after.position_side))
        positions = self.holdings.fill(after, fill, instrument)
        self.trades.note_fill(after, fill, held, positions, instrument)
        shares = self._share_fill(after, fill, instrument, positions)
        self.shelf.put(after)
        self.holdings.hold_for(after, instrument)
        requests = self.ledger.follow(after, fill.at_ms)
        return [after, *positions, *shares, *self.holdings.drain_touched(), *requests]

    def _follow_order(self, event: _OrderNews, instruments: Instruments) -> list[State]:
        before = self.shelf.find(event.order_id)
        if before is None:
            return []
        instrument = self._instrument(before.symbol, instruments)
        after = order_state.apply(before, event, instrument)
        if after is before:
            return []
        self.shelf.put(after)
        if after.is_terminal is not before.is_terminal:
            self.holdings.hold_for(after, instrument)
        return [after, *self.holdings.drain_touched(), *self.ledger.follow(after, event.at_ms)]

    def _approve(self, event: ev.OrderApproved, instruments: Instruments) -> list[State]:
        order = event.order
        if order.order_id in self.shelf:
            return []
        instrument = self._instrument(order.symbol, instruments)
        order = self.holdings.fix_opening(order, instrument)
        self.shelf.put(order)
        self.holdings.hold_for(order, instrument)
        self.recent.append(RecentOrder.of(order))
        self.trades.note_order(order, instrument)
        return [order, *self.holdings.drain_touched(), *self.ledger.add_order(order, more=event.more)]

    def _bear_order(self, event: ev.VenueOrderBorn, instruments: Instruments) -> list[State]:
        report = event.report
        known = self.shelf.find(report.order_id)
        if known is not None:
            return self._grow_order(known, report.quantity)
        parent = self.shelf.find(report.parent_id)
        instrument = self._instrument(report.symbol, instruments)
        order = Order(
            order_id=report.order_id,
            request_id="" if parent is None else parent.request_id,
            tenant=self.tenant,
            account_id=self.account_id,
            symbol=report.symbol,
            side=report.side,
            position_side=report.position_side,
            margin_mode=report.margin_mode,
            leverage=ZERO if parent is None else parent.leverage,
            order_type=report.order_type,
            time_in_force=TimeInForce.GTC,
            quantity=report.quantity,
            deadline_ms=0,
            created_ms=report.at_ms,
            updated_ms=report.at_ms,
            # A liquidation and a protection only ever take away; spot knows no such flag.
            reduce_only=not instrument.is_spot and report.origin != OUTSIDE,
            limit_price=report.limit_price,
            stop_loss_price=report.stop_loss_price,
            take_profit_price=report.take_profit_price,
            status=OrderStatus.ACCEPTED,
            venue_order_id=report.venue_order_id,
            parent_id=report.parent_id,
            origin=report.origin,
            source_id="" if parent is None else parent.source_id,
            strategy_id="" if parent is None else parent.strategy_id,
        )
        self.shelf.put(order)
        return [order]

    def _grow_order(self, order: Order, quantity: Decimal) -> list[State]:
        # A protection follows what its order has filled.
        if order.is_terminal or quantity <= order.quantity:
            return []
        grown = msgspec.structs.replace(order, quantity=quantity)
        self.shelf.put(grown)
        return [grown]

    def _adjust_cash(self, event: ev.CashAdjusted) -> list[State]:
        if event.adjustment in self.adjustments:
            return []
        self.adjustments[event.adjustment] = None
        if len(self.adjustments) > ADJUSTMENTS_KEPT_MAX:
            del self.adjustments[next(iter(self.adjustments))]
        return [*self.holdings.adjust(event), *self.holdings.drain_touched()]

    def _adopt(self, event: ev.AccountAdopted, instruments: Instruments) -> list[State]:
        self.tenant = self.holdings.tenant = event.tenant
        self.position_mode = event.position_mode
        self.is_adopted = True
        self.drift, self.drifts = (), {}
        for theirs in event.positions:
            if theirs.leverage:
                self.leverages[self.leverage_key(theirs.symbol, theirs.margin_mode, theirs.position_side)] = (
                    theirs.leverage
                )
        before = {key: self._held(key, instruments) for key in self.sub_books.keys}
        traded = [self._instrument(theirs.symbol, instruments) for theirs in event.positions]
        positions = self.holdings.adopt(event, traded)
        shares: list[SubPosition] = []
        for key, held in before.items():
            lot = self._instrument(key[0], instruments).lot_size
            shares += self.sub_books.follow(key, before=held, after=self._held(key, instruments), lot=lot)
        return [*positions, *shares, *self.holdings.drain_touched()]

    def _adopt_position(self, event: ev.PositionAdopted, instruments: Instruments) -> list[State]:
        theirs = event.position
        instrument = self._instrument(theirs.symbol, instruments)
        if theirs.leverage:
            key = self.leverage_key(theirs.symbol, theirs.margin_mode, theirs.position_side)
            self.leverages[key] = theirs.leverage
        place = (theirs.symbol, theirs.position_side)
        before = self._held(place, instruments)
        positions = self.holdings.adopt_position(theirs, instrument)
        after = self._held(place, instruments)
        shares = self.sub_books.follow(place, before=before, after=after, lot=instrument.lot_size)
        return [*positions, *shares, *self.holdings.drain_touched()]

    def _follow_drift(self, event: ev.DriftFound | ev.DriftSettled) -> None:
        match event:
            case ev.DriftFound():
                self.drifts = {drift.drift_id: drift for drift in event.drifts}
                self.drift = event.differences
            case ev.DriftSettled():
                self.drifts = drifts.settle(self.drifts, event)
                self.drift = drifts.texts_of(self.drifts.values())

    def _share_fill(
        self,
        order: Order,
        fill: Fill,
        instrument: Instrument,
        positions: list[Position],
    ) -> list[SubPosition]:
        is_spot = instrument.is_spot
        grows = (order.side is Side.BUY) is not (order.position_side is PositionSide.SHORT)
        change = fill.quantity if grows else -fill.quantity
        if not is_spot:
            after = positions[0].quantity
        else:
            change -= fill.fee if fill.fee_currency == instrument.base_currency else ZERO
            after = self.holdings.balances[instrument.base_currency].total
        return self.sub_books.fill(order, after=after, change=change, lot=instrument.lot_size, is_spot=is_spot)

    def _held(self, key: tuple[str, PositionSide], instruments: Instruments) -> Decimal:
        instrument = self._instrument(key[0], instruments)
        if instrument.is_spot:
            balance = self.balances.get(instrument.base_currency)
            return ZERO if balance is None else balance.total
        position = self.positions.get(key)
        return ZERO if position is None else position.quantity

    def leverage_key(self, symbol: str, margin_mode: MarginMode, position_side: PositionSide) -> LeverageKey:
        """Which setting counts: one a side only for isolated margin in long/short mode (OKX API v5)."""
        per_side = margin_mode is MarginMode.ISOLATED and self.position_mode is PositionMode.LONG_SHORT
        return (symbol, margin_mode, position_side if per_side else PositionSide.NET)

    def _instrument(self, symbol: str, instruments: Instruments) -> Instrument:
        instrument = instruments.get(symbol)
        if instrument is None:
            raise InvariantBroken(f"account {self.account_id} trades {symbol}, which no instrument list has")
        return instrument


_OrderNews = ev.OrderAccepted | ev.OrderCanceled | ev.OrderRejected | ev.OrderUnknown | ev.OrderExpired
_AccountWide = (
    ev.CashAdjusted
    | ev.LeverageChanged
    | ev.AccountAdopted
    | ev.PositionAdopted
    | ev.DriftFound
    | ev.DriftSettled
    | ev.AccountRecovered
    | ev.DeskRebuilt
    | ProtectionChanged
    | ev.LossEvent
)
