"""What a venue said: answers to our calls and execution reports, in our words."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from fairlead.core.model.account import MarginMode, PositionSide
from fairlead.core.model.order import Fill
from fairlead.core.model.request import OrderType, Side


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """The venue took the order."""

    venue_order_id: str
    at_ms: int


class Rejected(msgspec.Struct, frozen=True, kw_only=True):
    """The venue refused, certainly; its own code and text.

    ``retry_after_ms`` is set when the reason passes by itself (a rate limit: OKX 50011, 50061): the same order may be
    sent again after that time, because this one was certainly not executed.
    """

    code: str
    message: str
    retry_after_ms: int = 0


class Unknown(msgspec.Struct, frozen=True, kw_only=True):
    """We cannot tell: ask after the deadline, never resend before."""

    message: str


PlaceOutcome = Accepted | Rejected | Unknown


class Canceled(msgspec.Struct, frozen=True, kw_only=True):
    """The venue took the cancel; the order's own report follows."""


CancelOutcome = Canceled | Rejected | Unknown


class ReportAccepted(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The order rests or runs at the venue."""

    order_id: str
    venue_order_id: str
    at_ms: int


class ReportFill(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """One execution; ``is_last`` when the venue says the order is filled (needed for quote-sized orders)."""

    fill: Fill
    is_last: bool


class ReportCanceled(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The rest of the order is gone; ``reason_code`` is ours or the venue's own word for why."""

    order_id: str
    reason_code: str
    message: str
    at_ms: int


class ReportRejected(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The venue's engine refused an order it had taken."""

    order_id: str
    code: str
    message: str
    at_ms: int


class ReportBorn(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """An order that we did not place: attached stop and take-profit, liquidation, or one of somebody else.

    ``parent_id`` is our order it belongs to, or empty; ``origin`` is ``protection``, ``liquidation`` or ``outside``. A
    protection has one or both of the trigger prices; only one of them acts.
    """

    order_id: str
    venue_order_id: str
    parent_id: str
    origin: str
    symbol: str
    side: Side
    position_side: PositionSide
    margin_mode: MarginMode
    order_type: OrderType
    quantity: Decimal
    stop_loss_price: Decimal | None
    take_profit_price: Decimal | None
    at_ms: int
    limit_price: Decimal | None = None


class ReportAdjusted(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Cash that moved without a fill of ours; ``key`` names the venue's record so that it counts once."""

    key: str
    kind: str
    currency: str
    amount: Decimal
    symbol: str
    position_side: PositionSide | None
    at_ms: int


ExecutionReport = ReportAccepted | ReportFill | ReportCanceled | ReportRejected | ReportBorn | ReportAdjusted


class VenueOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What a venue answers when asked for one order: every report it would have sent, in order."""

    reports: tuple[ExecutionReport, ...]


class NoSuchOrder(msgspec.Struct, frozen=True, kw_only=True):
    """The venue does not know the id; proof only after the order's deadline has passed."""


FindOutcome = VenueOrder | NoSuchOrder | Unknown


class VenuePosition(msgspec.Struct, frozen=True, kw_only=True):
    """A holding as the venue sees it; ``quantity`` signed in net mode."""

    symbol: str
    position_side: PositionSide
    margin_mode: MarginMode
    leverage: Decimal
    quantity: Decimal
    entry_price: Decimal
    liquidation_price: Decimal | None


class AccountReport(msgspec.Struct, frozen=True, kw_only=True):
    """The venue's view of one account: cash per currency, holdings, ids of open orders.

    ``open_orders`` describes those of them that could be adopted if they were somebody else's: with nothing filled yet,
    because what was filled before would be told as ours. An order without an id of ours has one that follows from the
    venue's, the same in every report about it.
    """

    balances: dict[str, Decimal]
    positions: tuple[VenuePosition, ...]
    open_order_ids: tuple[str, ...]
    at_ms: int
    open_orders: tuple[ReportBorn, ...] = ()
