from __future__ import annotations

from decimal import Decimal
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from fairlead.core.model.account import FeeRates, MarginMode
from fairlead.core.model.bots.bot import BotState, Settings
from fairlead.core.model.bots.decision import BotCommand, Direction, Instruction
from fairlead.core.model.bots.grid import GridSettings
from fairlead.core.model.bots.martingale import (
    DeviationFrom,
    EntryMode,
    LadderStep,
    MartingaleSettings,
    Reserve,
    StartAtPrice,
    StopFrom,
    StopLoss,
    TakeProfitFrom,
    TakeProfitStep,
)
from fairlead.core.model.bots.preview import BotPreview
from fairlead.core.model.bots.user_rule import RuleMemory, RuleSettings
from fairlead.core.model.instrument import Instrument, InstrumentKind, InstrumentState
from fairlead.core.model.money import ZERO
from fairlead.core.model.request import Size, SizeUnit
from fairlead.core.rules.bots.imagined_market import Terms
from fairlead.core.rules.bots.ledger import average_price
from fairlead.core.rules.bots.preflight import check_capital
from fairlead.core.rules.bots.preview import new_state, preview_bot
from fairlead.core.rules.bots.scaling import scale_sizes
from tests.core.bots.toy_exchange import NO_FEES, SPOT, ToyExchange

FINE: Final = replace(SPOT, tick_size=Decimal("1E-12"), lot_size=Decimal("1E-12"), quantity_min=Decimal("1E-12"))
LINEAR: Final = Instrument(
    symbol="BTC-USDT-SWAP",
    kind=InstrumentKind.LINEAR_PERPETUAL,
    base_currency="BTC",
    quote_currency="USDT",
    settle_currency="USDT",
    tick_size=Decimal("0.1"),
    lot_size=Decimal("0.01"),
    quantity_min=Decimal("0.01"),
    limit_quantity_max=Decimal(10_000),
    market_quantity_max=Decimal(10_000),
    contract_value=Decimal("0.01"),
    leverage_max=Decimal(100),
    maintenance_margin_rate=Decimal("0.004"),
)
INVERSE: Final = replace(
    LINEAR,
    symbol="BTC-USD-SWAP",
    kind=InstrumentKind.INVERSE_PERPETUAL,
    quote_currency="USD",
    settle_currency="BTC",
    lot_size=Decimal(1),
    quantity_min=Decimal(1),
    contract_value=Decimal(100),
)
TEN_BP: Final = FeeRates(
    spot_maker=Decimal("0.001"),
    spot_taker=Decimal("0.001"),
    perpetual_maker=Decimal("0.001"),
    perpetual_taker=Decimal("0.001"),
)


def quote(amount: str) -> Size:
    return Size(amount=Decimal(amount), unit=SizeUnit.QUOTE)


def dca(**changes: object) -> MartingaleSettings:
    settings = MartingaleSettings(
        base_order=quote("100"),
        safety_order=quote("100"),
        max_safety_orders=5,
        step=Decimal(1),
        step_scale=Decimal("1.5"),
        volume_scale=Decimal(2),
        take_profit=(TakeProfitStep(percent=Decimal("1.5")),),
    )
    return replace(settings, **changes)


def preview(
    settings: Settings,
    instrument: Instrument = FINE,
    price: str = "100",
    *,
    fees: FeeRates = NO_FEES,
    cash: str | None = None,
) -> BotPreview:
    leverage = settings.leverage or Decimal(1)
    terms = Terms(fees=fees, leverage=leverage, cash=None if cash is None else Decimal(cash))
    state = new_state(settings, instrument, terms, tenant="me", account_id="a")
    return preview_bot(state, settings, instrument, terms, Decimal(price))


def rules(shown: BotPreview) -> list[str]:
    return [f"{one.field} = {one.value}: {one.rule}" for one in shown.findings if one.refuses]


