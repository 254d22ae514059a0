"""The gate of replays answers what the risk checks would answer, and hardly ever has to ask them."""

from __future__ import annotations

from decimal import Decimal
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.backtest.checks.ladder_shape import shape_of
from fairlead.backtest.checks.risk_gate import RiskGate
from fairlead.backtest.checks.risk_view import NOT_REPLAYED, Held
from fairlead.backtest.spec import BacktestSpec, BotSpec
from fairlead.core.model.bots.decision import Direction, Want, want_entry, want_exit
from fairlead.core.model.bots.martingale import MartingaleSettings
from fairlead.core.model.request import Side, Size, SizeUnit
from fairlead.core.model.risk import RiskLimits
from fairlead.core.model.trades import ClosedTrade
from fairlead.core.rules.bots.ladder import Ladder, Rung
from tests.backtest import gate_world as world
from tests.backtest.gate_world import BTC, BTC_SWAP, ETH, ETH_SWAP, INSTRUMENTS, W2, D, Toy

COUNTS = {
    "orders_burst_max",
    "orders_per_minute_per_symbol_max",
    "open_positions_max",
    "open_orders_max",
    "streak_losses_max",
    "repeat_orders_max",
}
HUNDRED_USDT = Size(amount=D(100), unit=SizeUnit.QUOTE)


def draw_limits(random: Random) -> RiskLimits:
    """A few limits, of sizes that some orders of the toy account meet and others do not."""
    fields = random.sample(RiskLimits.__struct_fields__, random.randint(0, 5))
    return msgspec.structs.replace(RiskLimits(), **{field: draw_limit(field, random) for field in fields})


CHOICES: dict[str, tuple[object, ...]] = {
    "blackouts": (("Wed 00:10 + 20 min",),),
    "clusters": ((("BTC", "ETH"), ("DOGE",)),),
    "loss_halt_flattens": (0, 1),
    "duplicate_window_ms": (1_000, 60_000),
    "order_notional_max_usd": (D(100), D(1_000), D(20_000)),
    "fat_finger_multiple": (D(1), D(3), D(20)),
    "orders_per_second_max": (D(1), D(5)),
    "leverage_max": (D(1), D(5)),
}
FRACTIONS = {"price_collar", "price_collar_passive", "liquidation_distance_min"}


def draw_limit(field: str, random: Random) -> object:
    if field in CHOICES:
        return random.choice(CHOICES[field])
    if field in COUNTS:
        return random.randint(1, 12)
    if field.endswith("_ms"):
        return random.choice((30_000, 300_000, 600_000))
    if field in FRACTIONS or "loss" in field:
        return D(random.randint(1, 90)) / 100
    return D(random.choice(("0.05", "0.3", "1", "4")))


def draw_spec(random: Random) -> BacktestSpec:
    symbols = random.choices((BTC, ETH, BTC_SWAP, ETH_SWAP), k=random.choice((1, 1, 2, 3)))
    settings: dict[str, MartingaleSettings] = {}
    for symbol in symbols:
        settings.setdefault(symbol, world.settings_for(symbol, random))
    bots = tuple(
        BotSpec(
            name=f"bot-{number}",
            symbol=symbol,
            settings=settings[symbol] if random.random() < 0.8 else world.settings_for(symbol, random),
        )
        for number, symbol in enumerate(symbols)
    )
    cash = D(random.choice((300, 5_000, 100_000)))
    return BacktestSpec(bots=bots, cash=cash, risk_profile="drawn")


def rungs_of(settings: MartingaleSettings, symbol: str, anchor: Decimal) -> list[Rung]:
    """Every level below the base order as it is ordered when the ladder hangs on a price."""
    ladder = Ladder(settings, INSTRUMENTS[symbol])
    return [ladder.rung(level, anchor) for level in range(1, settings.levels + 1)]


