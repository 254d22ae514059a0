"""Our words for what OKX calls otherwise, both ways."""

from __future__ import annotations

from typing import Final

from fairlead.core.model.account import MarginMode, PositionSide
from fairlead.core.model.request import Side
from fairlead.core.rules.matching import SelfTradePrevention
from fairlead.simulator.orders import CancelReason, OrderCategory, OrderStatus, OrderType, TriggerSource

SIDES: Final = {"buy": Side.BUY, "sell": Side.SELL}
TRADE_MODES: Final = {mode.value: mode for mode in MarginMode}
POSITION_SIDES: Final = {side.value: side for side in PositionSide}
TRIGGER_SOURCES: Final = {source.value: source for source in TriggerSource}
SELF_TRADE_MODES: Final = {mode.value: mode for mode in SelfTradePrevention}

STATES: Final = {
    OrderStatus.WAITING: "live",
    OrderStatus.LIVE: "live",
    OrderStatus.PARTIALLY_FILLED: "partially_filled",
    OrderStatus.FILLED: "filled",
    OrderStatus.CANCELED: "canceled",
    OrderStatus.REJECTED: "canceled",
}
CATEGORIES: Final = {OrderCategory.NORMAL: "normal", OrderCategory.LIQUIDATION: "full_liquidation"}

CANCEL_SOURCES: Final = {
    CancelReason.USER: "1",
    CancelReason.REDUCE_ONLY: "2",
    CancelReason.LIQUIDATION: "3",
    CancelReason.BALANCE_USED_UP: "0",
    CancelReason.FILL_OR_KILL: "13",
    CancelReason.IMMEDIATE_OR_CANCEL: "14",
    CancelReason.PRICE_LIMIT: "15",
    CancelReason.POSITION_CLOSED: "21",
    CancelReason.POST_ONLY: "31",
    CancelReason.SELF_TRADE: "32",
    CancelReason.MAKERS_MAX: "33",
}
"""``cancelSource``; what OKX has no number for was done by the system."""

ALGO_TYPES: Final = {
    OrderType.STOP_MARKET: "conditional",
    OrderType.STOP_LIMIT: "conditional",
    OrderType.TAKE_PROFIT: "conditional",
    OrderType.OCO: "oco",
    OrderType.TRAILING_STOP: "move_order_stop",
}
"""Orders that wait for a price: OKX keeps them apart, as algo orders."""

TRAILING_SOURCE: Final = "25"
PROTECTION_SOURCE: Final = "7"


def child_id(algo_id: str) -> str:
    """The order that an algo order sends when it fires (``ordId``): the same number in a range of its own."""
    return f"2{algo_id[1:]}"


def algo_id_of(order_id: str) -> str:
    """The exchange's own number of an order, whether it was sent by an algo order or not."""
    return f"1{order_id[1:]}"