def test_the_published_ladder_is_previewed_level_by_level() -> None:
    shown = preview(dca())
    averages = ["100", "99.497487", "98.488617", "96.842239", "94.293248", "90.398374"]
    targets = ["101.5", "100.989950", "99.965946", "98.294873", "95.707647", "91.754350"]
    prices = ["100", "99", "97.5", "95.25", "91.875", "86.8125"]
    totals = ["100", "200", "400", "800", "1600", "3200"]
    assert [row.slot for row in shown.rows] == ["b", "s1", "s2", "s3", "s4", "s5"]
    assert [f"{row.price:.6f}" for row in shown.rows] == [f"{Decimal(one):.6f}" for one in prices]
    assert [f"{row.cost_in_all:.6f}" for row in shown.rows] == [f"{Decimal(one):.6f}" for one in totals]
    assert [f"{row.average:.6f}" for row in shown.rows] == [f"{Decimal(one):.6f}" for one in averages]
    assert [f"{row.take_profit[0]:.6f}" for row in shown.rows] == [f"{Decimal(one):.6f}" for one in targets]
    assert f"{shown.rows[-1].away:.4f}" == "13.1875"
    assert f"{shown.worst.capital:.4f}" == "3200.0000"
    assert f"{shown.growth:.6f}" == "16.000000"
    assert not rules(shown)


def test_the_loss_at_the_stop_counts_every_level_and_all_fees() -> None:
    settings = MartingaleSettings(
        base_order=Size(amount=Decimal(10), unit=SizeUnit.BASE),
        base_price=Decimal(109),
        safety_order=Size(amount=Decimal(20), unit=SizeUnit.BASE),
        max_safety_orders=1,
        step=Decimal(8),
        deviation_from=DeviationFrom.PREVIOUS_LEVEL,
        take_profit=(TakeProfitStep(percent=Decimal(8)),),
        stop_loss=StopLoss(percent=Decimal(10), reference=StopFrom.FIRST_FILL),
    )
    shown = preview(settings, price="120")
    assert (shown.worst.stop_price, f"{shown.worst.loss:.2f}") == (Decimal("98.10"), "152.60")
    with_fees = preview(settings, price="120", fees=TEN_BP).worst
    # Bought 30 and paid 0.03 of it; what is left is sold at 98.10 less a fee of 0.1 %.
    assert (
        f"{with_fees.loss:.6f}" == f"{Decimal('3095.6') - Decimal('29.97') * Decimal('98.10') * Decimal('0.999'):.6f}"
    )
    assert f"{with_fees.capital:.4f}" == "3098.6956"


def test_a_level_beyond_the_stop_is_refused_with_where_the_stop_lies() -> None:
    stop = StopLoss(percent=Decimal(5), reference=StopFrom.BASE)
    (told,) = rules(preview(dca(stop_loss=stop)))
    assert told == "stop_loss = 5 % from base: lies at 95, before 2 of 6 levels, which can never fill"
    from_average = preview(dca(stop_loss=StopLoss(percent=Decimal(2), reference=StopFrom.AVERAGE)))
    assert not rules(from_average)
    assert any(one.field == "stop_loss" for one in from_average.findings)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"step": Decimal(40)}, "level 2 = 100 % away: must be less than 100 %: no price is left there"),
        ({"step": Decimal("0.001")}, "level 2 = 99.9: is the price of level 1 too: on ticks of 0.1 they are one"),
        ({"base_order": quote("0.0001")}, "level 0 = 0.000001 BTC: BTC-USDT takes at least 0.00001"),
        (
            {"direction": Direction.SHORT},
            "direction = short: BTC-USDT is spot, which cannot be held short: use a perpetual",
        ),
        ({"take_profit": (TakeProfitStep(percent=Decimal(0)),)}, "take_profit[1].percent = 0: must be above 0"),
        ({"max_safety_orders": 201}, "max_safety_orders = 201: must be 0 to 200"),
        ({"step_scale": Decimal(11)}, "step_scale = 11: must be 0.1 to 10"),
        ({"cooldown_s": -1}, "cooldown_s = -1: must be 0 to 2592000"),
        ({"close_timeout_s": 59}, "close_timeout_s = 59: must be at least 60 or 0 for none"),
        ({"margin_mode": MarginMode.CASH}, "margin_mode = cash: must be cross or isolated"),
        (
            {"custom_ladder": (LadderStep(Decimal(2), Decimal(1)), LadderStep(Decimal(1), Decimal(1)))},
            "custom_ladder[2].deviation = 1: must be more than 2: each level is further away than the one before",
        ),
        (
            {"take_profit": (TakeProfitStep(Decimal(1), Decimal(50)), TakeProfitStep(Decimal(2), Decimal(40)))},
            "take_profit = shares of 90 %: must add up to 100 %",
        ),
    ],
)
def test_what_makes_no_bot_is_refused_by_field_value_and_rule(changes: dict[str, object], told: str) -> None:
    coarse = replace(SPOT, tick_size=Decimal("0.1"))
    assert told in rules(preview(dca(**changes), coarse))


