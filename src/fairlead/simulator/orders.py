"""Orders as the simulated exchange keeps them: the wish, its state, its fills, and the answers to requests."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import msgspec

from fairlead.core.model.account import MarginMode, PositionSide
from fairlead.core.model.money import ZERO
from fairlead.core.model.order import Liquidity
from fairlead.core.model.request import Side, TimeInForce
from fairlead.core.rules.matching import SelfTradePrevention


class OrderType(StrEnum):
    """How an order triggers and prices; ``oco`` is a take-profit and a stop of which only one acts."""

    MARKET = "market"
    LIMIT = "limit"
    STOP_MARKET = "stop_market"
    STOP_LIMIT = "stop_limit"
    TAKE_PROFIT = "take_profit"
    TRAILING_STOP = "trailing_stop"
    OCO = "oco"


class OrderStatus(StrEnum):
    """Life of an order; ``waiting`` is a trigger order that has not fired."""

    WAITING = "waiting"
    LIVE = "live"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELED = "canceled"
    REJECTED = "rejected"


PENDING_STATUSES = frozenset({OrderStatus.WAITING, OrderStatus.LIVE, OrderStatus.PARTIALLY_FILLED})


class QuantityUnit(StrEnum):
    """What the quantity of an order counts; ``native`` is base currency for spot and contracts for perpetuals."""

    NATIVE = "native"
    QUOTE = "quote"


class TriggerSource(StrEnum):
    """Which price a trigger watches; spot has only last."""

    LAST = "last"
    MARK = "mark"
    INDEX = "index"


class OrderCategory(StrEnum):
    """Who made the order: its owner, or the liquidation engine."""

    NORMAL = "normal"
    LIQUIDATION = "liquidation"


class CancelReason(StrEnum):
    """Why the rest of an order is gone (OKX cancelSource in words)."""

    USER = "user"
    IMMEDIATE_OR_CANCEL = "immediate_or_cancel"
    FILL_OR_KILL = "fill_or_kill"
    POST_ONLY = "post_only"
    PRICE_LIMIT = "price_limit"
    SELF_TRADE = "self_trade"
    MAKERS_MAX = "makers_max"
    REDUCE_ONLY = "reduce_only"
    POSITION_CLOSED = "position_closed"
    LIQUIDATION = "liquidation"
    BALANCE_USED_UP = "balance_used_up"


class ExitLeg(msgspec.Struct, frozen=True, kw_only=True):
    """One way out: fires at the trigger price, then trades at its limit price, or at market without one."""

    trigger_price: Decimal
    limit_price: Decimal | None = None
    source: TriggerSource = TriggerSource.LAST


class Exits(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Take-profit and stop of which only one acts: the legs of an OCO order, or attached to a parent order.

    Attached, they become an order of their own at the parent's first fill, sized by its fills; its client order id is
    ``client_order_id``, or the parent's venue order id followed by ``x``.
    """

    take_profit: ExitLeg | None = None
    stop_loss: ExitLeg | None = None
    client_order_id: str = ""


class Trail(msgspec.Struct, frozen=True, kw_only=True):
    """How a trailing stop follows: by a fraction of the best price or by a distance, from an activation price on."""

    ratio: Decimal | None = None
    distance: Decimal | None = None
    activation_price: Decimal | None = None


class NewOrder(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A request to place one order.

    ``trigger_price`` is for stop and take-profit orders (take-profit with a limit price becomes a limit order);
    ``expires_at_ms`` is the request's deadline; ``shrink_to_balance`` False refuses a spot market order sized in the
    other unit that the balance does not cover, instead of executing what it covers (OKX banAmend).
    """

    client_order_id: str
    symbol: str
    side: Side
    order_type: OrderType
    quantity: Decimal
    quantity_unit: QuantityUnit = QuantityUnit.NATIVE
    limit_price: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    post_only: bool = False
    reduce_only: bool = False
    margin_mode: MarginMode = MarginMode.CROSS
    position_side: PositionSide = PositionSide.NET
    trigger_price: Decimal | None = None
    trigger_source: TriggerSource = TriggerSource.LAST
    trail: Trail | None = None
    exits: Exits | None = None
    self_trade_prevention: SelfTradePrevention = SelfTradePrevention.CANCEL_MAKER
    shrink_to_balance: bool = True
    expires_at_ms: int | None = None


class OrderFill(msgspec.Struct, frozen=True, kw_only=True):
    """One execution of an order; ``fee`` is positive when paid; P&L excludes the fee."""

    trade_id: str
    price: Decimal
    quantity: Decimal
    fee: Decimal
    fee_currency: str
    liquidity: Liquidity
    realized_pnl: Decimal
    at_ms: int


class Order(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One order from its acceptance to its end.

    ``quantity`` is as ordered (quote currency when the unit says so), ``target_quantity`` the same in the native unit,
    known once a quote-sized order meets the book. ``filled_cost`` is the sum of quantity x price (inverse: / price).
    ``opening_quantity`` is the part that needs margin; ``reserved`` is what it holds of ``reserved_currency``.
    """

    account_id: str
    number: int
    venue_order_id: str
    wish: NewOrder
    quantity: Decimal
    target_quantity: Decimal
    limit_price: Decimal | None
    created_ms: int
    updated_ms: int
    status: OrderStatus = OrderStatus.LIVE
    filled_quantity: Decimal = ZERO
    filled_cost: Decimal = ZERO
    average_price: Decimal = ZERO
    fee: Decimal = ZERO
    fee_currency: str = ""
    realized_pnl: Decimal = ZERO
    opening_quantity: Decimal = ZERO
    reserved: Decimal = ZERO
    reserved_currency: str = ""
    category: OrderCategory = OrderCategory.NORMAL
    cancel_reason: CancelReason | None = None
    reject_code: str = ""
    triggered_ms: int | None = None
    fired_leg: str = ""
    trail_best: Decimal | None = None
    parent_id: str = ""
    exits_id: str = ""
    fills: list[OrderFill] = []

    @property
    def client_order_id(self) -> str:
        """The owner's id."""
        return self.wish.client_order_id

    @property
    def symbol(self) -> str:
        """What is traded."""
        return self.wish.symbol

    @property
    def side(self) -> Side:
        """Direction."""
        return self.wish.side

    @property
    def is_pending(self) -> bool:
        """Whether something can still happen to it."""
        return self.status in PENDING_STATUSES

    @property
    def leaves_quantity(self) -> Decimal:
        """What may still fill, in the native unit."""
        return self.target_quantity - self.filled_quantity if self.is_pending else ZERO

    @property
    def reduces(self) -> bool:
        """Whether it may only shrink a position: asked for, or by nature in long/short mode."""
        return reduces(self.wish)


def reduces(wish: NewOrder) -> bool:
    """Whether an order may only shrink a position (OKX API v5)."""
    match wish.position_side:
        case PositionSide.NET:
            return wish.reduce_only
        case PositionSide.LONG:
            return wish.side is Side.SELL
        case PositionSide.SHORT:
            return wish.side is Side.BUY


class Placed(msgspec.Struct, frozen=True, kw_only=True):
    """The exchange took the order; what became of it is in the events."""

    venue_order_id: str


class Canceled(msgspec.Struct, frozen=True, kw_only=True):
    """The order is canceled."""

    venue_order_id: str


class Amended(msgspec.Struct, frozen=True, kw_only=True):
    """The order is changed."""

    venue_order_id: str


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """A setting is as asked."""


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """Certainly not done; OKX code, text and, where it has one, sub code."""

    code: str
    message: str
    sub_code: str = ""
