"""A request on its way to becoming orders: what it is about, the steps noted so far, and how it ends."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from fairlead.core.model import ids
from fairlead.core.model.account import MarginMode, PositionSide
from fairlead.core.model.events import SizingLine
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.market import Quote
from fairlead.core.model.money import ONE, ZERO, floor_to_step, format_amount
from fairlead.core.model.order import Order
from fairlead.core.model.request import Close, CloseScope, OrderRequest, OrderType, Side, Size, SizeUnit
from fairlead.core.rules.account_view import AccountView
from fairlead.core.rules.plan import LeverageChange, Nothing, Plan, PlanReason, Refusal
from fairlead.core.rules.sizing import LEGS_MAX, QUOTE_STEP, show, show_in, split_quantity


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What the legs of one direction have in common."""

    side: Side
    position_side: PositionSide = PositionSide.NET
    margin_mode: MarginMode = MarginMode.CASH
    leverage: Decimal = Decimal(1)
    reduce_only: bool = False
    in_quote: bool = False
    is_close: bool = False


class Draft:
    """One request being planned. Every step notes a line, so that people can follow how a size came about.

    ``is_market``: its orders take what the book offers. ``unit`` is that of the instrument's quantities.
    """

    __slots__ = (
        "_is_scaled",
        "_lines",
        "deadline_ms",
        "first_leg",
        "instrument",
        "is_market",
        "quote",
        "request",
        "unit",
        "view",
    )

    def __init__(
        self,
        request: OrderRequest,
        view: AccountView,
        instrument: Instrument,
        *,
        first_leg: int,
        deadline_ms: int,
    ) -> None:
        """Begin without lines."""
        self.request = request
        self.view = view
        self.instrument = instrument
        self.first_leg = first_leg
        self.deadline_ms = deadline_ms
        self.quote: Quote | None = view.quotes.get(request.symbol)
        self.is_market = request.order_type is OrderType.MARKET
        self.unit = instrument.quantity_unit
        self._lines: list[SizingLine] = []
        self._is_scaled = False

    def touch(self, side: Side) -> Decimal:
        """Price at which a taker of this side begins; zero when nobody quotes one."""
        if self.quote is None:
            return ZERO
        price = self.quote.ask if side is Side.BUY else self.quote.bid
        return price if price > ZERO else max(self.quote.last, ZERO)

    def price(self, side: Side) -> Decimal:
        """Price at which a size is converted: the limit of a limit order, else the touch; zero if there is none."""
        limit = self.limit_price(side)
        return self.touch(side) if limit is None else limit

    def limit_price(self, side: Side) -> Decimal | None:
        """Limit on a tick, never worse for its owner than asked: buys down, sells up."""
        limit = self.request.limit_price
        if self.is_market or limit is None:
            return None
        return self.instrument.round_price_down(limit) if side is Side.BUY else self.instrument.round_price_up(limit)

    def note(self, label: str, formula: str, result: str) -> None:
        """Add a step for people to read."""
        self._lines.append(SizingLine(label=label, formula=formula, result=result))

    def note_lots(self, quantity: Decimal) -> None:
        """Add the step of rounding down to whole lots."""
        lot = show_in(self.instrument.lot_size, self.unit)
        self.note("rounded down", f"whole lots of {lot}", show_in(quantity, self.unit))

    def scale_for_losses(self, amount: Decimal, step: Decimal, unit: str, closing: Decimal = ZERO) -> Decimal:
        """Leave of an amount what the loss ladder allows to open, once a request; ``closing`` of it is never cut."""
        factor, opening = self.view.losses.size_factor, amount - closing
        if self._is_scaled or factor >= ONE or opening <= ZERO:
            return amount
        self._is_scaled = True
        left = closing + floor_to_step(opening * factor, step)
        formula = f"{show(factor)} × {show_in(opening, unit)} to open, after what the account has lost"
        self.note("losses", formula, show_in(left, unit))
        return left

    def refuse(self, reason: PlanReason, message: str, **numbers: Decimal) -> Refusal:
        """End with a no and the numbers that decided."""
        return Refusal(
            reason_code=reason.value,
            message=message,
            numbers={name: format_amount(value) for name, value in numbers.items()},
            lines=tuple(self._lines),
        )

    def nothing(self, reason: PlanReason, message: str) -> Nothing:
        """End with nothing to do."""
        return Nothing(reason_code=reason.value, message=message, lines=tuple(self._lines))

    def plan(self, legs: Sequence[Order], changes: Sequence[LeverageChange] = ()) -> Plan:
        """End with orders."""
        return Plan(legs=tuple(legs), sizing=tuple(self._lines), leverage_changes=tuple(changes))

    def check_price(self, side: Side) -> Refusal | None:
        """Refuse when there is no price to size with."""
        if self.price(side) > ZERO:
            return None
        return self.refuse(PlanReason.QUOTE_MISSING, f"no price of {self.instrument.symbol} is known now")

    def check_least(self, quantity: Decimal, price: Decimal) -> Refusal | None:
        """Refuse what is below the least order; it is never rounded up."""
        instrument = self.instrument
        least = instrument.quantity_min
        if quantity < least or not quantity:
            message = f"{show_in(quantity, self.unit)} is below the least order of {show_in(least, self.unit)}"
            return self.refuse(PlanReason.BELOW_MIN_SIZE, message, quantity=quantity, quantity_min=least)
        if not instrument.notional_min or price <= ZERO:
            return None
        value = instrument.notional_in_quote(quantity, price)
        if value >= instrument.notional_min:
            return None
        unit = instrument.quote_currency
        message = f"{show_in(value, unit)} is below the least value of {show_in(instrument.notional_min, unit)}"
        return self.refuse(
            PlanReason.BELOW_MIN_NOTIONAL,
            message,
            notional=value,
            notional_min=instrument.notional_min,
        )

    def check_means(self, size: Size, funds: tuple[Decimal, str], most: Decimal, price: Decimal) -> Refusal | None:
        """Refuse a share of what makes no order even as a whole: it is the ``funds`` that lack, not the size.

        ``funds`` are what is free and its currency; ``most`` is the quantity that they reach for.
        """
        if size.unit is not SizeUnit.PERCENT and not self.request.cap_to_available:
            return None
        # Asked for its answer only: the words would blame the size.
        if self.check_least(self.instrument.round_quantity_down(most), price) is None:
            return None
        available, currency = funds
        least = self.instrument.quantity_min
        message = (
            f"the {show_in(available, currency)} available reach for {show_in(most, self.unit)}, "
            f"and the least order is {show_in(least, self.unit)}"
        )
        return self.refuse(
            PlanReason.INSUFFICIENT_BALANCE,
            message,
            available=available,
            quantity_available=most,
            quantity_min=least,
        )

    @property
    def order_quantity_max(self) -> Decimal:
        """Greatest quantity of one order."""
        return self.instrument.market_quantity_max if self.is_market else self.instrument.limit_quantity_max

    def build_legs(self, terms: Terms, quantity: Decimal, *, after: int = 0) -> list[Order] | Refusal:
        """Make the orders for a quantity: one, or several when the venue's greatest order is smaller.

        ``after`` is how many legs this request already has in this plan.
        """
        instrument, greatest = self.instrument, self.order_quantity_max
        step, least, unit = instrument.lot_size, instrument.quantity_min, self.unit
        if terms.in_quote:
            touch = self.touch(terms.side)
            step, least, greatest = QUOTE_STEP, least * touch, greatest * touch
            unit = instrument.quote_currency
        if ZERO < greatest * LEGS_MAX < quantity:
            message = f"{show_in(quantity, unit)} would need more than {LEGS_MAX} orders of {show_in(greatest, unit)}"
            return self.refuse(PlanReason.TOO_MANY_LEGS, message, quantity=quantity, quantity_max=greatest)
        parts = split_quantity(quantity, step=step, least=least, greatest=greatest)
        if len(parts) > 1:
            formula = f"at most {show_in(greatest, unit)} an order"
            self.note("split", formula, " + ".join(show(part) for part in parts))
        first = self.first_leg + after
        return [self._order(terms, part, first + index) for index, part in enumerate(parts)]

    def _order(self, terms: Terms, quantity: Decimal, leg: int) -> Order:
        request, now_ms = self.request, self.view.now_ms
        is_buy = terms.side is Side.BUY
        # A stop is the protective side of its entry, a take-profit the passive one; both belong to entries only.
        down, up = self.instrument.round_price_down, self.instrument.round_price_up
        stop_loss = None if terms.is_close else request.stop_loss_price
        take_profit = None if terms.is_close else request.take_profit_price
        return Order(
            order_id=ids.client_order_id(cause_at_ms=request.cause_at_ms, request=request.request_id, leg=leg),
            request_id=request.request_id,
            tenant=request.tenant,
            account_id=request.account_id,
            symbol=request.symbol,
            side=terms.side,
            position_side=terms.position_side,
            margin_mode=terms.margin_mode,
            leverage=terms.leverage,
            order_type=request.order_type,
            time_in_force=request.time_in_force,
            quantity=quantity,
            deadline_ms=self.deadline_ms,
            created_ms=now_ms,
            updated_ms=now_ms,
            leg=leg,
            in_quote=terms.in_quote,
            post_only=request.post_only and not self.is_market,
            reduce_only=terms.reduce_only,
            limit_price=self.limit_price(terms.side),
            stop_loss_price=None if stop_loss is None else (down if is_buy else up)(stop_loss),
            take_profit_price=None if take_profit is None else (up if is_buy else down)(take_profit),
            reference_price=self.touch(terms.side),
            source_id=request.source_id,
            strategy_id=request.strategy_id,
            close_scope=self._close_scope() if terms.is_close else None,
        )

    def _close_scope(self) -> CloseScope:
        intent = self.request.intent
        return intent.scope if isinstance(intent, Close) else CloseScope.ACCOUNT
