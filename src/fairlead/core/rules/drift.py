"""Compares our book of an account with its venue's report, and says what became of each difference."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Final, NamedTuple

import msgspec

from fairlead.core.model.drift import Drift, DriftCause, DriftKind, DriftPlace
from fairlead.core.model.ids import derive_id
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.money import USD_CURRENCIES, ZERO
from fairlead.core.model.order import OrderStatus
from fairlead.core.model.reports import AccountReport
from fairlead.core.rules.account_book import AccountBook

# What is below is rounding, of theirs or of ours: a venue writes cash down with about this many decimals. It stays
# unbooked, and adds up to a drift when it is more than rounding.
BALANCE_TOLERANCE: Final = Decimal("0.00000001")
USD_TOLERANCE: Final = Decimal("0.000001")
# The most that one funding payment may be of a position's value (OKX API v5: maxFundingRate).
FUNDING_SHARE_MAX: Final = Decimal("0.015")
# A difference of the same amount is believed at the second look; one that never stands still at this one.
SAME_LOOKS_MIN: Final = 2
LOOKS_MIN: Final = 5
DOUBTFUL: Final = frozenset({OrderStatus.IN_FLIGHT, OrderStatus.UNKNOWN})

Instruments = Mapping[str, Instrument]


class Sighting(NamedTuple):
    """How often in a row a place was seen to differ, and how often by this very amount."""

    change: Decimal
    same: int
    looks: int

    @property
    def is_believed(self) -> bool:
        """Whether it is more than a moment between an answer and its report."""
        return self.same >= SAME_LOOKS_MIN or self.looks >= LOOKS_MIN


Sightings = Mapping[DriftPlace, Sighting]


def find_drifts(book: AccountBook, report: AccountReport, instruments: Instruments, now_ms: int) -> tuple[Drift, ...]:
    """Every difference between our book and the venue's report, as of ``now_ms``."""
    finder = _Finder(book, report, instruments)
    return tuple(_name(book.account_id, drift, now_ms) for drift in finder.find())


def sight(before: Sightings, found: Iterable[Drift]) -> Sightings:
    """Count another look."""
    seen: dict[DriftPlace, Sighting] = {}
    for drift in found:
        last = before.get(drift.place, Sighting(drift.change, 0, 0))
        same = last.same + 1 if last.change == drift.change else 1
        seen[drift.place] = Sighting(drift.change, same, last.looks + 1)
    return seen


def next_drifts(known: Iterable[Drift], found: Iterable[Drift], seen: Sightings | None) -> tuple[Drift, ...]:
    """The drifts of an account after a look: those that are still there, and new ones that ``seen`` lets believe.

    None believes all. What is not found any more is gone; an amount that only flickers leaves what was known.
    """
    old = {drift.place: drift for drift in known}
    kept: list[Drift] = []
    for drift in found:
        before = old.get(drift.place)
        if before is not None and (before.change, before.order) == (drift.change, drift.order):
            kept.append(before)
        elif seen is None or seen[drift.place].is_believed:
            kept.append(drift)
        elif before is not None:
            kept.append(before)
    return tuple(kept)


def _name(account_id: str, drift: Drift, now_ms: int) -> Drift:
    parts = (account_id, *drift.place, str(drift.ours), str(drift.theirs))
    return msgspec.structs.replace(drift, drift_id=derive_id(now_ms, "drift", *parts), since_ms=now_ms)


