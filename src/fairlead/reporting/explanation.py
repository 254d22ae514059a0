"""The shape of an explanation: everything known about one alert, request or order, ready for a screen or a program."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import msgspec

from fairlead.core.model.account import PositionMode, PositionSide
from fairlead.core.model.events import SizingLine
from fairlead.core.model.money import ZERO, format_amount
from fairlead.core.model.order import Liquidity
from fairlead.core.model.policy import PolicyVerdict
from fairlead.core.model.preview import Preview
from fairlead.core.model.request import OrderRequest, Side
from fairlead.core.model.risk import RiskVerdict


class SubjectKind(StrEnum):
    """What an id turned out to name."""

    ALERT = "alert"
    REQUEST = "request"
    ORDER = "order"
    REFUSED_CALL = "refused_call"
    KILL_SWITCH = "kill_switch"
    BOT_DECISION = "bot_decision"


class RepeatPart(msgspec.Struct, frozen=True, kw_only=True):
    """The same alert sent again: nothing was done but noting it."""

    alert_id: str
    source_address: str
    received_ms: int


class AlertPart(msgspec.Struct, frozen=True, kw_only=True):
    """What came in and what became of it at the edge; ``verdict`` is ``received`` until it is handled.

    ``body`` is the text as received with the token blanked; bytes that are not UTF-8 are shown as escapes.
    """

    alert_id: str
    hook_id: str
    hook_label: str
    received_ms: int
    source_address: str
    content_type: str
    body: str
    body_bytes: int
    duplicate_key: str
    explicit_key: bool
    verdict: str = "received"
    reason_code: str = ""
    detail: str = ""
    mapping: tuple[str, str] = ("", "")
    warnings: tuple[str, ...] = ()
    handled_ms: int | None = None
    repeats: tuple[RepeatPart, ...] = ()


class VenueMessage(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened to an order, in the venue's words where it has any."""

    at_ms: int
    what: str
    code: str = ""
    text: str = ""


class FillPart(msgspec.Struct, frozen=True, kw_only=True):
    """One execution."""

    trade_id: str
    at_ms: int
    price: Decimal
    quantity: Decimal
    fee: Decimal
    fee_currency: str
    liquidity: Liquidity


class OrderPart(msgspec.Struct, frozen=True, kw_only=True):
    """One order with its sizing, its risk checks, all messages and all fills.

    ``unit`` counts ``quantity``, ``filled_unit`` counts ``filled_quantity``: they differ when a quote amount is spent.
    """

    order_id: str
    venue_order_id: str
    leg: int
    side: Side
    position_side: PositionSide
    order_type: str
    terms: tuple[str, ...]
    quantity: Decimal
    unit: str
    filled_quantity: Decimal
    filled_unit: str
    average_price: Decimal
    fees: dict[str, Decimal]
    status: str
    reason_code: str
    message: str
    deadline_ms: int
    sizing: tuple[SizingLine, ...]
    verdict: RiskVerdict | None
    messages: tuple[VenueMessage, ...]
    fills: tuple[FillPart, ...]
    origin: str = ""
    policies: tuple[PolicyVerdict, ...] = ()


class PositionPart(msgspec.Struct, frozen=True, kw_only=True):
    """What the account holds of the instrument now (not at the time of the order)."""

    position_side: PositionSide
    quantity: Decimal
    unit: str
    entry_price: Decimal
    leverage: Decimal
    realized_pnl: Decimal


class BalancePart(msgspec.Struct, frozen=True, kw_only=True):
    """What the account has of a currency now.

    ``available`` is free of open orders and of ``position_margin``: the initial margin of its positions at their entry
    prices, for an explanation knows no price of now.
    """

    currency: str
    total: Decimal
    available: Decimal
    position_margin: Decimal = ZERO


class StepPart(msgspec.Struct, frozen=True, kw_only=True):
    """One step on the way of a request: when it was reached, and how long after the one before."""

    name: str
    at_ms: int
    took_ms: int


class BotPart(msgspec.Struct, frozen=True, kw_only=True):
    """The bot that asked: its decision (which counts from 1), the place of the order in its ladder, and why.

    ``price`` is the last price that it decided at; ``what`` is the slot in words.
    """

    bot_id: str
    name: str
    cycle: int
    decision: int
    settings_version: int
    slot: str
    what: str
    price: Decimal
    at_ms: int
    reasons: tuple[str, ...] = ()


class AccountPart(msgspec.Struct, frozen=True, kw_only=True):
    """What one account was asked, what it did, and why.

    ``sizing`` and ``verdict`` are filled here when no order came of the request; otherwise each order carries its own.
    ``request`` is None for an order that nobody asked for: a liquidation. ``mode`` marks what is not live.
    """

    account_id: str
    label: str
    exchange: str
    kind: str
    position_mode: PositionMode | None
    request: OrderRequest | None
    wish: str
    status: str
    reason_code: str = ""
    message: str = ""
    numbers: dict[str, str] = {}
    warnings: tuple[str, ...] = ()
    sizing: tuple[SizingLine, ...] = ()
    verdict: RiskVerdict | None = None
    policies: tuple[PolicyVerdict, ...] = ()
    mode: str = ""
    preview: Preview | None = None
    filled_quantity: Decimal = ZERO
    unit: str = ""
    orders: tuple[OrderPart, ...] = ()
    settings: tuple[VenueMessage, ...] = ()
    timing: tuple[StepPart, ...] = ()
    positions: tuple[PositionPart, ...] = ()
    balances: tuple[BalancePart, ...] = ()
    bot: BotPart | None = None


class RefusedCallPart(msgspec.Struct, frozen=True, kw_only=True):
    """A call that was refused before it became an alert: nothing was journaled, and no secret of it was kept."""

    call_id: str
    hook_id: str
    hook_label: str
    received_ms: int
    source_address: str
    status_code: int
    error: str
    details: tuple[str, ...] = ()
    body: str = ""


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """Each account counted once (docs/alerts.md); sums only over equal units."""

    accounts: int = 0
    successful: int = 0
    failed: int = 0
    pending: int = 0
    by_status: dict[str, int] = {}
    filled: dict[str, Decimal] = {}
    fees: dict[str, Decimal] = {}


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """Everything known about ``subject``."""

    subject: str
    kind: SubjectKind
    alert: AlertPart | None = None
    refused_call: RefusedCallPart | None = None
    accounts: tuple[AccountPart, ...] = ()
    totals: Totals = Totals()


def explanation_to_builtins(explanation: Explanation) -> dict[str, object]:
    """Turn an explanation into plain values for JSON; every decimal is text, never a float."""
    plain = msgspec.to_builtins(explanation, builtin_types=(Decimal,))
    return {name: _write_decimals(value) for name, value in plain.items()}


def _write_decimals(value: object) -> object:
    if isinstance(value, Decimal):
        return format_amount(value)
    if isinstance(value, dict):
        return {name: _write_decimals(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_write_decimals(part) for part in value]
    return value
