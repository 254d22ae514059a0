"""A sleeping bot misses nothing: asked only when something touched it, it does what an awake one does."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from fairlead.core.model.bots.decision import Direction, Tripwire, WireKind
from fairlead.core.model.bots.martingale import DeviationFrom, EntryMode, MartingaleSettings
from fairlead.core.model.money import ONE, ZERO
from tests.core.bots.martingale_worlds import martingales
from tests.core.bots.toy_exchange import INVERSE, LINEAR, SPOT, ToyExchange

# Large ticks, so that a price that falls tick by tick has soon seen the whole ladder.
TICKS = replace(LINEAR, tick_size=Decimal("0.5"))

walks = st.lists(st.tuples(st.integers(-150, 150), st.sampled_from([1, 1, 30])), max_size=60)


def touches(wire: Tripwire, price: Decimal, now_ms: int) -> bool:
    match wire.kind:
        case WireKind.AT_OR_BELOW:
            return price <= wire.price
        case WireKind.AT_OR_ABOVE:
            return price >= wire.price
        case WireKind.AT_TIME:
            return now_ms >= wire.at_ms
        case WireKind.SIGNAL:
            return False


def trades(bot: ToyExchange) -> list[tuple[str, Decimal, Decimal, Decimal]]:
    return [(one.slot, one.quantity, one.filled, one.value) for one in bot.history]


@given(
    settings=st.sampled_from([SPOT, LINEAR, INVERSE]).flatmap(
        lambda instrument: st.tuples(st.just(instrument), martingales(instrument))
    ),
    walk=walks,
)
def test_a_bot_that_sleeps_between_its_tripwires_does_what_an_awake_one_does(
    settings: tuple[object, MartingaleSettings], walk: list[tuple[int, int]]
) -> None:
    instrument, chosen = settings
    assert type(instrument) is type(SPOT)
    awake, asleep = ToyExchange(chosen, instrument), ToyExchange(chosen, instrument)
    for bot in (awake, asleep):
        bot.move(Decimal("100.5"))
    for away, seconds in walk:
        price = instrument.round_price_down(awake.price * (ONE + Decimal(away) / 10_000))
        before = sum((one.filled for one in asleep.history), ZERO)
        awake.move(price, wait_ms=seconds * 1_000)
        asleep.trade(price, wait_ms=seconds * 1_000)
        assert asleep.last is not None
        has_news = sum((one.filled for one in asleep.history), ZERO) != before
        if has_news or any(touches(wire, price, asleep.now_ms) for wire in asleep.last.wires):
            asleep.ask()
        assert trades(asleep) == trades(awake)
        assert asleep.state.status is awake.state.status


@given(settings=martingales(TICKS), reference=st.sampled_from([DeviationFrom.BASE, DeviationFrom.PREVIOUS_LEVEL]))
def test_levels_that_rest_fill_where_levels_that_wait_do_on_a_steady_fall(
    settings: MartingaleSettings, reference: DeviationFrom
) -> None:
    steady = replace(
        settings,
        direction=Direction.LONG,
        deviation_from=reference,
        safety_signal="",
        levels_per_wake_max=200,
        stop_loss=None,
        close_timeout_s=0,
    )
    rest, trigger = (ToyExchange(replace(steady, entry_mode=mode), TICKS) for mode in EntryMode)
    for ticks in range(60):
        price = Decimal("100.5") - ticks * TICKS.tick_size
        rest.move(price)
        trigger.move(price)
        assert filled(rest) == filled(trigger)


def filled(bot: ToyExchange) -> list[tuple[str, Decimal, Decimal]]:
    return [(one.slot, one.filled, one.value) for one in bot.history if one.filled]
