"""Martingale bots of every kind on exchanges that fill in parts, refuse, cancel late and are meddled with by hand."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import Final

import msgspec
from hypothesis import strategies as st

from fairlead.core.model.bots.bot import BotStatus, Wish
from fairlead.core.model.bots.decision import Direction, Instruction
from fairlead.core.model.bots.martingale import (
    AfterStop,
    DeviationFrom,
    EntryMode,
    LadderStep,
    MartingaleSettings,
    Phase,
    PriceRounding,
    StartAtPrice,
    StartCondition,
    StartNow,
    StartOnSignal,
    StopFrom,
    StopLoss,
    TakeProfitFrom,
    TakeProfitStep,
)
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.money import HUNDRED, ONE, ZERO
from fairlead.core.model.request import Size, SizeUnit
from fairlead.core.rules.bots.ladder import Ladder
from fairlead.core.rules.bots.ledger import average_price, is_sellable, sellable
from fairlead.core.rules.bots.targets import Targets
from tests.core.bots.toy_exchange import INVERSE, LINEAR, SPOT, Placed, ToyExchange

# Coarse enough that rounding, dust and least orders matter.
COARSE: Final = msgspec.structs.replace(
    SPOT, lot_size=Decimal("0.01"), quantity_min=Decimal("0.03"), notional_min=Decimal(5)
)
FEE: Final = Decimal("0.001")
TINY: Final = Decimal("1E-20")


def decimals(least: str, most: str, places: int = 2) -> st.SearchStrategy[Decimal]:
    return st.decimals(Decimal(least), Decimal(most), places=places)


@st.composite
def takes(draw: st.DrawFn) -> tuple[TakeProfitStep, ...]:
    count = draw(st.integers(1, 4))
    percent, steps = ZERO, []
    for number in range(count):
        percent += draw(decimals("0.3", "3", 1))
        share = HUNDRED / count if number + 1 < count else HUNDRED - (HUNDRED / count).quantize(ONE) * (count - 1)
        steps.append(TakeProfitStep(percent=percent, share=share if count == 1 else share.quantize(ONE)))
    return tuple(steps)


stops = st.builds(
    StopLoss,
    percent=decimals("1", "30", 1),
    reference=st.sampled_from(StopFrom),
    timeout_s=st.sampled_from([0, 0, 5, 60]),
    trailing=st.booleans(),
    break_even_after=st.integers(0, 2),
)
ladders = st.lists(decimals("0.3", "4", 1), min_size=1, max_size=5).flatmap(
    lambda gaps: st.just(
        tuple(LadderStep(deviation=sum(gaps[: k + 1], ZERO), size=Decimal(60 + 20 * k)) for k in range(len(gaps)))
    )
)


# What begins at once comes first and most often: a bot that waits proves little.
STARTS: Final[tuple[StartCondition, ...]] = (
    *[StartNow()] * 8,
    StartAtPrice(Decimal(101)),
    StartOnSignal("go"),
)
starts = st.integers(0, len(STARTS) - 1).map(STARTS.__getitem__)


@st.composite
def martingales(draw: st.DrawFn, instrument: Instrument) -> MartingaleSettings:
    units = [SizeUnit.QUOTE, SizeUnit.BASE, SizeUnit.PERCENT]
    units += [] if instrument.is_spot else [SizeUnit.CONTRACTS]
    amounts = {
        SizeUnit.QUOTE: Decimal(50),
        SizeUnit.BASE: Decimal("0.5"),
        SizeUnit.PERCENT: ONE,
        SizeUnit.CONTRACTS: Decimal(60),
    }

    def size() -> Size:
        unit = draw(st.sampled_from(units))
        return Size(amount=amounts[unit] * Decimal(draw(st.integers(1, 4))), unit=unit)

    base, safety = size(), size()
    known = SizeUnit.PERCENT not in {base.unit, safety.unit}
    return MartingaleSettings(
        direction=Direction.LONG if instrument.is_spot else draw(st.sampled_from(Direction)),
        base_order=base,
        safety_order=safety,
        base_price=draw(st.sampled_from([None, None, None, Decimal(100)])),
        base_price_tolerance=Decimal(5),
        base_as_limit=draw(st.booleans()),
        start=draw(starts),
        start_delay_s=draw(st.sampled_from([0, 0, 2])),
        max_safety_orders=draw(st.sampled_from([4, 6, 2, 1, 0])),
        active_safety_orders=draw(st.integers(1, 6)),
        step=draw(decimals("0.3", "4", 1)),
        step_scale=draw(decimals("0.5", "2", 1)),
        volume_scale=draw(decimals("0.5", "2", 1)),
        deviation_from=draw(st.sampled_from(DeviationFrom)),
        custom_ladder=draw(st.one_of(st.just(()), st.just(()), ladders)),
        entry_mode=draw(st.sampled_from(EntryMode)),
        levels_per_wake_max=draw(st.sampled_from([1, 200])),
        safety_signal=draw(st.sampled_from(["", "", "", "dip"])),
        guard_signal=draw(st.sampled_from(["", "guard"])),
        guard_s=5,
        take_profit=draw(takes()),
        take_profit_from=draw(st.sampled_from(TakeProfitFrom)),
        trailing=draw(st.sampled_from([None, None, Decimal("0.4")])),
        trailing_after_level=draw(st.integers(0, 2)),
        close_signal=draw(st.sampled_from(["", "out"])),
        minimum_profit=draw(st.sampled_from([None, ZERO, ONE])),
        stop_loss=draw(st.one_of(st.none(), st.none(), stops)),
        after_stop=draw(st.sampled_from(AfterStop)),
        restart=draw(st.sampled_from([True, True, True, False])),
        cooldown_s=draw(st.sampled_from([0, 3])),
        close_timeout_s=draw(st.sampled_from([0, 0, 0, 60])),
        max_cycles=draw(st.sampled_from([0, 0, 1, 3])),
        total_max=draw(st.sampled_from([None, Decimal(400)])) if known else None,
        reinvest=draw(st.sampled_from([ZERO, HUNDRED])),
        risk_reduction=draw(st.sampled_from([ZERO, Decimal(50)])),
    )


@st.composite
def worlds(draw: st.DrawFn) -> ToyExchange:
    instrument = draw(st.sampled_from([SPOT, COARSE, LINEAR, INVERSE]))
    return ToyExchange(
        draw(martingales(instrument)),
        instrument,
        fee=draw(st.sampled_from([ZERO, FEE])),
        fee_in_base=instrument.is_spot,
        late_cancels=draw(st.booleans()),
        at_once=draw(st.sampled_from([ONE, ONE, Decimal("0.5")])),
    )


moves = st.one_of(
    st.tuples(st.just("move"), st.integers(-300, 300)),
    st.tuples(st.just("move"), st.integers(-80, 80)),
    st.tuples(st.just("part"), st.integers(-300, 300)),
    st.tuples(st.just("run"), st.integers(-5, 4)),
    st.tuples(st.just("run"), st.integers(-5, 4)),
)
meddling = st.one_of(
    st.tuples(st.just("cancel"), st.integers(0, 9)),
    st.tuples(st.just("refuse"), st.integers(0, 9)),
    st.tuples(st.just("wait"), st.sampled_from([5, 61, 700])),
    st.tuples(st.just("wish"), st.integers(0, len(Wish) + 3)),
    st.tuples(st.just("tell"), st.integers(0, len(Instruction) - 1)),
    st.tuples(st.just("signal"), st.integers(0, 3)),
    st.tuples(st.just("halt"), st.integers(0, 3)),
    st.tuples(st.just("taken"), st.integers(1, 100)),
)
events = st.one_of(moves, moves, moves, meddling)
Event = tuple[str, int]
SIGNALS: Final = ("go", "dip", "out", "guard")


def happen(bot: ToyExchange, event: Event) -> None:
    """Let one thing happen to a bot, and the bot react."""
    kind, number = event
    match kind:
        case "move" | "part":
            away = ONE + Decimal(number) / 10_000
            price = bot.instrument.round_price_down(min(max(bot.price * away, Decimal(20)), Decimal(500)))
            bot.trade(price, fraction=ONE if kind == "move" else Decimal("0.4"))
        case "run":
            for _ in range(abs(number)):
                happen(bot, ("move", 100 if number > 0 else -100))
        case "wait":
            bot.trade(bot.price, wait_ms=number * 1_000)
        case _:
            meddle(bot, kind, number)
    bot.ask()


def meddle(bot: ToyExchange, kind: str, number: int) -> None:
    match kind:
        case "cancel" if bot.book:
            list(bot.book.values())[number % len(bot.book)].is_over = True
        case "refuse":
            bot.refuses ^= {("b", "s1", "s2", "t1", "t2", "c")[number % 6]}
        case "wish":
            bot.wish = list(Wish)[number] if number < len(Wish) else Wish.RUN
        case "tell":
            sizes = [
                None,
                Size(amount=Decimal(30), unit=SizeUnit.PERCENT),
                Size(amount=Decimal(40), unit=SizeUnit.QUOTE),
            ]
            bot.tell(list(Instruction)[number], sizes[number % 3])
        case "signal":
            bot.ask(signals=(SIGNALS[number],))
        case "halt":
            bot.may_enter = bool(number)
        case "taken":
            bot.close_by_hand(bot.instrument.round_quantity_down(max(ZERO, bot.held) * number / 100))
        case _:
            pass


def settle(bot: ToyExchange) -> None:
    """Let cancels take effect and back-offs pass, at the same price."""
    bot.refuses = set()
    for _ in range(6):
        bot.trade(bot.price, wait_ms=61_000)
        bot.ask()


def check(bot: ToyExchange) -> None:
    """What holds after everything that can happen."""
    check_orders(bot)
    check_ladder(bot)
    if not bot.lost:
        assert bot.state.deal.quantity == bot.held
        check_average(bot)
    if bot.state.status is BotStatus.STOPPED:
        assert not bot.book
    if bot.wish is Wish.STOP_AND_SELL and bot.state.status is BotStatus.STOPPED:
        assert not is_sellable(bot.state.deal, bot.instrument, bot.price)


def check_orders(bot: ToyExchange) -> None:
    slots = [one.slot for one in bot.book.values()]
    assert len(slots) == len(set(slots)), slots
    assert sum((one.leaves for one in bot.exits), ZERO) <= max(ZERO, bot.held) or bot.lost


def check_ladder(bot: ToyExchange) -> None:
    """No level is ever ordered beyond its size, and all of them together not beyond what one deal may cost."""
    settings, instrument = bot.settings, bot.instrument
    assert isinstance(settings, MartingaleSettings)
    if bot.memory.phase not in {Phase.ENTERING, Phase.IN_POSITION, Phase.EXITING}:
        return
    ladder, spent = Ladder(settings, instrument), defaultdict[str, Decimal](Decimal)
    for one in bot.history:
        if one.cycle == bot.state.cycle and one.order.want.opens and one.filled:
            spent[one.slot] += cost_of(one, bot)
    planned = ZERO
    for slot, cost in spent.items():
        if slot[0] == "m":
            continue
        size = ladder.size(0 if slot == "b" else int(slot[1:]), bot.memory.factor)
        match size.unit:
            case SizeUnit.QUOTE:
                assert cost <= size.amount + TINY, (slot, cost, size)
            case SizeUnit.BASE | SizeUnit.CONTRACTS:
                filled = sum(amount_of(one, bot, size.unit) for one in bot.history if is_of(one, bot, slot))
                assert filled <= size.amount + TINY, (slot, filled, size)
            case _:
                pass
        planned += cost
    if settings.total_max is not None:
        # A base order at market costs what it costs.
        assert planned <= settings.total_max + spent["b"] * Decimal("0.1")


def is_of(one: Placed, bot: ToyExchange, slot: str) -> bool:
    return one.slot == slot and one.cycle == bot.state.cycle


def cost_of(one: Placed, bot: ToyExchange) -> Decimal:
    """What it cost, or was to cost: a better price than asked for buys no more."""
    asked = bot.instrument.notional_in_quote(one.filled, one.asked_at)
    return asked if bot.instrument.is_inverse else min(asked, one.value)


def amount_of(one: Placed, bot: ToyExchange, unit: SizeUnit) -> Decimal:
    if unit is SizeUnit.CONTRACTS:
        return one.filled
    if bot.instrument.is_inverse:
        return min(one.value, one.filled * bot.instrument.contract_value / one.asked_at)
    return one.filled * bot.instrument.contract_value


def check_average(bot: ToyExchange) -> None:
    """The average lies between the lowest and the highest price that was paid, but for a fee in the coin."""
    prices = [price for one in bot.history if one.order.want.opens for price in one.fills]
    if not bot.state.deal.quantity:
        return
    fee = ONE - bot.fee if bot.fee_in_base else ONE
    average = average_price(bot.state.deal, bot.instrument)
    assert min(prices) - TINY <= average <= max(prices) / fee + TINY


def check_exits(bot: ToyExchange) -> None:
    """Whoever holds something and does not trail has one exit plan for exactly that, above break-even."""
    settings, memory, deal = bot.settings, bot.memory, bot.state.deal
    assert isinstance(settings, MartingaleSettings)
    trails = settings.trailing is not None and (
        not settings.trailing_after_level or memory.done >> settings.trailing_after_level
    )
    is_on = bot.state.status in {BotStatus.RUNNING, BotStatus.PAUSED, BotStatus.HALTED}
    if memory.phase is not Phase.IN_POSITION or trails or not is_on:
        return
    exits = [one for one in bot.exits if one.slot[0] == "t"]
    left = sellable(deal, bot.instrument)
    if is_sellable(deal, bot.instrument, min((one.asked_at for one in exits), default=bot.price)):
        assert sum((one.leaves for one in bot.exits), ZERO) == left, (bot.slots, left)
    if settings.price_rounding is PriceRounding.PASSIVE and settings.take_profit_after_fees:
        targets = Targets(
            bot.instrument,
            settings.direction,
            reference=settings.take_profit_from,
            fee_rate=bot.fee,
            after_fees=True,
        )
        even = targets.break_even(deal)
        for one in exits:
            assert (one.asked_at > even) is (settings.direction is Direction.LONG), (one.asked_at, even)
