from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from fairlead.core.model.bots.bot import BotStatus
from fairlead.core.model.bots.decision import Direction
from fairlead.core.model.bots.martingale import (
    DeviationFrom,
    MartingaleSettings,
    StopFrom,
    StopLoss,
    TakeProfitFrom,
    TakeProfitStep,
)
from fairlead.core.model.request import Size, SizeUnit
from fairlead.core.rules.bots.ladder import Ladder
from fairlead.core.rules.bots.ledger import average_price
from fairlead.core.rules.bots.rules import MartingaleFace
from tests.core.bots.toy_exchange import SPOT, ToyExchange

# Fine enough that rounding shows in no printed digit.
FINE = replace(SPOT, tick_size=Decimal("1E-12"), lot_size=Decimal("1E-12"), quantity_min=Decimal("1E-12"))


def quote(amount: str) -> Size:
    return Size(amount=Decimal(amount), unit=SizeUnit.QUOTE)


def base(amount: str) -> Size:
    return Size(amount=Decimal(amount), unit=SizeUnit.BASE)


def dca(**changes: object) -> MartingaleSettings:
    settings = MartingaleSettings(
        base_order=quote("100"),
        safety_order=quote("100"),
        max_safety_orders=5,
        active_safety_orders=5,
        step=Decimal(1),
        step_scale=Decimal("1.5"),
        volume_scale=Decimal(2),
        take_profit=(TakeProfitStep(percent=Decimal("1.5")),),
    )
    return replace(settings, **changes)


VECTOR_C = [
    ("100", "100", "101.5", "101.5"),
    ("99", "99.497487", "100.989950", "100.243719"),
    ("97.5", "98.488617", "99.965946", "98.857949"),
    ("95.25", "96.842239", "98.294873", "97.023819"),
    ("91.875", "94.293248", "95.707647", "94.381648"),
    ("86.8125", "90.398374", "91.754350", "90.440749"),
]


@pytest.mark.parametrize(("reference", "column"), [(TakeProfitFrom.TOTAL, 2), (TakeProfitFrom.BASE, 3)])
def test_the_published_long_ladder_is_reproduced_level_by_level(reference: TakeProfitFrom, column: int) -> None:
    bot = ToyExchange(dca(take_profit_from=reference), FINE)
    for level, row in enumerate(VECTOR_C):
        bot.move(Decimal(row[0]))
        assert f"{average_price(bot.state.deal, FINE):.6f}" == f"{Decimal(row[1]):.6f}", level
        assert f"{bot.resting('t1').order.want.price:.6f}" == f"{Decimal(row[column]):.6f}", level


def test_the_published_short_ladder_mirrors_the_long_one() -> None:
    bot = ToyExchange(dca(direction=Direction.SHORT), FINE)
    averages = ["100", "100.497512", "101.488879", "103.093657", "105.549404", "109.235094"]
    targets = ["98.5", "98.990050", "99.966546", "101.547252", "103.966163", "107.596568"]
    prices = ["100", "101", "102.5", "104.75", "108.125", "113.1875"]
    for price, average, target in zip(prices, averages, targets, strict=True):
        bot.move(Decimal(price))
        assert f"{average_price(bot.state.deal, FINE):.6f}" == f"{Decimal(average):.6f}"
        assert f"{bot.resting('t1').order.want.price:.6f}" == f"{Decimal(target):.6f}"


def test_a_ladder_of_four_with_growing_gaps_is_reproduced() -> None:
    settings = dca(max_safety_orders=4, step=Decimal(3), step_scale=Decimal("1.2"))
    bot = ToyExchange(settings, FINE)
    rows = [("97", "98.477157", "99.954315"), ("93.4", "95.871407", "97.309478")]
    rows += [("89.08", "92.351013", "93.736278"), ("83.896", "87.920703", "89.239513")]
    bot.move(Decimal(100))
    for price, average, target in rows:
        bot.move(Decimal(price))
        assert f"{average_price(bot.state.deal, FINE):.6f}" == average
        assert f"{bot.resting('t1').order.want.price:.6f}" == target


