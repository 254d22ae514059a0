"""A paper day beside its replay: every difference has a name, and the names add up."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
from msgspec.structs import replace

from fairlead.backtest.parity.comparing import Why
from fairlead.backtest.parity.report import BotDrift, Skipped, drift_of
from fairlead.core.model.account import FeeRates
from fairlead.core.model.bots.bot import Settings, Wish
from fairlead.core.model.bots.decision import Instruction
from fairlead.core.model.bots.grid import GridSettings
from fairlead.core.model.bots.martingale import StartOnSignal, TakeProfitStep
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.request import Size, SizeUnit
from fairlead.core.rules.bots.rules import no_rules
from fairlead.market.candles.series import PRICES, CandleSeries
from fairlead.simulator.rules import VenueRules
from fairlead.wiring.parity import DriftPlan, make_drift_report
from tests.backtest.parity.paper_day import CALM, TICK_MS, PaperDay, candles_of, slow_down, walk
from tests.orders.trading_world import LINEAR, SPOT, START_MS
from tests.sources.bots.bot_world import dip

TICKS = 60
DIP = dip(max_safety_orders=3, active_safety_orders=3, step=Decimal("0.4"), volume_scale=Decimal("1.4"))
GRID = GridSettings(
    lower=Decimal(58_000),
    upper=Decimal(62_000),
    lines=20,
    per_line=Size(amount=Decimal(2), unit=SizeUnit.CONTRACTS),
)
# With one fee for all it makes no difference who waited in the book.
FLAT = FeeRates(
    spot_maker=Decimal("0.001"),
    spot_taker=Decimal("0.001"),
    perpetual_maker=Decimal("0.0005"),
    perpetual_taker=Decimal("0.0005"),
)


async def live(folder: Path, settings: Settings = DIP, symbol: str = LINEAR, rules: VenueRules = CALM) -> PaperDay:
    day = PaperDay(folder, walk(1, TICKS), settings, symbol, rules)
    await day.live()
    assert day.read().differences == ()
    slow_down(day.day)
    return day


def series_of(day: PaperDay) -> CandleSeries:
    return candles_of(day.prices, day.symbol, day.instrument)


def adds_up(drift: BotDrift) -> bool:
    assert abs(drift.parts.total - (drift.live_profit - drift.replayed_profit)) < Decimal("1E-18")
    return True


@pytest.mark.parametrize("symbol", [LINEAR, SPOT])
async def test_a_calm_day_lost_what_lies_between_bid_and_ask_and_nothing_else(tmp_path: Path, symbol: str) -> None:
    money = Size(amount=Decimal(150), unit=SizeUnit.QUOTE)
    coin = replace(DIP, base_order=Size(amount=Decimal("0.003"), unit=SizeUnit.BASE), safety_order=money)
    day = await live(tmp_path, coin if symbol == SPOT else DIP, symbol)
    drift = drift_of(day.day, series_of(day))
    assert adds_up(drift)
    assert drift.skipped == ()
    assert drift.stretches > 2
    assert drift.fills > 8
    assert drift.parts.bug == drift.parts.missed == drift.parts.latency == 0
    assert {one.why for one in drift.differences} == {Why.FILLS}
    assert abs(drift.parts.total) < Decimal("0.05")


async def test_profits_of_a_day_are_those_that_the_bot_booked(tmp_path: Path) -> None:
    day = await live(tmp_path)
    series = series_of(day)
    state = day.world.bot("bot")
    deal, mark = state.deal, series.price(int(series.close[-1]))
    booked = deal.realized_before + deal.realized - deal.fees
    booked += day.instrument.notional(deal.quantity, mark) - deal.cost
    assert abs(drift_of(day.day, series).live_profit - booked) < Decimal("1E-9")


async def test_an_exchange_that_takes_more_than_its_fees_is_seen_in_fees(tmp_path: Path) -> None:
    dear = FeeRates(perpetual_maker=Decimal("0.0007"), perpetual_taker=Decimal("0.0009"))
    day = await live(tmp_path, rules=replace(CALM, fees=dear))
    drift = drift_of(day.day, series_of(day))
    assert adds_up(drift)
    assert drift.parts.fees < Decimal(-1)
    assert drift.parts.bug == 0


async def test_what_candles_do_not_show_is_missed_and_what_follows_says_so(tmp_path: Path) -> None:
    day = await live(tmp_path)
    series = series_of(day)
    # The price of the lowest entry is not in these candles.
    lowest = min(one.price for stretch in day.day.stretches for one in stretch.trades() if one.opens)
    floor = int(lowest / series.tick) + 1
    columns = {name: np.maximum(getattr(series, name), floor) for name in PRICES}
    cut = CandleSeries(
        symbol=series.symbol, timeframe="1m", tick=series.tick, opened_ms=series.opened_ms, prices=columns
    )
    drift = drift_of(day.day, cut)
    assert adds_up(drift)
    assert drift.parts.missed != 0
    assert drift.parts.bug == 0
    assert Why.NOT_TOUCHED in {one.why for one in drift.differences}


async def test_a_replay_that_rounds_the_other_way_is_a_bug_and_named(tmp_path: Path) -> None:
    """With a base order at a limit both begin at the very same price."""
    settings = replace(
        DIP, base_as_limit=True, take_profit=(TakeProfitStep(percent=Decimal("0.8")),), step=Decimal("0.333")
    )
    day = PaperDay(tmp_path, walk(1, TICKS), settings, LINEAR, replace(CALM, fees=FLAT))
    day.world.accounts = [replace(day.account, fee_rates=FLAT)]
    await day.live()
    assert day.read().differences == ()
    slow_down(day.day)
    assert drift_of(day.day, series_of(day)).parts.bug == 0

    def round_up(instrument: Instrument, _side: object, price: Decimal, _rounding: object) -> Decimal:
        return instrument.round_price_up(price)

    with patch("fairlead.core.rules.bots.ladder.round_entry", round_up):
        drift = drift_of(day.day, series_of(day))
    assert adds_up(drift)
    named = [one for one in drift.differences if one.why is Why.ORDERED_OTHERWISE]
    assert named
    assert named[0].slot.startswith("s")
    assert drift.parts.bug != 0


async def test_decisions_that_do_not_come_out_again_make_their_stretch_a_bug(tmp_path: Path) -> None:
    day = await live(tmp_path)
    drift = drift_of(day.day, series_of(day), [day.day.stretches[0].begin_ms])
    assert adds_up(drift)
    assert drift.parts.bug != 0
    assert Why.DECIDED_OTHERWISE in {one.why for one in drift.differences}


async def test_a_pause_and_words_of_a_person_are_no_differences(tmp_path: Path) -> None:
    day = PaperDay(tmp_path, walk(1, 20), DIP)
    world = day.world
    await world.start()
    world.feed(LINEAR, day.prices[0])
    await world.add("bot", DIP)
    await world.run_ms(TICK_MS)
    for number, price in enumerate(day.prices[1:]):
        if number == 5:
            await world.tell("bot", Instruction.ADD_FUNDS)
        if number == 10:
            await world.change("bot", wish=Wish.PAUSE)
        if number == 15:
            await world.change("bot", wish=Wish.RUN)
        await world.move(price, wait_ms=TICK_MS)
    await world.stop()
    day.read()
    slow_down(day.day)
    drift = drift_of(day.day, series_of(day))
    assert adds_up(drift)
    assert drift.parts.bug == 0
    assert Skipped.HELD_BACK in {one.why for one in drift.skipped}


@pytest.mark.parametrize("settings", [DIP, GRID], ids=["martingale", "grid"])
async def test_a_day_that_begins_in_the_middle_goes_on_from_where_the_bot_stood(
    tmp_path: Path, settings: Settings
) -> None:
    day = PaperDay(tmp_path, walk(1, TICKS), settings)
    await day.live()
    middle_ms = START_MS + 12 * TICK_MS - TICK_MS // 2
    assert day.read(middle_ms).differences == ()
    first = day.day.stretches[0]
    assert first.begin_ms == middle_ms
    assert first.state.orders
    slow_down(day.day)
    drift = drift_of(day.day, series_of(day))
    assert adds_up(drift)
    assert drift.fills > 1
    assert drift.parts.bug == 0
    assert abs(drift.parts.total) < Decimal("0.05")


async def test_a_bot_that_was_not_there_all_day_has_missed_what_candles_show(tmp_path: Path) -> None:
    day = PaperDay(tmp_path, walk(1, TICKS), DIP)
    await day.live()
    later_ms = day.world.clock.now_ms() + 1
    assert day.read(later_ms, later_ms + 60 * TICK_MS).decisions == 0
    (stretch,) = day.day.stretches
    stretch.begin_ms = series_of(day).begin_ms
    drift = drift_of(day.day, series_of(day))
    assert adds_up(drift)
    assert drift.live_profit == 0
    assert drift.parts.missed == -drift.replayed_profit != 0
    assert {one.why for one in drift.differences} <= {Why.NOT_FILLED, Why.FOLLOWS}


async def test_conditions_that_were_known_from_history_are_taken_as_the_bot_heard_them(tmp_path: Path) -> None:
    settings = replace(DIP, start=StartOnSignal("known"), conditions={"known": "rsi(close, 14, 5m) > 0"})
    day = PaperDay(tmp_path, walk(1, TICKS), settings)
    await day.live(tick_ms=20_000)
    plan = DriftPlan(
        url=day.world.url,
        begin_ms=START_MS,
        end_ms=day.world.clock.now_ms() + 1,
        candles_dir=tmp_path / "none",
        find_rule=no_rules,
    )
    report = make_drift_report(plan)
    (drift,) = report.bots
    # Twenty minutes of candles know no such value, so the replay can only have begun because the bot did.
    assert report.decisions.differences == ()
    assert drift.fills > 0
    assert drift.replayed_profit != 0
    assert drift.parts.bug == 0
