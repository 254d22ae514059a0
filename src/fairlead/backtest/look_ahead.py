"""Proves that no decision knew the future: the same run on candles that end earlier must be the same until they end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest
from typing import Final

import msgspec
import numpy as np

from fairlead.backtest.result import BacktestResult
from fairlead.backtest.spec import BacktestSpec
from fairlead.backtest.sweeps.trial_runner import Progress, no_progress
from fairlead.backtest.sweeps.trials import Market, Run
from fairlead.core.model.instrument import Instrument

CUTS_MAX: Final = 10_000
CANDLES_MIN: Final = 2
MISSING: Final = "missing"

Facts = Iterable[tuple[int, str, Mapping[str, object]]]


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """The first thing that is not the same: when, what of it, and both values.

    ``cut_ms`` is where the shorter candles end: what happened at ``at_ms`` depends on something after it. Without a cut
    (0) two runs on the same candles already differ.
    """

    cut_ms: int
    at_ms: int
    what: str
    field: str
    whole: str
    cut: str


class LookAhead(msgspec.Struct, frozen=True, kw_only=True):
    """What was compared, and the first difference, if there is one."""

    cuts: tuple[int, ...]
    fills: int
    orders: int
    closes: int
    difference: Difference | None = None


def check_look_ahead(
    spec: BacktestSpec,
    market: Market,
    instruments: Mapping[str, Instrument],
    run: Run,
    *,
    cuts: Sequence[int],
    progress: Progress = no_progress,
) -> LookAhead:
    """Run on all candles twice, then on those that end at each cut (UTC ms), until something differs.

    Raises:
        ValueError: the specification cannot be replayed, or there is nothing before a cut.
    """
    whole = run(spec, market, instruments, keep_orders=True)
    compared = LookAhead(cuts=tuple(cuts), fills=0, orders=0, closes=0)
    for done, cut_ms in enumerate((0, *cuts)):
        progress(done, len(cuts) + 1)
        shorter = market if not cut_ms else _until(market, cut_ms)
        cut = run(spec, shorter, instruments, keep_orders=True)
        difference = compare_until(whole, cut, cut_ms)
        compared = msgspec.structs.replace(
            compared,
            fills=compared.fills + len(cut.fills),
            orders=compared.orders + len(cut.orders),
            closes=compared.closes + len(cut.equity),
            difference=difference,
        )
        if difference is not None:
            break
    progress(len(cuts) + 1, len(cuts) + 1)
    return compared


def draw_cuts(market: Market, *, count: int, seed: int) -> tuple[int, ...]:
    """Closes of random candles, in order of time; the same for the same seed.

    Raises:
        ValueError: there are too few candles, or too many cuts are wanted.
    """
    begin_ms = max(series.begin_ms for series in market.values())
    series = next(iter(market.values()))
    closes = series.opened_ms[series.opened_ms >= begin_ms][CANDLES_MIN:-1] + series.length_ms
    if not len(closes) or not 0 < count <= CUTS_MAX:
        message = f"{count} cuts of {len(series)} candles: from 1 to {CUTS_MAX}, and at least {CANDLES_MIN + 2} candles"
        raise ValueError(message)
    dice = np.random.default_rng(seed)
    return tuple(sorted(dice.choice(closes, size=min(count, len(closes)), replace=False).tolist()))


def compare_until(whole: BacktestResult, cut: BacktestResult, cut_ms: int) -> Difference | None:
    """The earliest difference between two runs before a moment; 0: at all."""
    end_ms = cut_ms or whole.end_ms + 1
    found = [
        _first_difference("order", _orders(whole, end_ms), _orders(cut, end_ms), cut_ms),
        _first_difference("fill", _fills(whole, end_ms), _fills(cut, end_ms), cut_ms),
        _first_difference("denial", _denials(whole, end_ms), _denials(cut, end_ms), cut_ms),
        _different_equity(whole, cut, cut_ms),
    ]
    return min((one for one in found if one is not None), key=lambda one: one.at_ms, default=None)


def _until(market: Market, cut_ms: int) -> Market:
    return {symbol: series.between(series.begin_ms, cut_ms) for symbol, series in market.items()}


def _orders(result: BacktestResult, end_ms: int) -> Facts:
    # What became of an order that rests at the cut is not known there yet.
    over = [order for order in result.orders if order.to_ms < end_ms]
    for order in sorted(over, key=lambda one: (one.from_ms, one.bot, one.slot, one.to_ms)):
        yield order.from_ms, f"order {order.slot}", msgspec.structs.asdict(order)


def _fills(result: BacktestResult, end_ms: int) -> Facts:
    for fill in result.fills:
        if fill.at_ms < end_ms:
            yield fill.at_ms, f"fill {fill.slot}", msgspec.structs.asdict(fill)


def _denials(result: BacktestResult, end_ms: int) -> Facts:
    for denial in result.denials:
        if denial.at_ms < end_ms:
            yield denial.at_ms, f"denial {denial.slot}", msgspec.structs.asdict(denial)


def _first_difference(what: str, whole: Facts, cut: Facts, cut_ms: int) -> Difference | None:
    for ours, theirs in zip_longest(whole, cut):
        if ours == theirs:
            continue
        if ours is None or theirs is None:
            at_ms, name, _ = ours or theirs
            there = "" if ours is None else "is there"
            return Difference(
                cut_ms=cut_ms,
                at_ms=at_ms,
                what=name,
                field=what,
                whole=there or MISSING,
                cut=MISSING if there else "is there",
            )
        (at_ms, name, left), (other_ms, _, right) = ours, theirs
        field = next((key for key in left if left[key] != right[key]), "at_ms")
        return Difference(
            cut_ms=cut_ms,
            at_ms=min(at_ms, other_ms),
            what=name,
            field=field,
            whole=str(left.get(field, at_ms)),
            cut=str(right.get(field, other_ms)),
        )
    return None


def _different_equity(whole: BacktestResult, cut: BacktestResult, cut_ms: int) -> Difference | None:
    count = len(cut.equity)
    for name, ours, theirs in (
        ("at_ms", whole.equity.at_ms[:count], cut.equity.at_ms),
        ("equity", whole.equity.values[:count], cut.equity.values),
        ("held_value", whole.held_value[:count], cut.held_value),
    ):
        apart = np.flatnonzero(ours != theirs) if len(ours) == len(theirs) else np.arange(len(theirs))[-1:]
        if len(apart):
            place = int(apart[0])
            return Difference(
                cut_ms=cut_ms,
                at_ms=int(cut.equity.at_ms[place]),
                what="close",
                field=name,
                whole=repr(ours[place].item()) if place < len(ours) else MISSING,
                cut=repr(theirs[place].item()),
            )
    return None
