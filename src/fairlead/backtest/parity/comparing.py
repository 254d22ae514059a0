"""Compares the fills of one stretch with those of its replay, order by order, and says of each difference why it is.

An order is known by its cycle, its slot, and how many there were before it in the same slot. As long as everything
before was equal, the same rule must have ordered the same: what differs then and is no matter of fills is a bug.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal
from enum import StrEnum

import msgspec

from fairlead.backtest.parity.parts import Parts, gain_of, split_pair
from fairlead.backtest.parity.stretches import OTHERS_SLOT, LiveOrder, Trade
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.money import ZERO

Key = tuple[int, str, bool, int]


class Why(StrEnum):
    """What explains a difference, for people."""

    FILLS = "filled otherwise"
    PARTIAL = "filled in part only"
    NOT_FILLED = "it rested, and the exchange did not fill what the candle touches"
    NOT_TOUCHED = "no candle reaches its price"
    NOT_RESTING = "it did not rest at that time"
    REFUSED = "it was refused"
    FOLLOWS = "follows from what was different before"
    OTHERS = "somebody else closed it"
    NOT_SEEN = "it was decided at a price that the other did not see"
    NO_CANDLE = "the candles end there"
    ORDERED_OTHERWISE = "the same fills before, and another order"
    NEVER_ORDERED = "the same fills before, and no such order"
    DECIDED_OTHERWISE = "decisions of this bot do not come out again: fairlead verify --decisions"


BUGS = frozenset({Why.ORDERED_OTHERWISE, Why.NEVER_ORDERED, Why.DECIDED_OTHERWISE})


class ReplayedOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order of the replay that rested from ``from_ms`` to ``to_ms``."""

    slot: str
    price: Decimal
    from_ms: int
    to_ms: int


