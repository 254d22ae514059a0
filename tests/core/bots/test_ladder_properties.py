from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from fairlead.core.model.bots.deal import Deal
from fairlead.core.model.bots.decision import Direction
from fairlead.core.model.bots.martingale import MartingaleSettings
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.money import HUNDRED, ONE, ZERO
from fairlead.core.model.request import Size, SizeUnit
from fairlead.core.rules.bots.entries import Entries
from fairlead.core.rules.bots.ladder import Ladder
from tests.core.bots.martingale_worlds import COARSE, martingales
from tests.core.bots.toy_exchange import INVERSE, LINEAR, SPOT

plans = st.sampled_from([SPOT, COARSE, LINEAR, INVERSE]).flatmap(
    lambda instrument: st.tuples(st.just(instrument), martingales(instrument))
)
anchors = st.decimals(Decimal(1), Decimal(100_000), places=2)


@given(plan=plans, anchor=anchors, factor=st.sampled_from([ONE, Decimal("0.37"), Decimal("1.9")]))
def test_what_all_levels_cost_after_rounding_is_never_more_than_planned(
    plan: tuple[Instrument, MartingaleSettings], anchor: Decimal, factor: Decimal
) -> None:
    instrument, settings = plan
    money = Size(amount=HUNDRED, unit=SizeUnit.QUOTE)
    ladder = Ladder(replace(settings, base_order=money, safety_order=money), instrument)
    rungs = [ladder.rung(level, anchor, factor) for level in range(settings.levels + 1)]
    rungs = [rung for rung in rungs if rung.price > ZERO]
    for rung in rungs:
        assert rung.cost <= ladder.size(rung.level, factor).amount
        assert rung.quantity % instrument.lot_size == 0
        assert rung.price % instrument.tick_size == 0
    for before, after in pairwise(rungs):
        is_deeper = after.price <= before.price if settings.direction is Direction.LONG else after.price >= before.price
        assert is_deeper


@given(plan=plans, anchor=anchors, gain=st.decimals(-5_000, 5_000, places=2))
def test_profit_put_back_is_never_more_than_its_share_and_caution_never_adds(
    plan: tuple[Instrument, MartingaleSettings], anchor: Decimal, gain: Decimal
) -> None:
    instrument, settings = plan
    ladder = Ladder(settings, instrument)
    factor = Entries(settings, instrument, ladder).factor(Deal(realized_before=gain), anchor)
    assert factor >= ZERO
    assert factor >= ONE if gain >= ZERO else factor <= ONE
    capital = sum((ladder.rung(level, anchor).cost for level in range(settings.levels + 1)), ZERO)
    added = (factor - ONE) * capital
    worth = gain * anchor if instrument.is_inverse else gain
    assert added <= max(ZERO, worth * settings.reinvest / HUNDRED) + Decimal("1E-9")
