"""Numbers of a message: prices and values over several orders, profits, durations, as people read them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from fairlead.core.model.instrument import Instrument
from fairlead.core.model.market import Quote
from fairlead.core.model.money import ZERO
from fairlead.core.model.order import Order
from fairlead.core.rules.sizing import show
from fairlead.core.rules.valuation import usd_rate
from fairlead.notify.ledger import FillSum, realized_sums
from fairlead.notify.message import Detail

MS_PER_SECOND: Final = 1_000
SECONDS_PER_MINUTE: Final = 60
_CENT: Final = Decimal("0.01")
_SHOWN_DIGITS: Final = Decimal("1E-8")


def describe_fills(
    orders: Sequence[Order],
    instrument: Instrument | None,
    quotes: Mapping[str, Quote],
) -> list[Detail]:
    """Filled quantity, average price, and value in USD, over all orders of one instrument."""
    filled = [order for order in orders if order.filled_quantity > ZERO and order.average_price > ZERO]
    if instrument is None or not filled:
        return []
    quantity = sum((order.filled_quantity for order in filled), ZERO)
    price = average_price(filled, instrument)
    value = sum((instrument.notional_in_quote(order.filled_quantity, order.average_price) for order in filled), ZERO)
    rate = usd_rate(instrument.quote_currency, quotes)
    worth = f"{show_cents(value * rate)} USD" if rate is not None else f"{show(value)} {instrument.quote_currency}"
    return [
        Detail(name="Filled", value=f"{show(quantity)} {instrument.quantity_unit}"),
        Detail(name="Average price", value=f"{show(price.quantize(_SHOWN_DIGITS, ROUND_HALF_EVEN))}"),
        Detail(name="Value", value=worth),
    ]


def average_price(filled: Sequence[Order], instrument: Instrument) -> Decimal:
    """Average of several orders' average prices by quantity; the harmonic mean for inverse contracts."""
    quantity = sum((order.filled_quantity for order in filled), ZERO)
    if instrument.is_inverse:
        return quantity / sum((order.filled_quantity / order.average_price for order in filled), ZERO)
    return sum((order.filled_quantity * order.average_price for order in filled), ZERO) / quantity


def describe_profit(sums: Iterable[FillSum]) -> list[Detail]:
    """Realised profit or loss, one line for each currency that it came in."""
    return [
        Detail(name="Realized P&L", value=f"{'+' if amount > ZERO else ''}{show_signed(amount)} {currency}")
        for currency, amount in realized_sums(sums).items()
    ]


def describe_duration(received_ms: int, filled_ms: int) -> Detail:
    """Time from the receipt of an alert to its last fill."""
    return Detail(name="Duration", value=show_duration(max(filled_ms - received_ms, 0)))


def show_duration(duration_ms: int) -> str:
    """Write a duration in its natural unit: ``85 ms``, ``2.4 s``, ``3 min 5 s``."""
    if duration_ms < MS_PER_SECOND:
        return f"{duration_ms} ms"
    seconds, rest = divmod(duration_ms, MS_PER_SECOND)
    if seconds < SECONDS_PER_MINUTE:
        return f"{seconds}.{rest // 100} s"
    return f"{seconds // SECONDS_PER_MINUTE} min {seconds % SECONDS_PER_MINUTE} s"


def show_cents(value: Decimal) -> str:
    """Write an amount of dollars; to the cent, unless it is less than one."""
    return show(value) if abs(value) < _CENT else f"{value.quantize(_CENT, ROUND_HALF_EVEN):,}"


def show_signed(amount: Decimal) -> str:
    """Write a number that may be negative."""
    return f"-{show(-amount)}" if amount < ZERO else show(amount)
