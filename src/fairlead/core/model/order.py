"""Orders and fills: an instruction to a venue, and each execution of it."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import msgspec

from fairlead.core.model.account import MarginMode, PositionSide
from fairlead.core.model.money import ZERO
from fairlead.core.model.request import CloseScope, OrderType, Side, TimeInForce
from fairlead.core.model.risk import RiskVerdict


class OrderStatus(StrEnum):
    """Life of an order (FIX words; ``in_flight`` is FIX pending new, ``accepted`` is FIX new)."""

    IN_FLIGHT = "in_flight"
    UNKNOWN = "unknown"
    ACCEPTED = "accepted"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELED = "canceled"
    REJECTED = "rejected"
    EXPIRED = "expired"


OUTSIDE = "outside"
"""Origin of an order that somebody else placed on our account, once it is adopted."""
TERMINAL_STATUSES = frozenset(
    {OrderStatus.FILLED, OrderStatus.CANCELED, OrderStatus.REJECTED, OrderStatus.EXPIRED},
)


class Liquidity(StrEnum):
    """Whether a fill waited in the book."""

    MAKER = "maker"
    TAKER = "taker"


class Order(msgspec.Struct, frozen=True, kw_only=True, tag=True, omit_defaults=True):
    """One instruction to a venue and how far it has come.

    ``quantity`` is base currency (spot) or contracts, except when ``in_quote`` (a spot market buy that spends an amount
    of quote currency): then ``quantity`` is quote currency while ``filled_quantity`` stays base. ``fee`` is positive if
    paid, negative when a rebate. ``parent_id`` is set on orders that the venue made for one of ours; ``origin`` says
    what an order is that we did not place (protection, liquidation, outside). ``trade_ids`` are its fills, so that one
    reported twice counts once.
    ``opening_quantity`` is the part of a perpetual order that would open or add, fixed when it was approved; None: all.
    ``source_id`` and ``strategy_id`` say whose share it trades, ``close_scope`` whose share a close takes from.
    """

    order_id: str
    request_id: str
    tenant: str
    account_id: str
    symbol: str
    side: Side
    position_side: PositionSide
    margin_mode: MarginMode
    leverage: Decimal
    order_type: OrderType
    time_in_force: TimeInForce
    quantity: Decimal
    deadline_ms: int
    created_ms: int
    updated_ms: int
    leg: int = 0
    in_quote: bool = False
    post_only: bool = False
    reduce_only: bool = False
    limit_price: Decimal | None = None
    trigger_price: Decimal | None = None
    stop_loss_price: Decimal | None = None
    take_profit_price: Decimal | None = None
    reference_price: Decimal = ZERO
    status: OrderStatus = OrderStatus.IN_FLIGHT
    venue_order_id: str = ""
    filled_quantity: Decimal = ZERO
    filled_notional: Decimal = ZERO
    average_price: Decimal = ZERO
    fee: Decimal = ZERO
    fee_currency: str = ""
    reason_code: str = ""
    message: str = ""
    parent_id: str = ""
    origin: str = ""
    trade_ids: tuple[str, ...] = ()
    opening_quantity: Decimal | None = None
    source_id: str = ""
    strategy_id: str = ""
    close_scope: CloseScope | None = None

    @property
    def is_terminal(self) -> bool:
        """Whether nothing more can happen to it."""
        return self.status in TERMINAL_STATUSES

    @property
    def leaves_quantity(self) -> Decimal:
        """What may still fill (FIX LeavesQty); zero when terminal and, in its own unit, for quote-sized orders."""
        if self.is_terminal:
            return ZERO
        return self.quantity - (self.filled_notional if self.in_quote else self.filled_quantity)


class Fill(msgspec.Struct, frozen=True, kw_only=True):
    """One execution. ``trade_id`` is unique per account and instrument; ``fee`` positive = paid."""

    trade_id: str
    order_id: str
    symbol: str
    price: Decimal
    quantity: Decimal
    fee: Decimal
    fee_currency: str
    liquidity: Liquidity
    at_ms: int


class ApprovedOrder:
    """An order that passed every risk check: the only thing a venue takes.

    Only ``core/rules/risk.py`` makes one (a test says so), and only with a verdict that approves this very order.
    """

    __slots__ = ("order", "verdict")

    order: Order
    verdict: RiskVerdict

    def __init__(self, order: Order, verdict: RiskVerdict) -> None:
        """Seal an order with the verdict that approved it.

        Raises:
            ValueError: the verdict denies, or is about another order.
        """
        if not verdict.approved or verdict.order_id != order.order_id:
            message = f"order {order.order_id} is not approved by this verdict"
            raise ValueError(message)
        self.order = order
        self.verdict = verdict