def test_an_instrument_that_takes_no_orders_is_refused() -> None:
    (told,) = rules(preview(dca(), replace(FINE, state=InstrumentState.SUSPENDED)))
    assert told == "symbol = BTC-USDT: is suspended: the venue takes no orders for it"


def test_an_exit_that_fees_eat_is_refused() -> None:
    settings = dca(take_profit=(TakeProfitStep(percent=Decimal("0.1")),), take_profit_after_fees=False)
    assert not rules(preview(settings))
    (told,) = rules(preview(settings, fees=TEN_BP))
    assert told.startswith("take_profit after b = 100.2002002: must be above 100.2003004")
    assert not rules(preview(replace(settings, take_profit_after_fees=True), fees=TEN_BP))


def test_a_liquidation_inside_the_ladder_is_refused_and_more_cash_cures_it() -> None:
    settings = dca(
        base_order=quote("1000"),
        safety_order=quote("1000"),
        step=Decimal(3),
        leverage=Decimal(10),
        margin_mode=MarginMode.ISOLATED,
    )
    (told,) = rules(preview(settings, LINEAR, "60000"))
    assert told.startswith("liquidation after s")
    crossed = replace(settings, margin_mode=MarginMode.CROSS)
    assert rules(preview(crossed, LINEAR, "60000", cash="2000"))
    enough = preview(crossed, LINEAR, "60000", cash="20000")
    assert not rules(enough)
    assert all(row.liquidation is None or row.liquidation < row.price for row in enough.rows)


@pytest.mark.parametrize(("instrument", "currency"), [(LINEAR, "USDT"), (INVERSE, "BTC")])
@pytest.mark.parametrize("direction", list(Direction))
def test_the_worst_case_of_a_perpetual_is_margin_and_fees_and_the_open_loss(
    instrument: Instrument, currency: str, direction: Direction
) -> None:
    settings = dca(base_order=quote("6000"), safety_order=quote("6000"), leverage=Decimal(2), direction=direction)
    worst = preview(settings, instrument, "60000", fees=TEN_BP, cash="1000000").worst
    assert worst.currency == currency
    assert worst.capital == worst.margin + worst.fees + worst.open_loss
    assert min(worst.margin, worst.fees, worst.open_loss) > ZERO
    assert worst.cost == ZERO


def test_capital_that_is_not_there_is_refused_with_the_sum() -> None:
    worst = preview(dca()).worst
    assert check_capital(worst, dca(), free=Decimal(3_200), by_others=ZERO) is None
    told = check_capital(worst, dca(), free=Decimal(4_000), by_others=Decimal(1_000))
    assert told is not None
    assert told.rule == "the worst case is above 4,000 - 1,000 that other bots may take = 3,000 USDT"
    only = dca(reserve=Reserve.RESTING, active_safety_orders=1)
    assert check_capital(preview(only).worst, only, free=Decimal(200), by_others=ZERO) is None


