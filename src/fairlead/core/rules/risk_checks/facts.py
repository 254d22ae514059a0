"""What every check of one order looks at, computed once, and the few ways in which a check may answer."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from typing import Final

import msgspec

from fairlead.core.model.instrument import Instrument
from fairlead.core.model.market import Quote
from fairlead.core.model.money import ZERO
from fairlead.core.model.order import Order
from fairlead.core.model.request import OrderRequest, Side
from fairlead.core.model.risk import CheckCode, CheckOutcome, ReasonCode, RiskCheck, RiskLimits
from fairlead.core.rules.account_view import AccountView
from fairlead.core.rules.holds import only_reduces
from fairlead.core.rules.position_values import PositionValues
from fairlead.core.rules.risk_checks.exposure import Exposure, reference_price

NO_LIMIT: Final = "no limit set"
_PASS: Final = CheckOutcome.PASS
_DENY: Final = CheckOutcome.DENY
_NO_REASON: Final = ReasonCode.NONE


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """What an order does to what is held.

    ``reduces``: it cannot open, add or flip, whatever else fills. ``shrinks``: the exact rule of a reducing account,
    |held + order| < |held| with the sign kept (docs/decisions/0003). ``held`` is in the instrument's unit.
    """

    reduces: bool
    shrinks: bool
    held: Decimal


_NO_EFFECT: Final = Effect(reduces=False, shrinks=False, held=ZERO)


class Numbers(msgspec.Struct, frozen=True, gc=False):
    """A value beside its limit, in one unit."""

    value: Decimal
    limit: Decimal
    unit: str
    detail: str = ""


class Pending:
    """What may still fill: the book's open orders and those of this request that were approved just before."""

    __slots__ = ("_view", "equity_usd", "exposure", "reserved", "values")

    def __init__(self, view: AccountView) -> None:
        """Start with the book's own orders."""
        self._view = view
        self.exposure = Exposure(view)
        worth = view.worth
        self.values: PositionValues = worth.positions
        self.equity_usd = worth.equity_usd
        self.reserved: list[Order] = []

    def orders(self) -> Iterator[Order]:
        """All of them."""
        yield from self._view.book.orders.values()
        yield from self.reserved

    def add(self, order: Order) -> None:
        """Reserve for an order."""
        self.exposure.add(order)
        self.reserved.append(order)

    def remove_last(self) -> None:
        """Take back the newest reservation."""
        self.exposure.add(self.reserved.pop(), sign=-1)


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """One order, the account it is for, and what follows from both; None where an input is missing.

    ``pending`` counts this order too, as the last one of ``reserved``. ``reference`` is the middle of the book,
    ``touch`` the best price that a taker of this side gets now.
    """

    order: Order
    request: OrderRequest
    view: AccountView
    pending: Pending
    limits: RiskLimits
    instrument: Instrument | None
    quote: Quote | None
    reference: Decimal | None
    touch: Decimal | None
    equity_usd: Decimal | None
    order_usd: Decimal | None
    effect: Effect
    is_new_holding: bool


def read_facts(order: Order, request: OrderRequest, view: AccountView, pending: Pending) -> Facts:
    """Gather the facts of an order, which ``pending`` does not hold yet, and count it there."""
    exposure = pending.exposure
    instrument = view.instruments.get(order.symbol)
    quote = view.quotes.get(order.symbol)
    dust = view.limits.position_dust_usd or ZERO
    leg = exposure.leg(order)
    effect = _NO_EFFECT if instrument is None else effect_of(order, instrument, view, pending)
    # Asked before this order counts.
    is_new_holding = leg is None or leg.worst <= dust
    pending.add(order)
    return Facts(
        order=order,
        request=request,
        view=view,
        pending=pending,
        limits=view.limits,
        instrument=instrument,
        quote=quote,
        reference=None if quote is None else reference_price(quote),
        touch=None if quote is None else _touch(quote, order.side),
        equity_usd=pending.equity_usd,
        order_usd=exposure.order_usd(order, order.limit_price or order.trigger_price),
        effect=effect,
        is_new_holding=is_new_holding,
    )


def effect_of(order: Order, instrument: Instrument, view: AccountView, pending: Pending) -> Effect:
    """Tell whether an order only reduces what is held."""
    if instrument.is_spot:
        balance = view.book.balances.get(instrument.base_currency)
        held = ZERO if balance is None else balance.total
    else:
        position = view.book.positions.get((order.symbol, order.position_side))
        held = ZERO if position is None else position.signed_quantity
    opposes = held > ZERO if order.side is Side.SELL else held < ZERO
    if not opposes or order.in_quote:
        return Effect(reduces=False, shrinks=False, held=held)
    shrinks = order.quantity <= abs(held)
    if instrument.is_spot or only_reduces(order):
        return Effect(reduces=True, shrinks=shrinks, held=held)
    # Nothing at the venue keeps a plain order from flipping, so all that pulls the same way counts with it.
    same_way = sum(
        (
            other.leaves_quantity
            for other in pending.orders()
            if other.symbol == order.symbol and other.side is order.side and other.position_side is order.position_side
        ),
        ZERO,
    )
    reduces = order.quantity + same_way <= abs(held)
    return Effect(reduces=reduces, shrinks=shrinks and reduces, held=held)


def quantity_unit(facts: Facts) -> str:
    """Unit of the order's quantity, for people."""
    return "" if facts.instrument is None else facts.instrument.quantity_unit


def _touch(quote: Quote, side: Side) -> Decimal | None:
    price = quote.ask if side is Side.BUY else quote.bid
    return price if price > ZERO else None


def price_unit(facts: Facts) -> str:
    """Quote currency, in which prices are written."""
    return "" if facts.instrument is None else facts.instrument.quote_currency


@cache
def passed(code: CheckCode, detail: str = "") -> RiskCheck:
    """The check found nothing wrong and has no numbers; ``detail`` is one of few texts."""
    return RiskCheck(code=code, outcome=CheckOutcome.PASS, detail=detail)


def denied(code: CheckCode, reason_code: ReasonCode, detail: str = "") -> RiskCheck:
    """The check says no without a number."""
    return RiskCheck(code=code, outcome=CheckOutcome.DENY, reason_code=reason_code, detail=detail)


@cache
def skipped(code: CheckCode, why: str) -> RiskCheck:
    """The check does not apply; ``why`` is one of few texts."""
    return RiskCheck(code=code, outcome=CheckOutcome.SKIPPED, detail=why)


def measured(code: CheckCode, reason_code: ReasonCode, numbers: Numbers, *, is_denied: bool) -> RiskCheck:
    """Answer with the numbers that decided."""
    return RiskCheck(
        code=code,
        outcome=_DENY if is_denied else _PASS,
        reason_code=reason_code if is_denied else _NO_REASON,
        value=numbers.value,
        limit=numbers.limit,
        unit=numbers.unit,
        detail=numbers.detail,
    )


def at_most(code: CheckCode, reason_code: ReasonCode, numbers: Numbers) -> RiskCheck:
    """Deny above the limit; equal passes."""
    return measured(code, reason_code, numbers, is_denied=numbers.value > numbers.limit)


def at_least(code: CheckCode, reason_code: ReasonCode, numbers: Numbers) -> RiskCheck:
    """Deny below the limit; equal passes."""
    return measured(code, reason_code, numbers, is_denied=numbers.value < numbers.limit)
