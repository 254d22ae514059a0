from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Literal

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from fairlead.core.model.bots.bot import Wish
from fairlead.core.model.bots.grid import GridDirection, GridMemory, GridSettings, Spacing
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.request import Side, Size, SizeUnit
from fairlead.core.rules.bots.grid_lines import GridLines
from tests.core.bots.test_grid_lines import PERPETUAL
from tests.core.bots.toy_exchange import SPOT, ToyExchange

PRICES = st.integers(700, 1_400).map(lambda tenth: Decimal(tenth) / 10)
WALKS = st.lists(PRICES, min_size=1, max_size=15)
SPACINGS = st.sampled_from(Spacing)
ONE_EACH = Size(amount=Decimal(1), unit=SizeUnit.NATIVE)


def grid(lines: int, spacing: Spacing = Spacing.ARITHMETIC, **changes: object) -> GridSettings:
    settings = GridSettings(lower=Decimal(90), upper=Decimal(110), lines=lines, spacing=spacing, per_line=ONE_EACH)
    return replace(settings, **changes)


def signed(bot: ToyExchange) -> Decimal:
    return bot.state.deal.quantity if bot.state.deal.is_long else -bot.state.deal.quantity


def memory_of(bot: ToyExchange) -> GridMemory:
    assert isinstance(bot.state.memory, GridMemory)
    return bot.state.memory


def check(bot: ToyExchange, instrument: Instrument) -> None:
    """What holds after every step."""
    slots = [one.order.want.slot for one in bot.book.values()]
    assert len(slots) == len(set(slots))
    leaving = sum(
        (one.quantity - one.filled for one in bot.book.values() if not one.order.want.opens), start=Decimal(0)
    )
    assert leaving <= bot.state.deal.quantity
    if instrument.is_spot:
        bought = sum((one.filled - one.fee_base for one in bot.history if one.order.want.side is Side.BUY), Decimal(0))
        sold = sum((one.filled for one in bot.history if one.order.want.side is Side.SELL), Decimal(0))
        assert sold <= bought
        assert bought - sold == bot.state.deal.quantity


@given(WALKS, st.integers(1, 12), SPACINGS, st.sampled_from([True, False]), st.integers(0, 3))
@settings(deadline=None)
def test_every_buy_is_matched_by_at_most_one_sell_one_line_above(
    walk: list[Decimal], lines: int, spacing: Spacing, initial: Literal[True, False], active: int
) -> None:
    chosen = grid(lines, spacing, initial=initial, active_lines=active)
    bot = ToyExchange(chosen, SPOT)
    bot.move(Decimal(100))
    for price in walk:
        bot.move(price)
        check(bot, SPOT)
        assert bot.state.deal.quantity <= lines
    prices = [GridLines(chosen, SPOT).price(line) for line in range(lines + 1)]
    bought, sold = Counter[int](), Counter[int]()
    for one in bot.history:
        want = one.order.want
        if one.filled and want.slot != "i":
            cell = int(want.slot[1:].split(".")[0])
            assert want.price == prices[cell + (want.side is Side.SELL)]
            (bought if want.side is Side.BUY else sold)[cell] += 1
    first = memory_of(bot).pivot if initial else lines
    for cell in range(lines):
        assert 0 <= bought[cell] + (cell >= first) - sold[cell] <= 1, cell


@given(WALKS, st.integers(1, 10), st.sampled_from(GridDirection), st.integers(0, 3), st.data())
@settings(deadline=None)
def test_a_walk_back_to_its_start_leaves_the_same_inventory(
    walk: list[Decimal], lines: int, direction: GridDirection, active: int, data: st.DataObject
) -> None:
    chosen = grid(lines, direction=direction, active_lines=active)
    bot = ToyExchange(chosen, PERPETUAL)
    start = GridLines(chosen, PERPETUAL).price(data.draw(st.integers(0, lines)))
    bot.move(start)
    before = signed(bot)
    for price in walk:
        bot.move(price)
        check(bot, PERPETUAL)
    bot.move(start)
    assert signed(bot) == before


@given(
    st.lists(st.tuples(PRICES, st.sampled_from(["move", "part", "cancel", "pause"])), max_size=25),
    st.sampled_from([grid(5, trail_up=Decimal(200), trail_down=Decimal(50)), grid(5, expand_up=2, expand_down=2)]),
)
@settings(deadline=None)
def test_a_spot_grid_sells_only_what_it_holds_whatever_is_done_to_its_orders(
    walk: list[tuple[Decimal, str]], chosen: GridSettings
) -> None:
    coarse = replace(SPOT, lot_size=Decimal("0.01"), quantity_min=Decimal("0.05"))
    bot = ToyExchange(chosen, coarse, fee=Decimal("0.003"), fee_in_base=True)
    bot.move(Decimal(100))
    for price, event in walk:
        bot.wish = Wish.PAUSE if event == "pause" else Wish.RUN
        if event == "cancel" and bot.book:
            bot.cancel_by_hand(next(iter(bot.slots)))
        bot.move(price, part=Decimal("0.03") if event == "part" else None)
        bot.now_ms += 120_000
        bot.ask()
        check(bot, coarse)
        # Each line holds its size at most, and what was too small to sell before.
        lines = 5 + memory_of(bot).added_down + memory_of(bot).added_up
        assert bot.state.deal.quantity <= lines * Decimal("1.05")
