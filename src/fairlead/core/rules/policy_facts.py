"""What a policy may look at: a closed list of fields, each read once from the request, its plan and the account."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Final

import msgspec

from fairlead.core.model.account import ExecutionMode
from fairlead.core.model.instrument import Instrument, InstrumentKind
from fairlead.core.model.money import ONE, ZERO, format_amount
from fairlead.core.model.order import Order
from fairlead.core.model.policy import Value
from fairlead.core.model.request import Close, Enter, OrderRequest, OrderType, SetTarget, Side, SourceKind
from fairlead.core.rules.account_view import AccountView
from fairlead.core.rules.plan import Plan
from fairlead.core.rules.risk_checks.facts import Pending, effect_of

MINUTE_MS: Final = 60_000
SHARE_STEP: Final = Decimal("1E-8")
WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
INTENTS: Final[Mapping[type, str]] = {Enter: "enter", Close: "close", SetTarget: "target"}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class PolicyCase:
    """One planned request as policies see it; what costs something is computed when it is first asked for."""

    def __init__(self, request: OrderRequest, plan: Plan, view: AccountView, source: str) -> None:
        """``source`` is the name of who asked."""
        self.request = request
        self.plan = plan
        self.view = view
        self.source = source
        self._values: dict[str, Value | None] = {}

    @property
    def instrument(self) -> Instrument:
        """What is traded; a plan exists only for a known one."""
        return self.view.instruments[self.request.symbol]

    @cached_property
    def pending(self) -> Pending:
        """Open orders, with the legs of the plan."""
        return Pending(self.view)

    @cached_property
    def opening(self) -> tuple[Order, ...]:
        """The legs that may add risk, by the finding of the risk checks."""
        adding = []
        for leg in self.plan.legs:
            if not effect_of(leg, self.instrument, self.view, self.pending).reduces:
                adding.append(leg)
            self.pending.add(leg)
        return tuple(adding)

    @cached_property
    def notional_usd(self) -> Decimal | None:
        """Value of the legs that open, or of all when none does."""
        total = ZERO
        for leg in self.opening or self.plan.legs:
            value = self.pending.exposure.order_usd(leg, leg.limit_price)
            if value is None:
                return None
            total += value
        return total

    @property
    def now(self) -> datetime:
        """The moment of the decision, UTC."""
        return _EPOCH + timedelta(milliseconds=self.view.now_ms)

    def value(self, field: str) -> Value | None:
        """What a field says here; None when nobody can tell now."""
        if field not in self._values:
            self._values[field] = FIELDS[field].read(self)
        return self._values[field]

    def text(self, field: str) -> str:
        """The same for people."""
        value = self.value(field)
        return "unknown" if value is None else format_amount(value) if isinstance(value, Decimal) else value


class PolicyField(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a policy may look at: ``words`` are all the texts there are, empty if any text may come."""

    about: str
    read: Callable[[PolicyCase], Value | None]
    is_number: bool = False
    words: tuple[str, ...] = ()


def _text(about: str, read: Callable[[PolicyCase], str], *words: str) -> PolicyField:
    return PolicyField(about=about, read=read, words=words)


def _number(about: str, read: Callable[[PolicyCase], Decimal | None]) -> PolicyField:
    return PolicyField(about=about, read=read, is_number=True)


def _equity_share(case: PolicyCase) -> Decimal | None:
    equity, notional = case.pending.equity_usd, case.notional_usd
    if equity is None or notional is None or equity <= ZERO:
        return None
    return (notional / equity).quantize(SHARE_STEP)


def _quote_age(case: PolicyCase) -> Decimal | None:
    quote = case.view.quotes.get(case.request.symbol)
    return None if quote is None else Decimal(case.view.now_ms - quote.at_ms)


def _orders_in_a_minute(case: PolicyCase) -> Decimal:
    since_ms = case.view.now_ms - MINUTE_MS
    return Decimal(sum(order.at_ms > since_ms for order in case.view.book.recent))


# Closed: an input that nobody measures is no field, because a rule about it could never be answered.
FIELDS: Final[Mapping[str, PolicyField]] = {
    "asset": _text("base currency", lambda case: case.instrument.base_currency),
    "symbol": _text("symbol of the instrument", lambda case: case.request.symbol),
    "kind": _text("kind of instrument", lambda case: case.instrument.kind.value, *InstrumentKind),
    "side": _text("side of the first order", lambda case: case.plan.legs[0].side.value, *Side),
    "intent": _text("what is asked for", lambda case: INTENTS[type(case.request.intent)], *INTENTS.values()),
    "order_type": _text("type of the orders", lambda case: case.request.order_type.value, *OrderType),
    "has_stop_loss": _text(
        "whether a stop-loss comes with it",
        lambda case: "no" if case.request.stop_loss_price is None else "yes",
        *("yes", "no"),
    ),
    "source": _text("name of the hook", lambda case: case.source),
    "source_id": _text("id of the hook", lambda case: case.request.source_id),
    "source_kind": _text("who asks", lambda case: case.request.source_kind.value, *SourceKind),
    "strategy_id": _text("strategy that the sender named", lambda case: case.request.strategy_id),
    "account": _text("label of the account", lambda case: case.view.account.label),
    "account_id": _text("id of the account", lambda case: case.view.account.account_id),
    "mode": _text("mode of the account", lambda case: case.view.account.mode.value, *ExecutionMode),
    "weekday": _text("day of the week, UTC", lambda case: WEEKDAYS[case.now.weekday()], *WEEKDAYS),
    "hour": _number("hour of the day, UTC", lambda case: Decimal(case.now.hour)),
    "notional_usd": _number("value of the orders in USD", lambda case: case.notional_usd),
    "equity_usd": _number("equity of the account in USD", lambda case: case.pending.equity_usd),
    "equity_share": _number("value of the orders over equity", _equity_share),
    "leverage": _number(
        "leverage of the orders, 1 for spot", lambda case: max((leg.leverage for leg in case.plan.legs), default=ONE)
    ),
    "quote_age_ms": _number("age of the newest quote", _quote_age),
    "signal_age_ms": _number(
        "time since the signal came in", lambda case: Decimal(case.view.now_ms - case.request.cause_at_ms)
    ),
    "day_loss": _number("share of equity lost today; negative is a gain", lambda case: case.view.losses.day_loss),
    "week_loss": _number("share of equity lost this week", lambda case: case.view.losses.week_loss),
    "month_loss": _number("share of equity lost this month", lambda case: case.view.losses.month_loss),
    "drawdown": _number("share of the peak equity that is gone", lambda case: case.view.losses.drawdown),
    "open_positions": _number("perpetual positions held", lambda case: Decimal(len(case.view.book.positions))),
    "open_orders": _number("open orders of the account", lambda case: Decimal(len(case.view.book.orders))),
    "orders_last_minute": _number("orders approved in the last minute", _orders_in_a_minute),
}