def compounding(start: str, amount: str, drop: str, levels: int, profit: str) -> MartingaleSettings:
    return MartingaleSettings(
        base_order=base(amount),
        base_price=Decimal(start),
        safety_order=base(str(Decimal(amount) * 2)),
        max_safety_orders=levels - 1,
        active_safety_orders=levels,
        step=Decimal(drop),
        volume_scale=Decimal(2),
        deviation_from=DeviationFrom.PREVIOUS_LEVEL,
        take_profit=(TakeProfitStep(percent=Decimal(profit)),),
    )


def test_a_compounding_ladder_of_six_is_reproduced() -> None:
    bot = ToyExchange(compounding("100", "1", "2", 6, "1.5"), FINE)
    rows = [("100", "100", "101.5"), ("98", "98.6667", "100.1467"), ("96.04", "97.1657", "98.6232")]
    rows += [("94.1192", "95.5409", "96.9740"), ("92.236816", "93.8356", "95.2431")]
    rows += [("90.39207968", "92.0865", "93.4678")]
    for price, average, target in rows:
        bot.move(Decimal(price))
        assert f"{average_price(bot.state.deal, FINE):.4f}" == f"{Decimal(average):.4f}"
        assert f"{bot.resting('t1').order.want.price:.4f}" == f"{Decimal(target):.4f}"


def test_fees_in_the_coin_shrink_the_exit_and_raise_its_price() -> None:
    settings = compounding("109", "10", "8", 2, "8")
    bot = ToyExchange(settings, FINE, fee=Decimal("0.001"), fee_in_base=True)
    bot.walk(["109", "100.28"])
    target = bot.resting("t1")
    assert target.quantity == Decimal("29.97")
    assert f"{target.order.want.price:.6f}" == "111.664818"


def test_an_exit_gains_what_was_promised_after_all_fees() -> None:
    bot = ToyExchange(dca(), FINE, fee=Decimal("0.001"), fee_in_base=True)
    bot.walk(price for price, *_ in VECTOR_C)
    assert f"{bot.resting('t1').order.want.price:.6f}" == "91.938134"


def test_the_stop_is_measured_from_the_first_fill_and_does_not_move_with_the_average() -> None:
    stop = StopLoss(percent=Decimal(10), reference=StopFrom.FIRST_FILL)
    bot = ToyExchange(replace(compounding("109", "10", "8", 2, "8"), stop_loss=stop), FINE)
    bot.walk(["109", "100.28", "98.11"])
    assert bot.state.deal.quantity == Decimal(30)
    bot.walk(["98.10"])
    assert bot.state.deal.quantity == 0
    assert f"{bot.state.deal.realized:.2f}" == "-152.60"
    assert bot.state.status is BotStatus.FINISHED
    assert not bot.book


def test_published_gaps_add_up() -> None:
    ladder = Ladder(dca(step=Decimal(3), step_scale=Decimal("1.2")), FINE)
    assert [str(ladder.rung(level, Decimal(100)).deviation.normalize()) for level in range(1, 5)] == [
        "3",
        "6.6",
        "10.92",
        "16.104",
    ]
    assert [ladder.sizes[level] for level in (1, 2, 3)] == [100, 200, 400]


def test_a_cycle_that_took_its_profit_begins_again_at_the_new_price() -> None:
    bot = ToyExchange(dca(), FINE)
    bot.walk(["100", "99", "101", "101"])
    assert bot.state.cycle == 2
    assert isinstance(bot.rule, MartingaleFace)
    assert Decimal(bot.slots["t1"]) == Decimal("102.515")
    assert set(bot.slots) == {"t1", "s1", "s2", "s3", "s4", "s5"}
    assert bot.state.deal.realized_before > 0
