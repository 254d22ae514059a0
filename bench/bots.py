# ruff: noqa: INP001 (a script, not a package)
"""Measure bots: thousands of them on a moving market, their start, what a sleeping one costs, and a thundering herd.

Run it as ``.venv/bin/python bench/bots.py [--bots N] [life] [ticks] [herd]``; without a name, all of them. In ``life``
and ``herd`` everything runs in one process pinned to one core: the simulated exchange with its books, the market hub,
the bots, the door, the desks with risk, the journal (SQLite, FULL). Web, notifications and metrics are not in the
figures. ``ticks`` is the hub and its tripwires alone.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Final

from bot_memory import bytes_of_bots
from bot_stage import Plan, Process, build, make_instrument, percentile
from msgspec.structs import replace
from stage import CLOCK, SERVER_CORE, describe_machine, say, scratch_folder

from fairlead.core.model.bots.bot import Settings as BotSettings
from fairlead.core.model.bots.decision import Tripwire, Urgency, WireKind
from fairlead.core.model.bots.martingale import (
    EntryMode,
    MartingaleSettings,
    StartAtPrice,
    StopFrom,
    StopLoss,
    TakeProfitStep,
)
from fairlead.core.model.market import Quote
from fairlead.core.model.request import Size, SizeUnit
from fairlead.market.hub import MarketHub
from fairlead.market.tripwires import TripwireBoard
from fairlead.settings import Settings

BOTS: Final = 10_000
BOTS_PER_ACCOUNT: Final = 50
INSTRUMENTS: Final = 50
LIFE_S: Final = 60.0
HERD: Final = 2_000
OTHERS: Final = 200
ASLEEP: Final = (1_000, 10_000, 100_000)
HITS: Final = (0, 1, 10, 100, 1_000)
TICKS: Final = 200
_COMMON: Final = MartingaleSettings(
    base_order=Size(amount=Decimal(100), unit=SizeUnit.QUOTE),
    safety_order=Size(amount=Decimal(100), unit=SizeUnit.QUOTE),
    max_safety_orders=5,
    active_safety_orders=1,
    step=Decimal("0.8"),
    step_scale=Decimal("1.3"),
    volume_scale=Decimal("1.5"),
    take_profit=(TakeProfitStep(percent=Decimal("0.8")),),
)


def mixed(number: int) -> BotSettings:
    """Of ten: five wait for a price, three have resting ladders, one trails its exit, one triggers levels and stops."""
    spread = Decimal(number // INSTRUMENTS % 40 - 20)
    match number // INSTRUMENTS % 10:
        case 0 | 1 | 2:
            return _COMMON
        case 3:
            return replace(_COMMON, trailing=Decimal("0.2"))
        case 4:
            stop = StopLoss(percent=Decimal(6), reference=StopFrom.BASE)
            return replace(_COMMON, entry_mode=EntryMode.TRIGGER, stop_loss=stop)
        case _:
            return replace(_COMMON, start=StartAtPrice(price=100 + spread / 10, falls=spread < 0))


def herding(number: int) -> BotSettings:
    """Of three: one stops at a fall of 3 %, one trails its exit, one buys a level; those beyond the herd the same."""
    far = replace(_COMMON, max_safety_orders=0, take_profit=(TakeProfitStep(percent=Decimal(20)),))
    match number % 3:
        case 0:
            return replace(far, stop_loss=StopLoss(percent=Decimal(3), reference=StopFrom.BASE))
        case 1:
            return replace(far, take_profit=(TakeProfitStep(percent=Decimal("0.5")),), trailing=Decimal("0.5"))
        case _:
            return replace(far, entry_mode=EntryMode.TRIGGER, max_safety_orders=1, step=Decimal(2))


async def live(settings: Settings, plan: Plan) -> None:
    """Start everything, let the market move, and print what was seen."""
    process = Process(settings, plan)
    await process.start()
    say("\nfirst start: whoever waits for nothing enters")
    report_start(process)
    timed = process.timed
    timed.forget()
    rows, commits, cpu = process.journal.rows_stored, process.journal.commits, time.process_time()
    began = CLOCK.monotonic_s()
    await process.feed(LIFE_S)
    took, cpu = CLOCK.monotonic_s() - began, time.process_time() - cpu
    rows, commits = process.journal.rows_stored - rows, process.journal.commits - commits
    say(f"\n{plan.bots:,} bots on {plan.instruments} instruments for {took:.0f} s")
    say(f"  {'from wake to decision':<34}{'decisions':>10}{'p50 ms':>9}{'p99 ms':>9}{'most ms':>9}")
    for urgency, waits in timed.waits.items():
        report_waits(urgency.name.lower(), waits)
    report_waits("all", timed.every)
    report_waits("quotes later than due", timed.late_s)
    say(f"  {timed.quotes:,} quotes, all taken, {timed.quotes / took:,.0f}/s; {cpu / took:.0%} of a core")
    decisions = len(timed.every)
    say(f"  {decisions / took:,.0f} decisions/s, {rows / took:,.0f} journal rows/s, {commits / took:.0f} commits/s")
    report_bots(process)
    await process.stop()


async def start_again(settings: Settings, plan: Plan) -> None:
    """Recover all bots with what they have open, and look at what they weigh."""
    process = Process(settings, plan)
    await process.start()
    say(f"\nstart again: {plan.bots:,} bots and what they have open")
    report_start(process)
    report_bots(process)
    say(f"  {'bytes of a sleeping bot':<34}{'mean':>10}")
    for part, size in bytes_of_bots(process.bots.runner, process.trading.floor.desks).items():
        say(f"  {part:<34}{size:>10,.0f}")
    await process.stop()


async def stampede(settings: Settings, plan: Plan) -> None:
    """Let one price wake a herd, and bots of other accounts right after it."""
    process = Process(settings, plan)
    await process.start()
    crowded, quiet = make_instrument(0).symbol, make_instrument(1).symbol
    accounts = {name: actor.bot.account_id for name, actor in process.bots.runner.actors.items()}
    others = {actor.bot.account_id for actor in process.bots.runner.actors.values() if actor.bot.symbol == quiet}
    for symbol in (crowded, quiet):
        process.push_price(symbol, Decimal(101))
    await process.quiet()
    timed = process.timed
    timed.forget()
    turns: list[tuple[Urgency, str, float]] = []
    process.watch(lambda urgency, bot_id, seconds: turns.append((urgency, bot_id, seconds)))
    for symbol in (crowded, quiet):
        process.push_price(symbol, Decimal(96))
    began, cpu = CLOCK.monotonic_s(), time.process_time()
    while process.bots.runner.waiting:
        await CLOCK.sleep_ms(1)
    drained = CLOCK.monotonic_s() - began
    # Whoever has decided is woken again by its own orders.
    firsts: dict[str, tuple[Urgency, str, float]] = {}
    for urgency, bot_id, seconds in turns:
        firsts.setdefault(bot_id, (urgency, accounts[bot_id], seconds))
    first = list(firsts.values())
    await process.quiet()
    took, cpu = CLOCK.monotonic_s() - began, time.process_time() - cpu
    say(f"\nherd: {HERD:,} bots of {HERD // BOTS_PER_ACCOUNT} accounts woken by one price, and {OTHERS} of others")
    say(f"  all had decided after {drained:.2f} s; all orders done after {took:.1f} s ({cpu:.1f} s of processor)")
    say(f"  {'first decisions':<34}{'decisions':>10}{'p50 ms':>9}{'p99 ms':>9}{'most ms':>9}")
    for urgency in Urgency:
        report_waits(f"{urgency.name.lower()}, the herd", [s for u, a, s in first if u is urgency and a not in others])
        report_waits(f"{urgency.name.lower()}, others", [s for u, a, s in first if u is urgency and a in others])
    say(f"  a less urgent one before a more urgent one of the same wake: {inversions(u for u, _, _ in first)}")
    report_bots(process)
    await process.stop()


def inversions(urgencies: Iterable[Urgency]) -> int:
    """How many decided after somebody less urgent had, in the first pass."""
    worst, count = Urgency.STOP, 0
    for urgency in urgencies:
        count += urgency < worst
        worst = max(worst, urgency)
    return count


def report_waits(name: str, waits: list[float]) -> None:
    """Print one line of waits."""
    p50, p99, most = (1e3 * percentile(waits, share) for share in (0.5, 0.99, 1.0))
    say(f"  {name:<34}{len(waits):>10,}{p50:>9.2f}{p99:>9.2f}{most:>9.1f}")


def report_start(process: Process) -> None:
    """Print the parts of a start."""
    say(f"  {'part':<34}{'seconds':>10}{'of processor':>14}")
    for part, (seconds, busy) in process.seconds.items():
        say(f"  {part:<34}{seconds:>10.2f}{busy:>14.2f}")


def report_bots(process: Process) -> None:
    """Print how bots stand, and what is wrong with them."""
    states = [actor.state for actor in process.bots.runner.actors.values() if actor.state is not None]
    troubles = Counter(f"{one.reason}: {one.message}"[:90] for state in states for one in state.troubles)
    phases = Counter(str(getattr(state.memory, "phase", "?")) for state in states)
    cycles = sum(state.cycle - 1 for state in states)
    orders = sum(len(state.orders) for state in states)
    say(f"  phases {dict(phases)}, {cycles:,} cycles ended, {orders:,} orders rest, troubles {troubles.most_common(3)}")


def measure_life(folder: Path, count: int) -> None:
    """Bots live for a minute, then the process starts again."""
    accounts = max(1, count // BOTS_PER_ACCOUNT)
    plan = Plan(
        bots=count,
        accounts=accounts,
        instruments=INSTRUMENTS,
        settings_of=mixed,
        # Each account has bots on many instruments.
        symbol_of=lambda number: (number + number // accounts) % INSTRUMENTS,
        calm=count // 50,
    )
    settings = build(folder / "life", plan)
    asyncio.run(live(settings, plan))
    asyncio.run(start_again(settings, plan))


def measure_herd(folder: Path) -> None:
    """Two thousand bots at once."""
    count = HERD + OTHERS
    accounts = count // BOTS_PER_ACCOUNT
    plan = Plan(
        bots=count,
        accounts=accounts,
        instruments=2,
        settings_of=herding,
        # Bots are dealt to the accounts in turn: the last of them are those of the others.
        symbol_of=lambda number: int(number % accounts >= HERD // BOTS_PER_ACCOUNT),
        volatility=Decimal("0.000001"),
        looks=50,
    )
    asyncio.run(stampede(build(folder / "herd", plan), plan))


def measure_ticks() -> None:
    """What a quote costs the tripwires, by how many sleep and how many it wakes."""
    say("\nmicroseconds of one quote in the hub and its tripwires, by bots asleep on the instrument and bots woken")
    say(f"  {'asleep':<12}" + "".join(f"{f'{hits:,} woken':>14}" for hits in HITS))
    for asleep in ASLEEP:
        cells = (f"{cost_of_tick(asleep, hits):>14.1f}" for hits in HITS)
        say(f"  {asleep:<12,}" + "".join(cells))


def cost_of_tick(asleep: int, hits: int) -> float:
    """Median microseconds of a quote that wakes so many, who then wait again."""
    hub, board, woken = MarketHub(), TripwireBoard(), list[str]()
    symbol = make_instrument(0).symbol
    hub.listen(lambda quote: woken.extend(name for _, name in board.touch(quote.symbol, quote.last)))
    for number in range(asleep):
        board.wire(f"b{number}", symbol, (_below(Decimal(90) - Decimal(number) / 10_000), _above(Decimal(110))))
    for number in range(hits):
        board.wire(f"hit{number}", symbol, (_below(Decimal(100)), _above(Decimal(110))))
    spent = []
    for number in range(TICKS):
        quote = _quote(symbol, Decimal(100) + Decimal(number % 2) / 100 - Decimal("0.01"), number)
        began = time.process_time()
        hub.on_quote(quote)
        for name in woken:
            board.wire(name, symbol, (_below(Decimal(100)), _above(Decimal(110))))
        spent.append(time.process_time() - began)
        woken.clear()
    # Of processor time, because others work on this machine, too.
    return 1e6 * percentile(spent, 0.5)


def _below(price: Decimal) -> Tripwire:
    return Tripwire(WireKind.AT_OR_BELOW, price)


def _above(price: Decimal) -> Tripwire:
    return Tripwire(WireKind.AT_OR_ABOVE, price)


def _quote(symbol: str, price: Decimal, at_ms: int) -> Quote:
    one = Decimal(1)
    return Quote(
        symbol=symbol, bid=price, bid_quantity=one, ask=price, ask_quantity=one, last=price, mark=price, index=price,
        at_ms=at_ms,
    )  # fmt: skip


def main() -> None:
    """Measure what was asked for, or everything."""
    arguments = sys.argv[1:]
    count = int(arguments[arguments.index("--bots") + 1]) if "--bots" in arguments else BOTS
    os.sched_setaffinity(0, {SERVER_CORE})
    say(describe_machine())
    with scratch_folder() as folder:
        parts = {
            "ticks": measure_ticks,
            "herd": partial(measure_herd, folder),
            "life": partial(measure_life, folder, count),
        }
        chosen = [name for name in parts if name in arguments] or list(parts)
        for name in chosen:
            parts[name]()


if __name__ == "__main__":
    main()