class _Finder:
    """One comparison: positions first, because they explain cash."""

    def __init__(self, book: AccountBook, report: AccountReport, instruments: Instruments) -> None:
        self._book = book
        self._report = report
        self._instruments = instruments
        self._orders = list(self._compare_orders())
        # An order whose fate is not known, or that the venue has no longer, may have filled.
        self._may_miss = {order.symbol for order in book.orders.values() if order.status in DOUBTFUL}
        missing = [drift.subject for drift in self._orders if drift.kind is DriftKind.MISSING_ORDER]
        self._may_miss |= {book.orders[order_id].symbol for order_id in missing}

    def find(self) -> Iterator[Drift]:
        cash = {currency: change for currency, change in self._compare_cash() if abs(change) > _tolerance(currency)}
        positions = list(self._compare_positions(cash))
        for currency, change in cash.items():
            ours = self._cash(currency)
            cause = self._explain_cash(currency, cash, positions)
            yield _drift(DriftKind.BALANCE, currency, cause, ours=ours, theirs=ours + change)
        yield from positions
        yield from self._orders

    def _cash(self, currency: str) -> Decimal:
        balance = self._book.balances.get(currency)
        return ZERO if balance is None else balance.total

    def _compare_cash(self) -> Iterator[tuple[str, Decimal]]:
        for currency in sorted({*self._book.balances, *self._report.balances}):
            yield currency, self._report.balances.get(currency, ZERO) - self._cash(currency)

    def _compare_positions(self, cash: Mapping[str, Decimal]) -> Iterator[Drift]:
        venue = {(one.symbol, one.position_side): one.quantity for one in self._report.positions}
        for symbol, side in sorted({*self._book.positions, *venue}):
            held = self._book.positions.get((symbol, side))
            ours, theirs = ZERO if held is None else held.quantity, venue.get((symbol, side), ZERO)
            if ours == theirs:
                continue
            cause = DriftCause.OUTSIDE_POSITION
            instrument = self._instruments.get(symbol)
            if symbol in self._may_miss:
                cause = DriftCause.MISSED_FILL
            elif not theirs and instrument is not None and cash.get(instrument.settle_currency, ZERO) < ZERO:
                cause = DriftCause.LIQUIDATION
            drift = _drift(DriftKind.POSITION, symbol, cause, ours=ours, theirs=theirs)
            yield msgspec.structs.replace(drift, position_side=side)

    def _compare_orders(self) -> Iterator[Drift]:
        described = {order.order_id: order for order in self._report.open_orders}
        open_there = set(self._report.open_order_ids)
        for order_id in sorted(open_there - set(self._book.orders)):
            drift = _drift(DriftKind.OUTSIDE_ORDER, order_id, DriftCause.OUTSIDE_ORDER)
            yield msgspec.structs.replace(drift, order=described.get(order_id))
        sure = {order_id for order_id, order in self._book.orders.items() if order.status not in DOUBTFUL}
        for order_id in sorted(sure - open_there):
            yield _drift(DriftKind.MISSING_ORDER, order_id, DriftCause.MISSED_FILL)

    def _explain_cash(self, currency: str, cash: Mapping[str, Decimal], positions: Iterable[Drift]) -> DriftCause:
        for drift in positions:
            instrument = self._instruments.get(drift.subject)
            if instrument is not None and instrument.settle_currency == currency:
                return drift.cause
        change = cash[currency]
        for instrument in self._instruments.values():
            if not instrument.is_spot or currency not in {instrument.base_currency, instrument.quote_currency}:
                continue
            if instrument.symbol in self._may_miss:
                return DriftCause.MISSED_FILL
            base, quote = cash.get(instrument.base_currency, ZERO), cash.get(instrument.quote_currency, ZERO)
            if base * quote < ZERO:
                return DriftCause.OUTSIDE_ORDER
        return DriftCause.FUNDING if abs(change) <= self._funding_max(currency) else DriftCause.MANUAL_BALANCE

    def _funding_max(self, currency: str) -> Decimal:
        total = ZERO
        for position in self._book.positions.values():
            instrument = self._instruments.get(position.symbol)
            if instrument is not None and instrument.settle_currency == currency and position.entry_price:
                total += instrument.notional(abs(position.quantity), position.entry_price)
        return total * FUNDING_SHARE_MAX


def _tolerance(currency: str) -> Decimal:
    return USD_TOLERANCE if currency in USD_CURRENCIES else BALANCE_TOLERANCE


def _drift(kind: DriftKind, subject: str, cause: DriftCause, *, ours: Decimal = ZERO, theirs: Decimal = ZERO) -> Drift:
    return Drift(drift_id="", kind=kind, cause=cause, subject=subject, since_ms=0, ours=ours, theirs=theirs)
