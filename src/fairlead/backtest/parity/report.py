"""One bot's day beside its replay: what both earned, and the difference by its parts."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum

import msgspec

from fairlead.backtest.parity.comparing import Difference, blame, compare
from fairlead.backtest.parity.parts import Parts, add_up, profit_of
from fairlead.backtest.parity.replaying import depends_on_cash, replay
from fairlead.backtest.parity.stretches import BotDay, Stretch
from fairlead.core.model.money import ZERO
from fairlead.core.rules.bots.rules import FindRule, no_rules
from fairlead.market.candles.series import CandleSeries


class Skipped(StrEnum):
    """Why a stretch is not replayed, for people."""

    HELD_BACK = "it was paused, stopped or held back"
    OF_CASH = "its sizes are shares of what the account has free"
    NO_CANDLES = "no candles, or shorter than one"


class SkippedStretch(msgspec.Struct, frozen=True):
    """A stretch of which nothing is said; ``fills`` is how many orders were filled in it."""

    begin_ms: int
    end_ms: int
    fills: int
    why: Skipped


class BotDrift(msgspec.Struct, frozen=True, kw_only=True):
    """One bot's day: profits of the stretches that were replayed, in ``currency``, what is open at the last close.

    ``parts`` add up to ``live_profit - replayed_profit``.
    """

    bot: str
    symbol: str
    currency: str
    stretches: int
    fills: int
    live_profit: Decimal
    replayed_profit: Decimal
    parts: Parts
    differences: tuple[Difference, ...]
    skipped: tuple[SkippedStretch, ...]


def drift_of(
    day: BotDay, series: CandleSeries | None, wrong_ms: Sequence[int] = (), find_rule: FindRule = no_rules
) -> BotDrift:
    """Replay every stretch of a bot's day and compare.

    ``wrong_ms`` are times of decisions that do not come out again from the journal: whatever differs in their stretch
    is a bug.

    Raises:
        ValueError: a rule cannot be read.
    """
    live = theirs = ZERO
    found: list[Difference] = []
    skipped: list[SkippedStretch] = []
    fills = 0
    for stretch in day.stretches:
        trades = stretch.trades()
        why = _why_skipped(stretch)
        replayed = None if why is not None or series is None else replay(stretch, series, find_rule)
        if replayed is None:
            why = why or Skipped.NO_CANDLES
            skipped.append(SkippedStretch(stretch.begin_ms, stretch.end_ms, len(trades), why))
            continue
        instrument, mark = stretch.terms.instrument, replayed.mark
        fills += len(trades)
        live += profit_of(trades, mark, instrument)
        theirs += profit_of(replayed.trades, mark, instrument)
        differences = compare(trades, stretch.orders.values(), replayed, instrument)
        if any(stretch.begin_ms <= at_ms <= stretch.end_ms for at_ms in wrong_ms):
            differences = [blame(one) for one in differences]
        found += differences
    return BotDrift(
        bot=day.bot,
        symbol=day.symbol,
        currency=day.stretches[0].terms.instrument.settle_currency if day.stretches else "",
        stretches=len(day.stretches) - len(skipped),
        fills=fills,
        live_profit=live,
        replayed_profit=theirs,
        parts=add_up(one.parts for one in found),
        differences=tuple(found),
        skipped=tuple(skipped),
    )


def _why_skipped(stretch: Stretch) -> Skipped | None:
    if stretch.is_held_back:
        return Skipped.HELD_BACK
    return Skipped.OF_CASH if depends_on_cash(stretch.settings, stretch) else None
