"""The loss ladder: equity against the start of the day, week and month, and against its peak.

Thresholds are data (``LossLimits``). Losses are measured on account equity, realized and unrealized, with transfers
taken out, at or beyond the limit; what was reached stays reached, so a recovering price undoes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from typing import Final

import msgspec

from fairlead.core.model import events as ev
from fairlead.core.model.loss import (
    LimitLifted,
    LimitReached,
    LossChange,
    LossLatch,
    LossLimits,
    LossPeriod,
    LossStanding,
    LossState,
    LossStep,
    PeakMoved,
    PeriodKind,
    PeriodStarted,
)
from fairlead.core.model.money import ONE, ZERO, floor_to_decimals, floor_to_step
from fairlead.core.model.risk import TradingState

# A peak is written down when it moves, so it moves in steps: at most this much of a drawdown goes unseen.
PEAK_STEP: Final = Decimal("1.0005")
MONEY_STEP: Final = Decimal("1E-8")
SHARE_STEP: Final = Decimal("1E-8")
HALF: Final = Decimal("0.5")
SMALLEST_FACTOR: Final = Decimal("0.25")
DECEMBER: Final = 12

_KINDS: Final = tuple(PeriodKind)
_STATE_OF_STEP: Final = {
    LossStep.DAY_REDUCE: TradingState.REDUCING,
    LossStep.DAY_HALT: TradingState.HALTED,
    LossStep.MONTH_HALT: TradingState.HALTED,
    LossStep.DRAWDOWN_REDUCE: TradingState.REDUCING,
    LossStep.DRAWDOWN_HALT: TradingState.HALTED,
}
_PERIOD_OF_STEP: Final = {
    LossStep.DAY_REDUCE: PeriodKind.DAY,
    LossStep.DAY_HALT: PeriodKind.DAY,
    LossStep.WEEK_HALVE: PeriodKind.WEEK,
    LossStep.MONTH_HALT: PeriodKind.MONTH,
}


def period_bounds(kind: PeriodKind, now_ms: int, zone: tzinfo) -> tuple[int, int]:
    """Find the first instant of the running local day, week (from Monday) or month, and of the next, in UTC ms.

    Where a clock change skips midnight the day begins with the first instant after it; where midnight comes twice,
    with the first (datetime's ``fold=0``).
    """
    today = datetime.fromtimestamp(now_ms / 1000, tz=zone).date()
    first, following = today, today + timedelta(days=1)
    if kind is PeriodKind.WEEK:
        first = today - timedelta(days=today.weekday())
        following = first + timedelta(days=7)
    elif kind is PeriodKind.MONTH:
        first = today.replace(day=1)
        is_last = first.month == DECEMBER
        following = date(first.year + 1, 1, 1) if is_last else date(first.year, first.month + 1, 1)
    return _midnight_ms(first, zone), _midnight_ms(following, zone)


def observe(
    state: LossState,
    equity: Decimal,
    *,
    now_ms: int,
    zone: tzinfo,
    limits: LossLimits,
) -> tuple[LossChange, ...]:
    """Tell what an equity in USD changes: periods that begin, a new peak, limits that are reached now.

    Without equity of its own an account can lose no share of it, so nothing is counted before there is some.
    """
    changes: list[LossChange] = []
    for change in _roll(state, equity, now_ms, zone):
        changes.append(change)
        state = apply_change(state, change)
    if equity > state.peak_equity * PEAK_STEP:
        changes.append(PeakMoved(peak_equity=equity))
        state = apply_change(state, changes[-1])
    changes += [
        LimitReached(latch=latch)
        for latch in _reached(state, equity, now_ms, limits)
        if not any(one.step is latch.step and _holds(one, now_ms) for one in state.latches)
    ]
    return tuple(changes)


def apply_change(state: LossState, change: LossChange) -> LossState:
    """Fold one change into the state; the same change again changes nothing."""
    match change:
        case PeriodStarted():
            period = change.period
            others = tuple(one for one in state.periods if one.kind is not period.kind)
            latches = tuple(latch for latch in state.latches if _holds(latch, period.start_ms))
            return msgspec.structs.replace(state, periods=(*others, period), latches=latches)
        case PeakMoved():
            return msgspec.structs.replace(state, peak_equity=change.peak_equity)
        case LimitReached():
            others_held = tuple(latch for latch in state.latches if latch.step is not change.latch.step)
            return msgspec.structs.replace(state, latches=(*others_held, change.latch))
        case LimitLifted():
            return _lift(state, change)


def add_transfer(state: LossState, amount: Decimal, equity_before: Decimal) -> LossState:
    """Take a deposit (positive) or a withdrawal in USD out of every loss.

    The peak is scaled as the value of a fund's units would be: units times value is equity before and after.
    """
    periods = tuple(msgspec.structs.replace(period, transfers=period.transfers + amount) for period in state.periods)
    after = equity_before + amount
    peak = after
    if equity_before > ZERO and after > ZERO:
        peak = floor_to_step(state.peak_equity * after / equity_before, MONEY_STEP)
    return msgspec.structs.replace(state, periods=periods, peak_equity=peak)


def standing_of(state: LossState, equity: Decimal | None, *, now_ms: int, limits: LossLimits) -> LossStanding:
    """Tell what is allowed now: the strictest latch decides, the smallest factor sizes."""
    latches = tuple(latch for latch in state.latches if _holds(latch, now_ms))
    strictest, factor = _allowed(latches) if latches else (TradingState.ACTIVE, ONE)
    if equity is None:
        return LossStanding(trading_state=strictest, size_factor=factor, latches=latches)
    drawdown = drawdown_of(state, equity)
    losses = _losses_of(state, equity)
    return LossStanding(
        trading_state=strictest,
        size_factor=min(factor, drawdown_factor(drawdown, limits)),
        latches=latches,
        day_loss=losses.get(PeriodKind.DAY),
        week_loss=losses.get(PeriodKind.WEEK),
        month_loss=losses.get(PeriodKind.MONTH),
        drawdown=drawdown,
    )


def fold_loss(state: LossState, event: ev.LossEvent) -> LossState:
    """Add one journaled fact; the same again changes nothing, but for a transfer, which is journaled once."""
    match event:
        case ev.LossPeriodStarted():
            return apply_change(state, PeriodStarted(period=event.period))
        case ev.EquityPeakMoved():
            return apply_change(state, PeakMoved(peak_equity=event.peak_equity))
        case ev.LossLimitReached():
            return apply_change(state, LimitReached(latch=event.latch))
        case ev.LossLimitLifted():
            return apply_change(state, LimitLifted(step=event.step, equity=event.equity))
        case ev.TransferCounted():
            return add_transfer(state, event.amount_usd, event.equity_before_usd)


def loss_events(changes: Iterable[LossChange], account_id: str, at_ms: int) -> Iterator[ev.LossEvent]:
    """Write down as facts of an account what an equity changed; lifting a limit is a person's, never an equity's."""
    for change in changes:
        match change:
            case PeriodStarted():
                yield ev.LossPeriodStarted(account_id=account_id, period=change.period, at_ms=at_ms)
            case PeakMoved():
                yield ev.EquityPeakMoved(account_id=account_id, peak_equity=change.peak_equity, at_ms=at_ms)
            case LimitReached():
                yield ev.LossLimitReached(account_id=account_id, latch=change.latch, at_ms=at_ms)
            case LimitLifted():
                pass


def halting(state: LossState) -> tuple[LossLatch, ...]:
    """What holds until a person resumes."""
    return tuple(latch for latch in state.latches if not latch.until_ms)


def loss_of(period: LossPeriod, equity: Decimal) -> Decimal:
    """Share of the equity at the start that is gone, transfers taken out; negative is a gain."""
    if period.start_equity <= ZERO:
        return ZERO
    lost = period.start_equity + period.transfers - equity
    return floor_to_decimals(lost / period.start_equity, SHARE_STEP)


def drawdown_of(state: LossState, equity: Decimal) -> Decimal:
    """Share of the peak that is gone; 0 at the peak."""
    if state.peak_equity <= ZERO:
        return ZERO
    if equity >= state.peak_equity:
        return ZERO
    return floor_to_decimals((state.peak_equity - equity) / state.peak_equity, SHARE_STEP)


def drawdown_factor(drawdown: Decimal, limits: LossLimits) -> Decimal:
    """How much of a size is left at a drawdown: the smaller of the line and the half, never their product."""
    factor = ONE
    start, end = limits.drawdown_taper, limits.drawdown_reduce
    if start is not None and end is not None and drawdown > start:
        slope = (ONE - SMALLEST_FACTOR) * (drawdown - start) / (end - start) if end > start else ONE
        factor = max(SMALLEST_FACTOR, floor_to_step(ONE - slope, SHARE_STEP))
    if limits.drawdown_halve is not None and drawdown >= limits.drawdown_halve:
        factor = min(factor, HALF)
    return factor


def _roll(state: LossState, equity: Decimal, now_ms: int, zone: tzinfo) -> Iterator[PeriodStarted]:
    running = {period.kind for period in state.periods if period.start_ms <= now_ms < period.end_ms}
    if equity <= ZERO or len(running) == len(_KINDS):
        return
    for kind in _KINDS:
        if kind not in running:
            start_ms, end_ms = period_bounds(kind, now_ms, zone)
            yield PeriodStarted(
                period=LossPeriod(kind=kind, start_ms=start_ms, end_ms=end_ms, start_equity=equity),
            )


def _reached(state: LossState, equity: Decimal, now_ms: int, limits: LossLimits) -> Iterator[LossLatch]:
    periods = {period.kind: period for period in state.periods}
    losses = _losses_of(state, equity)
    for step, kind, limit, ends in (
        (LossStep.DAY_REDUCE, PeriodKind.DAY, limits.day_reduce, True),
        (LossStep.DAY_HALT, PeriodKind.DAY, limits.day_halt, False),
        (LossStep.WEEK_HALVE, PeriodKind.WEEK, limits.week_halve, True),
        (LossStep.MONTH_HALT, PeriodKind.MONTH, limits.month_halt, False),
    ):
        loss = losses.get(kind)
        if limit is not None and loss is not None and loss >= limit:
            until_ms = periods[kind].end_ms if ends else 0
            yield LossLatch(step=step, loss=loss, limit=limit, at_ms=now_ms, until_ms=until_ms)
    drawdown = drawdown_of(state, equity)
    for step, limit in (
        (LossStep.DRAWDOWN_REDUCE, limits.drawdown_reduce),
        (LossStep.DRAWDOWN_HALT, limits.drawdown_halt),
    ):
        if limit is not None and drawdown >= limit:
            yield LossLatch(step=step, loss=drawdown, limit=limit, at_ms=now_ms)


def _losses_of(state: LossState, equity: Decimal) -> dict[PeriodKind, Decimal]:
    return {period.kind: loss_of(period, equity) for period in state.periods}


def _allowed(latches: Collection[LossLatch]) -> tuple[TradingState, Decimal]:
    """What latches that hold leave of trading, and of a size."""
    states = {_STATE_OF_STEP.get(latch.step, TradingState.ACTIVE) for latch in latches}
    order = (TradingState.HALTED, TradingState.REDUCING)
    strictest = next((one for one in order if one in states), TradingState.ACTIVE)
    return strictest, HALF if any(latch.step is LossStep.WEEK_HALVE for latch in latches) else ONE


def _lift(state: LossState, change: LimitLifted) -> LossState:
    # Counted from the old start, the same loss would latch again at the next look.
    kind = _PERIOD_OF_STEP.get(change.step)
    periods = tuple(
        msgspec.structs.replace(period, start_equity=change.equity, transfers=ZERO) if period.kind is kind else period
        for period in state.periods
    )
    return LossState(
        periods=periods,
        peak_equity=change.equity if kind is None else state.peak_equity,
        latches=tuple(latch for latch in state.latches if latch.step is not change.step),
    )


def _holds(latch: LossLatch, now_ms: int) -> bool:
    return latch.until_ms == 0 or now_ms < latch.until_ms


def _midnight_ms(day: date, zone: tzinfo) -> int:
    return int(datetime.combine(day, time.min, tzinfo=zone).astimezone(UTC).timestamp()) * 1000
