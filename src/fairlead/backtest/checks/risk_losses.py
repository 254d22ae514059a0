"""The loss ladder of a replayed account, looked at once a candle, at its close.

Live it is looked at once a second. Most replays never reach a limit, so a run is made as if there were no ladder, and
``matters`` tells from its equity curve, and from when entries were placed, whether the ladder changes anything; only
then is the run made again with the ladder followed close by close.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from decimal import Decimal
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fairlead.core.model.loss import LossLimits, LossStanding, LossState, PeriodKind
from fairlead.core.model.money import ONE, ZERO
from fairlead.core.rules.loss_state import apply_change, halting, observe, period_bounds, standing_of
from fairlead.market.candles.series import Floats, Ticks

NOTHING_LOST: Final = LossStanding(day_loss=ZERO, week_loss=ZERO, month_loss=ZERO, drawdown=ZERO)

NEAR: Final = 1e-7
"""A loss so near to a limit, as a fraction, is looked at exactly: curves are sums of floating numbers."""

_DECIMALS: Final = 8
_FEW: Final = 4


class LossReplay:
    """What the account has lost, and what that allows."""

    def __init__(self, limits: LossLimits, strictest: LossLimits, cash: Decimal, begin_ms: int) -> None:
        """Begin with ``cash`` at the first candle's first moment.

        ``limits`` are those of the account, ``strictest`` those that any order is checked against.
        """
        self.limits = limits
        self._strictest = strictest
        self._state = LossState()
        self._standing = NOTHING_LOST
        self._cash = cash
        self._begin_ms = begin_ms
        self.is_empty = all(_is_empty(one) for one in (limits, strictest))
        self.is_calm = True
        self.look(begin_ms, cash)

    @property
    def standing(self) -> LossStanding:
        """What is allowed since the last look."""
        return self._standing

    @property
    def is_halted(self) -> bool:
        """Whether only a person would let it trade on; live, that also takes every entry back."""
        return bool(halting(self._state))

    def look(self, at_ms: int, equity: Decimal) -> LossStanding:
        """See the account's equity at a moment."""
        if self.is_empty:
            return self._standing
        for change in observe(self._state, equity, now_ms=at_ms, zone=UTC, limits=self.limits):
            self._state = apply_change(self._state, change)
        self._standing = standing_of(self._state, equity, now_ms=at_ms, limits=self.limits)
        self.is_calm = _is_calm(self._standing, self._strictest)
        return self._standing

    def follow(self, at_ms: Ticks, equity: Floats) -> None:
        """See the equity at one close after the other."""
        if self.is_empty:
            return
        if not len(at_ms):
            return
        if self._is_quiet(int(at_ms[-1]), float(equity.min()), float(equity.max())):
            # Nothing on the way changes anything, so the last close says it all.
            self.look(int(at_ms[-1]), _exact(float(equity[-1])))
        elif len(at_ms) <= _FEW:
            for moment, value in zip(at_ms.tolist(), equity.tolist(), strict=True):
                self.look(moment, _exact(value))
        else:
            half = len(at_ms) // 2
            self.follow(at_ms[:half], equity[:half])
            self.follow(at_ms[half:], equity[half:])

    def _is_quiet(self, until_ms: int, lowest: float, highest: float) -> bool:
        """Whether until then no equity between these begins a period, moves the peak or reaches a limit."""
        extremes = (_exact(lowest * (1.0 - NEAR)), _exact(highest * (1.0 + NEAR)))
        state, limits = self._state, self.limits
        return not any(observe(state, equity, now_ms=until_ms, zone=UTC, limits=limits) for equity in extremes)

    def matters(self, at_ms: Ticks, equity: Floats, asked: Ticks) -> bool:
        """Whether the ladder changes anything, where entries were placed at the closes ``asked`` only.

        What merely holds entries back until the end of a day or a week matters to those placed until then, what a
        drawdown does to sizes matters ever after; what only a person ends takes back what rests, whenever it comes.

        Asked of a fresh one only: it looks at the whole curve, and changes nothing.
        """
        if self.is_empty:
            return False
        # The account's own limits are among the strictest.
        lows, limits = _PeriodLows(at_ms, equity), self._strictest
        halts = ((PeriodKind.DAY, limits.day_halt), (PeriodKind.MONTH, limits.month_halt))
        if any(self._first_loss(kind, limit, lows) is not None for kind, limit in halts):
            return True
        drawdown = self._first_drawdown(equity)
        if drawdown is not None:
            halts_too = limits.drawdown_reduce is not None or limits.drawdown_halt is not None
            if halts_too or bool((asked >= drawdown).any()):
                return True
        holds = ((PeriodKind.DAY, limits.day_reduce), (PeriodKind.WEEK, limits.week_halve))
        spells = [spell for kind, limit in holds for spell in self._spells(kind, limit, lows)]
        return any(bool(((asked >= first) & (asked < after)).any()) for first, after in spells)

    def _first_drawdown(self, equity: Floats) -> int | None:
        limit = min((one for one in _drawdowns(self._strictest) if one is not None), default=None)
        if limit is None:
            return None
        left, cash = 1.0 - float(limit) + NEAR, float(self._cash)
        if float(equity.min()) > max(cash, float(equity.max())) * left:
            return None
        # The peak that counts moves in steps, so it is at most this one.
        top = np.maximum.accumulate(np.maximum(equity, cash))
        return _first(equity <= top * left)

    def _first_loss(self, kind: PeriodKind, limit: Decimal | None, lows: _PeriodLows) -> int | None:
        return next((first for first, _ in self._spells(kind, limit, lows)), None)

    def _spells(self, kind: PeriodKind, limit: Decimal | None, lows: _PeriodLows) -> Iterator[tuple[int, int]]:
        """Of each period in which so much is lost: the first close at which it is, and the first one of the next."""
        if limit is None:
            return
        equity, (starts, lowest) = lows.equity, lows.of(kind)
        opening = equity[starts].copy()
        if int(lows.at_ms[0]) < period_bounds(kind, self._begin_ms, UTC)[1]:
            # The first period began with the cash, before any close.
            opening[0] = float(self._cash)
        least = opening * (1.0 - float(limit) + NEAR)
        ends = np.append(starts[1:], len(equity))
        for period in np.flatnonzero(lowest <= least).tolist():
            first, after = int(starts[period]), int(ends[period])
            yield first + int(np.argmax(equity[first:after] <= least[period])), after