class Replayed(msgspec.Struct, frozen=True, kw_only=True):
    """What the replay of a stretch did until ``end_ms``; ``candle_ms`` is how long a candle lasts.

    ``mark`` is the last close. ``sees_prices``: what is ordered follows from prices beside fills, and those that a rule
    is asked at are others than live.
    """

    trades: Sequence[Trade]
    orders: Sequence[ReplayedOrder]
    candle_ms: int
    end_ms: int
    mark: Decimal
    sees_prices: bool = False


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One order that came to something else; a price of None: not filled there."""

    at_ms: int
    cycle: int
    slot: str
    live_price: Decimal | None
    replayed_price: Decimal | None
    live_quantity: Decimal
    replayed_quantity: Decimal
    why: Why
    parts: Parts


def compare(
    live: Sequence[Trade], orders: Iterable[LiveOrder], replayed: Replayed, instrument: Instrument
) -> list[Difference]:
    """Every order whose fills differ, in the order of time."""
    return _Comparison(list(orders), replayed, instrument).run(_by_key(live), _by_key(replayed.trades))


def blame(difference: Difference) -> Difference:
    """The same as a bug: decisions of this stretch do not come out again."""
    whole = Parts(bug=difference.parts.total)
    return msgspec.structs.replace(difference, why=Why.DECIDED_OTHERWISE, parts=whole)


class _Comparison:
    def __init__(self, orders: Sequence[LiveOrder], replayed: Replayed, instrument: Instrument) -> None:
        self._orders = orders
        self._replayed = replayed
        self._instrument = instrument

    def run(self, live: dict[Key, Trade], theirs: dict[Key, Trade]) -> list[Difference]:
        found: list[Difference] = []
        is_same = not self._replayed.sees_prices
        for key in sorted({*live, *theirs}, key=lambda key: (_time_of(key, live, theirs), key)):
            mine, other = live.get(key), theirs.get(key)
            if mine is not None and other is not None:
                one = self._compare_pair(mine, other, is_same=is_same)
            elif mine is not None:
                one = self._live_alone(mine, is_same=is_same)
            else:
                assert other is not None
                one = self._replayed_alone(other, is_same=is_same)
            if one is not None:
                found.append(one)
                is_same = False
        return found

    def _compare_pair(self, live: Trade, other: Trade, *, is_same: bool) -> Difference | None:
        if _facts(live) == _facts(other):
            return None
        parts = split_pair(
            live, other, self._replayed.mark, self._instrument, is_late=not self._is_candle_of(live, other)
        )
        why = Why.PARTIAL if live.is_partial and live.quantity != other.quantity else Why.FILLS
        if is_same and _is_ordered_otherwise(live, other):
            why, parts = Why.ORDERED_OTHERWISE, Parts(bug=parts.total)
        return _difference(live, other, why, parts)

    def _live_alone(self, live: Trade, *, is_same: bool) -> Difference:
        part = gain_of(live, self._replayed.mark, self._instrument)
        slot = [one for one in self._replayed.orders if one.slot == live.slot]
        resting = [one for one in slot if one.from_ms - self._replayed.candle_ms <= live.at_ms <= one.to_ms]
        if live.slot == OTHERS_SLOT:
            why = Why.OTHERS
        elif resting:
            why = Why.NOT_TOUCHED
        elif slot:
            why = Why.NOT_RESTING
        elif live.at_ms >= self._replayed.end_ms - self._replayed.candle_ms:
            why = Why.NO_CANDLE
        else:
            why = _never_ordered(live, is_same=is_same)
        return _difference(live, None, why, _whole(part, why))

    def _replayed_alone(self, other: Trade, *, is_same: bool) -> Difference:
        part = -gain_of(other, self._replayed.mark, self._instrument)
        slot = [one for one in self._orders if one.want.slot == other.slot and one.cycle == other.cycle]
        until_ms = other.at_ms + self._replayed.candle_ms
        resting = [one for one in slot if one.placed_ms < until_ms and not 0 < one.over_ms < other.at_ms]
        if any(one.reason and not one.quantity for one in slot):
            why = Why.REFUSED
        elif resting:
            why = Why.NOT_FILLED
        elif slot:
            why = Why.NOT_RESTING
        else:
            why = _never_ordered(other, is_same=is_same)
        return _difference(None, other, why, _whole(part, why))

    def _is_candle_of(self, live: Trade, other: Trade) -> bool:
        """Whether a fill was heard of in the candle of the other, or in one beside it, for hearing takes a moment."""
        length_ms = self._replayed.candle_ms
        return other.at_ms - length_ms <= live.at_ms < other.at_ms + 2 * length_ms


def _by_key(trades: Iterable[Trade]) -> dict[Key, Trade]:
    numbers: defaultdict[tuple[int, str, bool], int] = defaultdict(int)
    found: dict[Key, Trade] = {}
    for one in trades:
        place = (one.cycle, one.slot, one.is_buy)
        before = found.get((*place, numbers[place]))
        # After a part comes the rest of the same wish, ordered again.
        continues = before is not None and before.is_partial
        if before is not None and not continues:
            numbers[place] += 1
        found[*place, numbers[place]] = _join(before, one) if before is not None and continues else one
    return found


def _join(first: Trade, second: Trade) -> Trade:
    quantity = first.quantity + second.quantity
    return msgspec.structs.replace(
        second,
        quantity=quantity,
        price=(first.price * first.quantity + second.price * second.quantity) / quantity,
        value=first.value + second.value,
        fee_base=first.fee_base + second.fee_base,
        fee_settle=first.fee_settle + second.fee_settle,
    )


def _never_ordered(trade: Trade, *, is_same: bool) -> Why:
    """Why one side never had such an order; one at market is decided at a price, which a candle may not show."""
    if not is_same:
        return Why.FOLLOWS
    return Why.NOT_SEEN if trade.limit is None else Why.NEVER_ORDERED


def _time_of(key: Key, live: dict[Key, Trade], theirs: dict[Key, Trade]) -> int:
    return min(one.at_ms for one in (live.get(key), theirs.get(key)) if one is not None)


def _facts(trade: Trade) -> tuple[object, ...]:
    return trade.is_buy, trade.quantity, trade.price, trade.value, trade.fee_base, trade.fee_settle


def _is_ordered_otherwise(live: Trade, other: Trade) -> bool:
    """Whether the orders themselves differ: their limits, or how much was ordered where all of it was filled."""
    if live.limit is None or other.limit is None:
        return (live.limit is None) is not (other.limit is None)
    return live.limit != other.limit or (not live.is_partial and live.quantity != other.quantity)


def _whole(part: Decimal, why: Why) -> Parts:
    return Parts(bug=part) if why in BUGS else Parts(missed=part)


def _difference(live: Trade | None, other: Trade | None, why: Why, parts: Parts) -> Difference:
    one = live or other
    assert one is not None
    return Difference(
        at_ms=min(side.at_ms for side in (live, other) if side is not None),
        cycle=one.cycle,
        slot=one.slot,
        live_price=None if live is None else live.price,
        replayed_price=None if other is None else other.price,
        live_quantity=ZERO if live is None else live.quantity,
        replayed_quantity=ZERO if other is None else other.quantity,
        why=why,
        parts=parts,
    )