def ask_both(quick: RiskGate, asking: RiskGate, toy: Toy, bot: int, order: tuple[Want, Decimal]) -> None:
    want, quantity = order
    told = quick.check(bot, want, quantity, toy.now(bot), toy.at_ms)
    assert told == (other := asking.check(bot, want, quantity, toy.now(bot), toy.at_ms)), (told, other, want)
    if not told:
        toy.place(bot, want, quantity)


def climb_both(quick: RiskGate, asking: RiskGate, toy: Toy, bot: int) -> None:
    """Ask for a whole ladder, all of its levels at one moment."""
    place = toy.spec.bots[bot]
    assert isinstance(place.settings, MartingaleSettings)
    anchor = toy.near(toy.prices[place.symbol], 0).quantize(D("0.01"))
    for rung in rungs_of(place.settings, place.symbol, anchor):
        want = want_entry(f"s{rung.level}", place.settings.direction.entry, None, rung.price)
        ask_both(quick, asking, toy, bot, (want, rung.quantity))


@given(st.integers(0, 2**32))
def test_the_gate_says_of_every_order_what_the_checks_say(seed: int) -> None:
    random = Random(seed)
    spec = draw_spec(random)
    quick, asking = world.gates(spec, world.profiles_with(draw_limits(random)))
    toy = Toy(spec, random)
    for _ in range(30):
        bot = random.randrange(len(spec.bots))
        if random.random() < 0.3:
            climb_both(quick, asking, toy, bot)
        else:
            ask_both(quick, asking, toy, bot, toy.draw(bot))
        if random.random() < 0.6:
            toy.go_on()
        for closed in toy.closed:
            quick.note_close(closed)
            asking.note_close(closed)
        toy.closed.clear()
    assert quick.asked <= asking.asked


def test_a_ladder_of_the_paper_profile_is_proven_without_one_question() -> None:
    spec = world.spec_of(BTC)
    quick, _ = world.gates(spec)
    toy = Toy(spec, Random(1))
    quantity = D("0.001666")
    assert not quick.check(0, want_entry("b", Side.BUY, HUNDRED_USDT), quantity, toy.now(0), toy.at_ms)
    toy.held[BTC] = Held(BTC, quantity)
    toy.cash -= D(100)
    toy.at_ms += 60_000
    for rung in rungs_of(W2, BTC, D(60_000)):
        want = want_entry(f"s{rung.level}", Side.BUY, None, rung.price)
        assert not quick.check(0, want, rung.quantity, toy.now(0), toy.at_ms)
        toy.place(0, want, rung.quantity)
    take_profit = want_exit("t1", Side.SELL, Size(amount=quantity, unit=SizeUnit.NATIVE), D(60_600))
    assert not quick.check(0, take_profit, quantity, toy.now(0), toy.at_ms)
    assert not quick.asked


def test_a_denial_names_the_check_and_its_numbers() -> None:
    quick, _ = world.gates(
        world.spec_of(BTC, profile="drawn"), world.profiles_with(RiskLimits(order_notional_max_usd=D(90)))
    )
    toy = Toy(world.spec_of(BTC), Random(1))
    why = quick.check(0, want_entry("b", Side.BUY, HUNDRED_USDT), D("0.001666"), toy.now(0), toy.at_ms)
    assert why == "MAX_ORDER denied: order value 100.00 USD is above the limit 90.00 USD"


def test_what_the_cash_does_not_cover_is_denied() -> None:
    spec = world.spec_of(BTC, cash="1000")
    quick, _ = world.gates(spec)
    toy = Toy(spec, Random(1))
    answers = []
    for rung in rungs_of(W2, BTC, D(60_000)):
        want = want_entry(f"s{rung.level}", Side.BUY, None, rung.price)
        answers.append(quick.check(0, want, rung.quantity, toy.now(0), toy.at_ms))
        if not answers[-1]:
            toy.place(0, want, rung.quantity)
    assert [bool(why) for why in answers] == [False, False, False, False, True, True, True]
    assert answers[4].startswith("BALANCE denied: needed for the order 506.")


