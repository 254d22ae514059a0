"""One account of the simulated exchange: cash, positions, leverage, and its orders by id."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from fairlead.core.model.account import MarginMode, PositionMode, PositionSide
from fairlead.core.model.money import ZERO
from fairlead.core.model.request import Side

if TYPE_CHECKING:
    from fairlead.simulator.orders import Order


class PositionKey(NamedTuple):
    """Which holding: instrument, where its margin is, and net or a side."""

    symbol: str
    margin_mode: MarginMode
    position_side: PositionSide


class Position(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One holding of a perpetual. ``quantity`` is signed in either position mode; ``margin`` only when isolated.

    ``entry_cost`` is the exact sum that ``entry_price`` is the average of. ``realized_pnl``, ``fee`` (positive = paid)
    and ``funding`` (positive = received) count since the position was opened.
    """

    symbol: str
    margin_mode: MarginMode
    position_side: PositionSide
    leverage: Decimal
    quantity: Decimal = ZERO
    entry_price: Decimal = ZERO
    entry_cost: Decimal = ZERO
    margin: Decimal = ZERO
    realized_pnl: Decimal = ZERO
    fee: Decimal = ZERO
    funding: Decimal = ZERO
    number: int = 0
    opened_ms: int = 0
    updated_ms: int = 0

    @property
    def key(self) -> PositionKey:
        """Which holding this is."""
        return PositionKey(self.symbol, self.margin_mode, self.position_side)


class Account:
    """The whole state of one account; nobody else's is reachable from it."""

    __slots__ = (
        "account_id",
        "client_ids_used",
        "finished",
        "finished_by_client",
        "leverages",
        "pending",
        "pending_by_client",
        "position_mode",
        "positions",
        "reserved",
        "totals",
    )

    def __init__(self, account_id: str, position_mode: PositionMode) -> None:
        """Start empty."""
        self.account_id = account_id
        self.position_mode = position_mode
        self.totals: dict[str, Decimal] = {}
        self.reserved: dict[str, Decimal] = {}
        self.positions: dict[PositionKey, Position] = {}
        self.leverages: dict[PositionKey, Decimal] = {}
        self.pending: dict[str, Order] = {}
        self.pending_by_client: dict[str, Order] = {}
        self.finished: dict[str, Order] = {}
        self.finished_by_client: dict[str, Order] = {}
        # A set in the order of use.
        self.client_ids_used: dict[str, None] = {}

    def leverage_key(self, symbol: str, margin_mode: MarginMode, position_side: PositionSide) -> PositionKey:
        """Which leverage counts: one per side only when isolated in long/short mode (OKX API v5)."""
        per_side = margin_mode is MarginMode.ISOLATED and self.position_mode is PositionMode.LONG_SHORT
        return PositionKey(symbol, margin_mode, position_side if per_side else PositionSide.NET)

    def is_closing(self, key: PositionKey, side: Side) -> bool:
        """Whether an order of this side would shrink the position."""
        position = self.positions.get(key)
        if position is None:
            return False
        return (position.quantity > ZERO) is (side is Side.SELL)

    def hold(self, order: Order, currency: str, amount: Decimal) -> None:
        """Reserve cash for an order, replacing what it held before."""
        held = self.reserved.get(order.reserved_currency, ZERO) - order.reserved
        if order.reserved_currency:
            self.reserved[order.reserved_currency] = held
        order.reserved, order.reserved_currency = amount, currency
        if currency:
            self.reserved[currency] = self.reserved.get(currency, ZERO) + amount

    def release(self, order: Order) -> None:
        """Give back what an order still holds."""
        if order.reserved:
            self.reserved[order.reserved_currency] -= order.reserved
            order.reserved = ZERO

    def use_client_id(self, client_order_id: str, kept_max: int) -> None:
        """Take an id for good, which is for as long as so many newer ones leave room."""
        self.client_ids_used[client_order_id] = None
        while len(self.client_ids_used) > kept_max:
            del self.client_ids_used[next(iter(self.client_ids_used))]

    def remember(self, order: Order, kept_max: int) -> list[Order]:
        """Keep a finished order for a while; returns those that are kept no longer, the oldest first."""
        forgotten = []
        self.finished[order.venue_order_id] = order
        if order.client_order_id:
            self.finished_by_client[order.client_order_id] = order
        while len(self.finished) > kept_max:
            oldest = self.finished.pop(next(iter(self.finished)))
            if self.finished_by_client.get(oldest.client_order_id) is oldest:
                del self.finished_by_client[oldest.client_order_id]
            forgotten.append(oldest)
        return forgotten