def test_a_size_in_percent_is_of_the_cash_that_is_left() -> None:
    settings = dca(
        base_order=Size(amount=Decimal(10), unit=SizeUnit.PERCENT),
        safety_order=Size(amount=Decimal(10), unit=SizeUnit.PERCENT),
        volume_scale=Decimal(1),
        active_safety_orders=1,
        max_safety_orders=2,
    )
    shown = preview(settings, cash="1000")
    assert [f"{row.cost:.4f}" for row in shown.rows] == ["100.0000", "90.0000", "81.0000"]


amounts = st.decimals(min_value=20, max_value=500, places=2).map(lambda one: Size(amount=one, unit=SizeUnit.QUOTE))
percents = st.decimals(min_value="0.3", max_value=4, places=2)
ladders = st.builds(
    MartingaleSettings,
    base_order=amounts,
    safety_order=amounts,
    max_safety_orders=st.integers(0, 8),
    active_safety_orders=st.integers(1, 8),
    step=percents,
    step_scale=st.decimals(min_value="0.8", max_value="1.4", places=2),
    volume_scale=st.decimals(min_value="0.7", max_value="1.8", places=2),
    deviation_from=st.sampled_from(list(DeviationFrom)),
    entry_mode=st.sampled_from(list(EntryMode)),
    take_profit=st.sampled_from(
        [
            (TakeProfitStep(percent=Decimal(1)),),
            (TakeProfitStep(Decimal(1), Decimal(40)), TakeProfitStep(Decimal(2), Decimal(60))),
        ]
    ),
    take_profit_from=st.sampled_from(list(TakeProfitFrom)),
    trailing=st.none(),
    stop_loss=st.one_of(
        st.none(),
        st.builds(
            StopLoss, percent=st.just(Decimal(5)), reference=st.sampled_from([StopFrom.LAST_LEVEL, StopFrom.AVERAGE])
        ),
    ),
)


def check_against_live(bot: ToyExchange, shown: BotPreview, instrument: Instrument) -> None:
    """Let the bot live through the prices of its preview, and compare row by row."""
    bot.ask(command=BotCommand(1, Instruction.START))
    for number, row in enumerate(shown.rows):
        if number:
            bot.move(row.price)
        filled = [one for one in bot.history if one.order.want.slot == row.slot and one.filled]
        assert [(one.filled, one.value) for one in filled] == [
            (row.quantity, instrument.notional(row.quantity, row.price))
        ]
        assert bot.state.deal.quantity == row.held
        assert average_price(bot.state.deal, instrument) == row.average
        exits = [one.order.want.price for one in bot.book.values() if not one.order.want.opens]
        assert {price for price in exits if price is not None} == set(row.take_profit)
    if shown.worst.stop_price is not None:
        bot.move(shown.worst.stop_price)
        assert bot.state.deal.realized == -(shown.worst.loss or ZERO)


@given(
    settings=ladders, price=st.decimals(min_value=50, max_value=70_000, places=2), fee=st.sampled_from(["0", "0.001"])
)
def test_what_is_previewed_is_what_then_happens(settings: MartingaleSettings, price: Decimal, fee: str) -> None:
    rate = Decimal(fee)
    terms = Terms(fees=replace(NO_FEES, spot_maker=rate, spot_taker=rate))
    shown = preview_bot(new_state(settings, SPOT, terms, tenant="me", account_id="a"), settings, SPOT, terms, price)
    if rules(shown):
        return
    bot = ToyExchange(settings, SPOT, fee=rate, fee_in_base=True, price=price)
    check_against_live(bot, shown, SPOT)
    assert sum((one.value for one in bot.history if one.order.want.opens), ZERO) == shown.worst.cost


