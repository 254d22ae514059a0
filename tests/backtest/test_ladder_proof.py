"""A ladder that was proven passes every check, cycle by cycle."""

from __future__ import annotations

from decimal import ROUND_DOWN, Decimal
from random import Random

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from fairlead.backtest.checks.ladder_proof import Terms, prove_ladder
from fairlead.backtest.checks.risk_gate import RiskGate
from fairlead.backtest.checks.risk_view import Held
from fairlead.backtest.spec import BacktestSpec, BotSpec
from fairlead.core.model.account import FeeRates
from fairlead.core.model.bots.decision import want_entry, want_exit
from fairlead.core.model.bots.martingale import MartingaleSettings, TakeProfitStep
from fairlead.core.model.request import Side, Size, SizeUnit
from fairlead.core.rules.bots.ladder import Ladder
from tests.backtest.gate_world import BTC, INSTRUMENTS, W2, D, Toy, gates, profiles_with
from tests.backtest.test_risk_gate import draw_limits

MARKET = INSTRUMENTS[BTC]
TICK, LOT = MARKET.tick_size, MARKET.lot_size
UNIT = TICK * LOT
FEE = D("0.001")


def draw_settings(random: Random) -> MartingaleSettings:
    return msgspec.structs.replace(
        W2,
        base_order=Size(amount=D(random.choice((5, 100, 900))), unit=SizeUnit.QUOTE),
        safety_order=Size(amount=D(random.choice((5, 100, 300))), unit=SizeUnit.QUOTE),
        step=D(random.choice(("0.02", "0.6", "1", "3"))),
        max_safety_orders=(count := random.choice((0, 1, 5, 7))),
        active_safety_orders=max(1, count),
        take_profit=(TakeProfitStep(percent=D(random.choice(("0.01", "1")))),),
    )


def play_cycle(gate: RiskGate, toy: Toy, prices: tuple[Decimal, Decimal, Decimal]) -> list[str]:
    """Ask for the base order, every level, and the exit after each of them was filled."""
    settings = toy.spec.bots[0].settings
    assert isinstance(settings, MartingaleSettings)
    ladder, (before, anchor, after) = Ladder(settings, MARKET), prices
    toy.prices[BTC] = before
    lots = (ladder.sizes[0] / before / LOT).quantize(D(1), ROUND_DOWN) * LOT
    answers = [gate.check(0, want_entry("b", Side.BUY, ladder.size(0)), lots, toy.now(0), toy.at_ms)]
    toy.cash -= lots * anchor * (1 + FEE)
    cost, held = lots * anchor, lots
    toy.held[BTC], toy.prices[BTC] = Held(BTC, held), after
    toy.at_ms += 60_000
    rungs = [ladder.rung(level, anchor) for level in range(1, settings.levels + 1)]
    for rung in rungs:
        want = want_entry(f"s{rung.level}", Side.BUY, ladder.size(rung.level), rung.price)
        answers.append(gate.check(0, want, rung.quantity, toy.now(0), toy.at_ms))
        toy.place(0, want, rung.quantity)
    for _ in range(len(rungs) + 1):
        goal = (cost / held * (1 + settings.take_profit[0].percent / 100) / TICK).quantize(D(1)) * TICK
        size = Size(amount=held, unit=SizeUnit.NATIVE)
        answers.append(gate.check(0, want_exit("t1", Side.SELL, size, goal), held, toy.now(0), toy.at_ms))
        if not toy.resting:
            break
        filled = toy.resting.pop(0)
        assert filled.price is not None
        held, cost = held + filled.quantity, cost + filled.quantity * filled.price
        toy.cash -= filled.quantity * filled.price * (1 + FEE)
        toy.held[BTC], toy.prices[BTC] = Held(BTC, held), filled.price
        toy.at_ms += 60_000
    return answers


@given(st.integers(0, 2**32))
def test_what_is_proven_is_never_denied(seed: int) -> None:
    random = Random(seed)
    settings = draw_settings(random)
    cash = D(random.choice((150, 500, 4_000, 100_000)))
    spec = BacktestSpec(bots=(BotSpec(name="w2", symbol=BTC, settings=settings),), cash=cash, risk_profile="drawn")
    limits = msgspec.structs.replace(draw_limits(random), duplicate_window_ms=None)
    quick, asking = gates(spec, profiles_with(limits))
    proof = prove_ladder(quick.room_of(0), Terms(settings, MARKET, FeeRates(), TICK, UNIT))
    if proof is None:
        return
    before = D(random.choice((1, 300, 60_000, 2_000_000))) + D(random.randint(0, 99)) / 100
    anchor = (before * random.randint(9_790, 10_210) / 10_000).quantize(TICK)
    after = (anchor * random.randint(9_790, 10_210) / 10_000).quantize(TICK)
    base = (settings.base_order.amount / before / LOT).quantize(D(1), ROUND_DOWN) * LOT
    left = cash - base * anchor * (1 + FEE)
    if proof.holds(int(left / UNIT), *(int(price / TICK) for price in (before, anchor, after))):
        toy = Toy(spec, random)
        assert not any(play_cycle(asking, toy, (before, anchor, after)))


def test_the_reference_workload_is_proven_with_less_than_its_cash() -> None:
    spec = BacktestSpec(bots=(BotSpec(name="w2", symbol=BTC, settings=W2),), cash=D(10_000), risk_profile="paper")
    quick, _ = gates(spec)
    proof = prove_ladder(quick.room_of(0), Terms(W2, MARKET, FeeRates(), TICK, UNIT))
    assert proof is not None
    assert 3_217 < proof.cash_min * UNIT < 3_250
    price = 6_000_000
    assert proof.holds(int(D(9_899) / UNIT), price, price, price)
    assert not proof.holds(int(D(3_000) / UNIT), price, price, price)
    assert not proof.holds(int(D(9_899) / UNIT), price, price, price * 103 // 100)
