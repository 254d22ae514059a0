"""What speaks against a bot on its instrument, with numbers: before it is played through, and after."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Final

from fairlead.core.model.bots.bot import BotState, Settings
from fairlead.core.model.bots.decision import Direction
from fairlead.core.model.bots.grid import GridDirection, GridSettings
from fairlead.core.model.bots.martingale import MartingaleMemory, MartingaleSettings, Reserve, StopFrom
from fairlead.core.model.bots.preview import Finding, LadderRow, WorstCase
from fairlead.core.model.instrument import Instrument, InstrumentState
from fairlead.core.model.money import HUNDRED, ZERO
from fairlead.core.model.request import SizeUnit
from fairlead.core.rules.bots.grid_lines import grid_problems
from fairlead.core.rules.bots.ladder import Ladder, Rung
from fairlead.core.rules.sizing import show, show_in

# So many levels are named one by one; a ladder of 200 that is wrong throughout is told in a few lines.
NAMED_MAX: Final = 3


def check_instrument(settings: Settings, instrument: Instrument, price: Decimal) -> tuple[Finding, ...]:
    """What cannot be on this instrument, at a price, whatever the account has."""
    found: list[Finding] = []
    symbol, leverage = instrument.symbol, settings.leverage
    if instrument.state is not InstrumentState.LIVE:
        found.append(Finding("symbol", symbol, f"is {instrument.state.value}: the venue takes no orders for it"))
    if price <= ZERO:
        found.append(Finding("price", show(price), f"no price of {symbol} is known"))
    if instrument.is_spot and _sells_first(settings):
        found.append(Finding("direction", "short", f"{symbol} is spot, which cannot be held short: use a perpetual"))
    if instrument.is_spot and leverage is not None:
        found.append(Finding("leverage", show(leverage), f"{symbol} is spot, which is bought outright", refuses=False))
    if not instrument.is_spot and leverage is not None and leverage > instrument.leverage_max:
        found.append(Finding("leverage", show(leverage), f"{symbol} allows at most {show(instrument.leverage_max)}"))
    if isinstance(settings, MartingaleSettings) and price > ZERO and not found:
        found += _check_ladder(settings, instrument, price)
    if isinstance(settings, GridSettings) and not found:
        found += [Finding("type", "grid", problem) for problem in grid_problems(settings, instrument)]
    return tuple(found)


def check_rows(
    settings: Settings,
    instrument: Instrument,
    rows: Sequence[LadderRow],
    worst: WorstCase,
    states: tuple[BotState, BotState],
) -> tuple[Finding, ...]:
    """What the play has shown: levels that are never reached, exits that gain nothing, a position taken away.

    ``states`` are the bot before and after.
    """
    before, state = states
    found = [
        Finding(f"level {trouble.slot}", trouble.reason, trouble.message)
        for trouble in state.troubles
        if trouble.reason == "below_min_size"
    ]
    if isinstance(settings, MartingaleSettings) and not state.troubles:
        found += _check_reach(settings, rows, worst, done=_levels_done(before))
    found += _check_exits(rows, state)
    if not instrument.is_spot:
        found += _check_liquidation(rows, worst, is_long=state.deal.is_long)
    return tuple(found)


def check_capital(worst: WorstCase, settings: Settings, *, free: Decimal, by_others: Decimal) -> Finding | None:
    """Refuse what the account could not carry; ``by_others`` is what its other bots may still take of ``free``."""
    only_resting = isinstance(settings, MartingaleSettings) and settings.reserve is Reserve.RESTING
    wanted = worst.at_once if only_resting else worst.capital
    left = free - by_others
    if wanted <= left:
        return None
    currency = worst.currency
    what = "what rests at once" if only_resting else "the worst case"
    others = f" - {show(by_others)} that other bots may take" if by_others else ""
    return Finding(
        "capital", show_in(wanted, currency), f"{what} is above {show(free)}{others} = {show_in(left, currency)}"
    )


def _sells_first(settings: Settings) -> bool:
    if isinstance(settings, MartingaleSettings):
        return settings.direction is Direction.SHORT
    return isinstance(settings, GridSettings) and settings.direction is not GridDirection.LONG


def _check_ladder(settings: MartingaleSettings, instrument: Instrument, price: Decimal) -> Iterator[Finding]:
    ladder = Ladder(settings, instrument)
    for level, factor in enumerate(ladder.factors):
        if factor <= ZERO:
            away = show((1 - factor) * HUNDRED)
            yield Finding(f"level {level}", f"{away} % away", "must be less than 100 %: no price is left there")
            return
    anchor = settings.base_price or price
    rungs = [ladder.rung(level, anchor) for level in range(settings.levels + 1)]
    wrong = [*_check_ticks(rungs, instrument), *_check_least(rungs, ladder, instrument)]
    yield from wrong[:NAMED_MAX]
    if len(wrong) > NAMED_MAX:
        yield Finding("levels", str(len(wrong) - NAMED_MAX), "more like these")


def _check_ticks(rungs: Sequence[Rung], instrument: Instrument) -> Iterator[Finding]:
    for rung in rungs:
        if rung.price < instrument.tick_size:
            yield Finding(f"level {rung.level}", show(rung.price), f"is below one tick of {show(instrument.tick_size)}")
            return
    for before, after in pairwise(rungs):
        if before.price == after.price:
            rule = f"is the price of level {before.level} too: on ticks of {show(instrument.tick_size)} they are one"
            yield Finding(f"level {after.level}", show(after.price), rule)


def _check_least(rungs: Sequence[Rung], ladder: Ladder, instrument: Instrument) -> Iterator[Finding]:
    for rung in rungs:
        if ladder.units[rung.level > 0] is SizeUnit.PERCENT:
            continue
        if rung.quantity < instrument.quantity_min:
            size, rule = show_in(rung.quantity, instrument.quantity_unit), f"{instrument.symbol} takes at least"
            yield Finding(f"level {rung.level}", size, f"{rule} {show(instrument.quantity_min)}")
        elif rung.cost < instrument.notional_min:
            size = show_in(rung.cost, instrument.quote_currency)
            yield Finding(f"level {rung.level}", size, f"must be worth at least {show(instrument.notional_min)}")


def _levels_done(state: BotState) -> int:
    """Entries of its running cycle that were filled before."""
    return state.memory.done.bit_count() if isinstance(state.memory, MartingaleMemory) else 0


def _check_reach(
    settings: MartingaleSettings, rows: Sequence[LadderRow], worst: WorstCase, *, done: int
) -> Iterator[Finding]:
    missing = settings.levels + 1 - len(rows) - done
    if missing <= 0 or not rows:
        return
    levels = f"{missing} of {settings.levels + 1} levels"
    stop = settings.stop_loss
    if worst.stop_price is not None and stop is not None:
        rule = f"lies at {show(worst.stop_price)}, before {levels}, which can never fill"
        # The average moves with the fills, so there the deep levels may still be meant for a gap.
        refuses = stop.reference is not StopFrom.AVERAGE and not stop.trailing
        yield Finding("stop_loss", f"{show(stop.percent)} % from {stop.reference.value}", rule, refuses=refuses)
    elif settings.total_max is not None:
        yield Finding("total_max", show(settings.total_max), f"leaves out {levels}", refuses=False)


def _check_exits(rows: Sequence[LadderRow], state: BotState) -> Iterator[Finding]:
    is_long = state.deal.is_long
    for row in rows:
        for price in row.take_profit[:1]:
            if (price <= row.break_even) if is_long else (price >= row.break_even):
                word = "above" if is_long else "below"
                rule = f"must be {word} {show(row.break_even)}, where the deal comes out even after fees"
                yield Finding(f"take_profit after {row.slot}", show(price), rule)
                return


def _check_liquidation(rows: Sequence[LadderRow], worst: WorstCase, *, is_long: bool) -> Iterator[Finding]:
    for row, after in zip(rows, (*rows[1:], None), strict=True):
        if row.liquidation is None:
            continue
        beyond = after.price if after is not None else (worst.stop_price or row.price)
        if (row.liquidation >= beyond) if is_long else (row.liquidation <= beyond):
            what = "the next level" if after is not None else "the stop-loss" if worst.stop_price else "the last level"
            rule = (
                f"the venue would take the position away before {what} at {show(beyond)}: less leverage, or more cash"
            )
            yield Finding(f"liquidation after {row.slot}", show(row.liquidation), rule)
            return