@given(
    settings=ladders,
    instrument=st.sampled_from([LINEAR, INVERSE]),
    direction=st.sampled_from(list(Direction)),
    leverage=st.sampled_from([1, 2, 5]),
)
def test_the_same_holds_for_perpetuals_both_ways(
    settings: MartingaleSettings, instrument: Instrument, direction: Direction, leverage: int
) -> None:
    settings = scaled(replace(settings, direction=direction, leverage=Decimal(leverage)))
    rate = Decimal("0.0005")
    terms = Terms(fees=FeeRates(perpetual_maker=rate), leverage=Decimal(leverage), cash=Decimal(10_000_000))
    state = new_state(settings, instrument, terms, tenant="me", account_id="a")
    shown = preview_bot(state, settings, instrument, terms, Decimal(60_000))
    if rules(shown):
        return
    bot = ToyExchange(settings, instrument, fee=rate, price=Decimal(60_000))
    check_against_live(bot, shown, instrument)
    opened = [one for one in bot.history if one.order.want.opens]
    assert sum((one.value for one in opened), ZERO) / leverage == shown.worst.margin
    assert sum((one.fee_settle for one in opened), ZERO) == shown.worst.fees


def scaled(settings: MartingaleSettings) -> MartingaleSettings:
    """A hundred times larger, for contracts are not small."""
    made = scale_sizes(settings, Decimal(100))
    assert isinstance(made, MartingaleSettings)
    return made


def test_a_grid_is_previewed_down_to_its_last_line() -> None:
    grid = GridSettings(lower=Decimal(90), upper=Decimal(110), lines=4, per_line=quote("100"))
    shown = preview(grid, price="100")
    assert not rules(shown)
    assert [row.slot for row in shown.rows] == ["i", "b1.0", "b0.0"]
    assert [row.price for row in shown.rows[1:]] == [95, 90]
    bot = ToyExchange(grid, FINE, price=Decimal(100))
    bot.ask()
    bot.walk(["95", "90"])
    assert bot.state.deal.quantity == shown.rows[-1].held
    assert bot.state.deal.cost == shown.worst.cost


def test_a_grid_whose_lines_do_not_earn_their_fees_is_refused() -> None:
    grid = GridSettings(lower=Decimal(99), upper=Decimal(101), lines=20, per_line=quote("100"))
    (told,) = rules(preview(grid, price="100", fees=TEN_BP))
    assert "where the deal comes out even after fees" in told


def test_a_running_deal_is_previewed_from_where_it_stands() -> None:
    bot = ToyExchange(dca(stop_loss=StopLoss(percent=Decimal(5), reference=StopFrom.LAST_LEVEL)))
    bot.walk(["100", "99", "97.5"])
    terms = Terms(fees=NO_FEES)
    shown = preview_bot(replace(bot.state, version=3), bot.settings, SPOT, terms, Decimal(98))
    assert [row.slot for row in shown.rows] == ["s3", "s4", "s5"]
    assert not rules(shown)
    assert shown.worst.resting == pytest.approx(shown.worst.cost, abs=Decimal("0.01"))
    assert shown.worst.stop_price is not None


def test_a_bot_that_waits_is_previewed_as_if_its_moment_had_come() -> None:
    start = StartAtPrice(price=Decimal(90))
    settings = dca(start=start, start_delay_s=60, safety_signal="dip")
    shown = preview(settings, price="100")
    assert [row.slot for row in shown.rows] == ["b", "s1", "s2", "s3", "s4", "s5"]
    assert shown.rows[0].price == 90
    bot = ToyExchange(settings, FINE)
    bot.move(Decimal(100))
    terms = Terms(fees=NO_FEES)
    waiting = preview_bot(replace(bot.state, version=1), settings, FINE, terms, Decimal(100))
    assert waiting.worst.capital == shown.worst.capital


def test_what_a_rule_of_ones_own_does_is_not_known_before() -> None:
    state = BotState(bot_id="b", tenant="me", account_id="a", symbol=FINE.symbol, memory=RuleMemory())
    settings = RuleSettings(rule="mine.py:Mine")
    shown = preview_bot(state, settings, FINE, Terms(fees=NO_FEES), Decimal(100))
    assert not rules(shown)
    assert "not known before" in shown.findings[0].rule
