"""Facts that the simulated exchange reports, in the order in which they happened."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import msgspec

from fairlead.core.model.account import MarginMode, PositionSide
from fairlead.core.model.order import Liquidity
from fairlead.core.model.request import Side
from fairlead.simulator.orders import CancelReason, OrderCategory, OrderStatus


class BalanceReason(StrEnum):
    """Why cash moved."""

    TRADE = "trade"
    FUNDING = "funding"
    LIQUIDATION = "liquidation"
    DEPOSIT = "deposit"
    WITHDRAWAL = "withdrawal"
    INSURANCE = "insurance"


class OrderOpened(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The order is live, or waits for its trigger. ``parent_id`` names the venue order it was attached to."""

    account_id: str
    client_order_id: str
    venue_order_id: str
    symbol: str
    side: Side
    status: OrderStatus
    category: OrderCategory
    parent_id: str
    at_ms: int


class OrderFilled(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """One execution; ``fee`` positive = paid; ``is_last`` when the order is filled by it."""

    account_id: str
    client_order_id: str
    venue_order_id: str
    symbol: str
    side: Side
    trade_id: str
    price: Decimal
    quantity: Decimal
    filled_quantity: Decimal
    fee: Decimal
    fee_currency: str
    liquidity: Liquidity
    realized_pnl: Decimal
    is_last: bool
    at_ms: int


class OrderCanceled(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The rest of the order is gone."""

    account_id: str
    client_order_id: str
    venue_order_id: str
    symbol: str
    reason: CancelReason
    filled_quantity: Decimal
    at_ms: int


class OrderAmended(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Quantity or prices of a pending order changed."""

    account_id: str
    client_order_id: str
    venue_order_id: str
    symbol: str
    quantity: Decimal
    limit_price: Decimal | None
    at_ms: int


class OrderRejectedByEngine(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """An order that had been taken could not act when its trigger fired."""

    account_id: str
    client_order_id: str
    venue_order_id: str
    symbol: str
    code: str
    message: str
    at_ms: int


class TriggerFired(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A waiting order became live; ``leg`` is ``stop_loss`` or ``take_profit``."""

    account_id: str
    client_order_id: str
    venue_order_id: str
    symbol: str
    leg: str
    trigger_price: Decimal
    at_ms: int


class BalanceChanged(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Cash of one currency moved by ``change`` to ``total``; ``venue_order_id`` names the order, if one did it."""

    account_id: str
    currency: str
    change: Decimal
    total: Decimal
    reason: BalanceReason
    symbol: str
    venue_order_id: str
    at_ms: int


class PositionChanged(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A holding is now this; ``quantity`` is signed: long positive, short negative, in either position mode."""

    account_id: str
    symbol: str
    margin_mode: MarginMode
    position_side: PositionSide
    quantity: Decimal
    entry_price: Decimal
    margin: Decimal
    leverage: Decimal
    realized_pnl: Decimal
    at_ms: int


class LeverageChanged(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Leverage of an instrument is now this."""

    account_id: str
    symbol: str
    margin_mode: MarginMode
    position_side: PositionSide
    leverage: Decimal
    at_ms: int


ExchangeEvent = (
    OrderOpened
    | OrderFilled
    | OrderCanceled
    | OrderAmended
    | OrderRejectedByEngine
    | TriggerFired
    | BalanceChanged
    | PositionChanged
    | LeverageChanged
)