class _PeriodLows:
    """Where days, weeks and months begin in a curve, and the lowest value of each; the curve is read once, by days."""

    def __init__(self, at_ms: Ticks, equity: Floats) -> None:
        self.at_ms = at_ms
        self.equity = equity

    def of(self, kind: PeriodKind) -> tuple[Ticks, Floats]:
        """Numbers of the first closes of the periods, and lowest values."""
        starts, lowest = self._days
        if kind is PeriodKind.DAY:
            return starts, lowest
        # Longer periods are whole days.
        firsts = self._starts(kind)
        return firsts, np.minimum.reduceat(lowest, np.searchsorted(starts, firsts))

    @cached_property
    def _days(self) -> tuple[Ticks, Floats]:
        starts = self._starts(PeriodKind.DAY)
        return starts, np.minimum.reduceat(self.equity, starts)

    def _starts(self, kind: PeriodKind) -> Ticks:
        first_ms, last_ms = int(self.at_ms[0]), int(self.at_ms[-1])
        return np.unique(np.searchsorted(self.at_ms, _bounds(kind, first_ms, last_ms)))


def _is_empty(limits: LossLimits) -> bool:
    return limits == LossLimits(halt_flattens=limits.halt_flattens)


def _is_calm(standing: LossStanding, limits: LossLimits) -> bool:
    """Whether nothing is refused and no size is cut."""
    if standing.latches or standing.size_factor != ONE:
        return False
    losses = {
        PeriodKind.DAY: standing.day_loss,
        PeriodKind.WEEK: standing.week_loss,
        PeriodKind.MONTH: standing.month_loss,
    }
    pairs = [(losses[kind], limit) for kind, limit in _losses(limits)]
    pairs += [(standing.drawdown, limit) for limit in _drawdowns(limits)]
    return all(limit is None or (loss is not None and loss < limit) for loss, limit in pairs)


def _drawdowns(limits: LossLimits) -> tuple[Decimal | None, ...]:
    return limits.drawdown_taper, limits.drawdown_halve, limits.drawdown_reduce, limits.drawdown_halt


def _losses(limits: LossLimits) -> tuple[tuple[PeriodKind, Decimal | None], ...]:
    return (
        (PeriodKind.DAY, limits.day_reduce),
        (PeriodKind.DAY, limits.day_halt),
        (PeriodKind.WEEK, limits.week_halve),
        (PeriodKind.MONTH, limits.month_halt),
    )


def _bounds(kind: PeriodKind, first_ms: int, last_ms: int) -> Ticks:
    """First moments of the periods from the one of ``first_ms`` to that of ``last_ms``."""
    start_ms, end_ms = period_bounds(kind, first_ms, UTC)
    if kind is not PeriodKind.MONTH:
        # Days and weeks of UTC are all equally long.
        return np.arange(start_ms, last_ms + 1, end_ms - start_ms, dtype=np.int64)
    starts = [start_ms]
    while end_ms <= last_ms:
        starts.append(end_ms)
        end_ms = period_bounds(kind, end_ms, UTC)[1]
    return np.array(starts, dtype=np.int64)


def _first(hits: NDArray[np.bool_]) -> int | None:
    number = int(np.argmax(hits))
    return number if hits[number] else None


def _exact(equity: float) -> Decimal:
    return Decimal(f"{equity:.{_DECIMALS}f}")