def test_an_entry_meets_the_exit_of_a_neighbour_of_whom_nothing_can_be_proven() -> None:
    spec = world.spec_of(BTC_SWAP, BTC_SWAP, profile="drawn", direction=Direction.SHORT, leverage=D(5))
    first, second = spec.bots
    # More than the platform allows, so it has no room.
    bold = msgspec.structs.replace(W2, direction=Direction.SHORT, leverage=D(20))
    spec = msgspec.structs.replace(spec, bots=(first, msgspec.structs.replace(second, settings=bold)))
    quick, asking = world.gates(spec, world.profiles_with(RiskLimits()))
    toy = Toy(spec, Random(1))
    toy.held[BTC_SWAP] = Held(BTC_SWAP, D(-2), D(60_000))
    for price in (D(58_000), D(60_500)):
        taking = want_exit(f"t{price}", Side.BUY, Size(amount=D(1), unit=SizeUnit.NATIVE), price)
        assert not quick.check(1, taking, D(1), toy.now(1), toy.at_ms)
        assert not asking.check(1, taking, D(1), toy.now(1), toy.at_ms)
        toy.place(1, taking, D(1))
    toy.at_ms += 60_000
    entry = want_entry("s1", Side.SELL, HUNDRED_USDT, D(60_200))
    told = asking.check(0, entry, D("0.16"), toy.now(0), toy.at_ms)
    assert told.startswith("SELF_MATCH denied")
    assert quick.check(0, entry, D("0.16"), toy.now(0), toy.at_ms) == told


@pytest.mark.parametrize("minutes", [1, 119, 120, 121])
@pytest.mark.parametrize(
    "limits",
    [
        RiskLimits(streak_losses_max=2, streak_window_ms=7_200_000, streak_pause_ms=7_200_000),
        RiskLimits(after_stop_pause_ms=7_200_000),
    ],
    ids=["streak", "stop"],
)
def test_what_was_closed_is_asked_about_as_long_as_it_counts(limits: RiskLimits, minutes: int) -> None:
    spec = world.spec_of(BTC_SWAP, profile="drawn", leverage=D(5))
    quick, asking = world.gates(spec, world.profiles_with(limits))
    toy = Toy(spec, Random(1))
    closed = ClosedTrade(at_ms=toy.at_ms, asset="BTC", request_id="", is_loss=True, by_stop=True)
    toy.at_ms += 60_000 * minutes
    answers = []
    for gate in (quick, asking):
        gate.note_close(closed)
        gate.note_close(closed)
        answers.append(gate.check(0, want_entry("b", Side.BUY, HUNDRED_USDT), D("0.16"), toy.now(0), toy.at_ms))
    assert answers[0] == answers[1]
    assert bool(answers[0]) is (minutes < 120)
    assert quick.asked == (minutes < 120)


def test_limits_that_no_replay_can_meet_are_named_with_the_reason() -> None:
    assert set(NOT_REPLAYED) <= set(RiskLimits.__struct_fields__)
    assert all(NOT_REPLAYED.values())


@pytest.mark.parametrize("price", [D("0.5"), D(60_000), D(3_000_000)])
@pytest.mark.parametrize("symbol", [BTC, BTC_SWAP])
def test_a_shape_bounds_each_level_wherever_it_holds(symbol: str, price: Decimal) -> None:
    settings, market = msgspec.structs.replace(W2, step=D(3)), INSTRUMENTS[symbol]
    shape = shape_of(settings, market)
    assert shape is not None
    if not shape.price_min < price < shape.price_max:
        return
    rungs = rungs_of(settings, symbol, price)
    assert len(rungs) == shape.count
    assert sum(rung.cost for rung in rungs) <= shape.cost
    assert all(market.notional_min <= rung.cost <= shape.cost_max for rung in rungs)
    assert all(shape.lowest * price <= rung.price <= shape.highest * price for rung in rungs)
    assert sum(rung.cost / rung.price * price for rung in rungs) <= shape.worth
    assert all(market.is_valid_quantity(rung.quantity) for rung in rungs)
