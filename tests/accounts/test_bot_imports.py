"""Bots of other products become ours: the same ladder to the cent, and every field that does not fit is named."""

from __future__ import annotations

import json
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from fairlead.accounts.bot_imports.fields import Imported, ImportFault
from fairlead.accounts.bot_imports.reading import SOURCES, read_import
from fairlead.accounts.bot_presets import settings_values, to_settings
from fairlead.core.model.account import MarginMode
from fairlead.core.model.bots.decision import Direction
from fairlead.core.model.bots.grid import GridDirection, GridSettings, Spacing
from fairlead.core.model.bots.martingale import (
    AfterStop,
    EntryMode,
    MartingaleSettings,
    Reserve,
    StartAtPrice,
    StartNow,
    StartOnSignal,
    StopFrom,
    StopLoss,
    TakeProfitFrom,
    TakeProfitStep,
)
from fairlead.core.model.request import Size, SizeUnit
from fairlead.core.rules.bots.ladder import Ladder
from fairlead.core.rules.bots.ledger import average_price
from fairlead.core.rules.bots.setting_checks import check_settings
from tests.core.bots.toy_exchange import SPOT, ToyExchange

FOLDER = Path(__file__).parent.parent / "data" / "bot_imports"
FILES = sorted(path.name for path in FOLDER.glob("*.json"))
LADDERS = tomllib.loads((FOLDER / "ladders.toml").read_text(encoding="utf-8"))
# Fine enough that rounding shows in no printed digit.
FINE = replace(SPOT, tick_size=Decimal("1E-12"), lot_size=Decimal("1E-12"), quantity_min=Decimal("1E-12"))


def read(name: str, source: str = "", **changes: Any) -> Imported:  # noqa: ANN401 - whatever JSON may hold
    """Read a file with some fields changed; a field that is None is taken away."""
    values = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    values = values["data"][0] if "data" in values else values
    changed = {field: value for field, value in {**values, **changes}.items() if value is not None}
    return read_import(json.dumps(changed), source)


def dca(name: str, **changes: Any) -> MartingaleSettings:  # noqa: ANN401 - whatever JSON may hold
    settings = read(name, **changes).settings
    assert isinstance(settings, MartingaleSettings)
    return settings


def grid(name: str, **changes: Any) -> GridSettings:  # noqa: ANN401 - whatever JSON may hold
    settings = read(name, **changes).settings
    assert isinstance(settings, GridSettings)
    return settings


def left_out(imported: Imported) -> set[str]:
    return {one.field for one in imported.left_out}


@pytest.mark.parametrize("name", sorted(LADDERS))
def test_an_imported_bot_does_at_every_level_what_was_published(name: str) -> None:
    settings = dca(name)
    # What starts and stops it is not what is compared here.
    bot = ToyExchange(replace(settings, start=StartNow(), stop_loss=None), FINE)
    for price, spent, average, target in LADDERS[name]["rows"]:
        bot.move(Decimal(price))
        assert f"{bot.state.deal.cost:.6f}" == f"{Decimal(spent):.6f}"
        assert f"{average_price(bot.state.deal, FINE):.6f}" == f"{Decimal(average):.6f}"
        assert f"{bot.resting('t1').order.want.price:.6f}" == f"{Decimal(target):.6f}"


@pytest.mark.parametrize("name", FILES)
def test_what_is_imported_is_within_every_range_and_survives_being_exported(name: str) -> None:
    imported = read_import((FOLDER / name).read_text(encoding="utf-8"))
    assert not [one for one in check_settings(imported.settings) if one.refuses]
    assert to_settings(settings_values(imported.settings)) == imported.settings


@pytest.mark.parametrize("name", FILES)
def test_no_field_is_dropped_without_a_word(name: str) -> None:
    imported = read(name, surprise="one more")
    assert [(one.field, one.value) for one in imported.left_out if one.field == "surprise"] == [
        ("surprise", "one more")
    ]


def test_a_dca_bot_of_3commas_is_ours_in_every_field() -> None:
    imported = read("3commas_dca.json")
    assert (imported.source, imported.name, imported.symbol) == ("3commas", "Long BTC", "BTC-USDT")
    settings = imported.settings
    assert isinstance(settings, MartingaleSettings)
    assert settings.start == StartOnSignal(signal="start")
    assert settings.stop_loss == StopLoss(percent=Decimal(20), reference=StopFrom.BASE, timeout_s=30)
    assert settings.after_stop is AfterStop.STOP
    assert settings.cooldown_s == 60
    assert settings.reinvest == 50
    assert settings.trailing is None
    assert not settings.base_as_limit
    assert left_out(imported) >= {"strategy_list", "min_volume_btc_24h", "profile_color", "account_id"}
    assert not left_out(imported) & {"cooldown", "trailing_deviation", "take_profit_steps", "min_price"}


def test_a_condition_that_nobody_evaluates_never_becomes_a_bot_that_starts_by_itself() -> None:
    rsi = [{"strategy": "rsi", "options": {"points": 30}}]
    assert dca("3commas_dca.json", strategy_list=rsi).start == StartOnSignal(signal="start")
    assert dca("3commas_dca.json", strategy_list=[{"strategy": "nonstop"}]).start == StartNow()
    assert dca("3commas_dca.json", safety_strategy_list=rsi).safety_signal == "safety"
    assert dca("3commas_dca.json", close_strategy_list=rsi, min_profit_percentage="1").close_signal == "close"
    trigger = [{"triggerAction": "start", "triggerStrategy": "rsi", "thold": "30"}]
    assert dca("okx_dca.json", triggerParams=trigger).start == StartOnSignal(signal="start")


def test_exits_stops_and_ladders_of_3commas_are_carried_over() -> None:
    steps = [
        {"profit_percentage": "1", "amount_percentage": "40"},
        {"profit_percentage": "2", "amount_percentage": "60"},
    ]
    settings = dca(
        "3commas_dca.json",
        strategy="short",
        take_profit_steps=steps,
        take_profit_type="base",
        trailing_enabled=True,
        tsl_enabled=True,
        sl_to_breakeven_enabled=True,
        stop_loss_type="stop_loss",
        custom_safety_steps=[{"deviation": "1.5", "size": "20"}, {"deviation": "4", "size": "50"}],
        leverage_type="isolated",
        leverage_custom_value="5",
        base_order_volume_type="percent",
    )
    assert settings.direction is Direction.SHORT
    assert [str(step.percent) for step in settings.take_profit] == ["1", "2"]
    assert [str(step.share) for step in settings.take_profit] == ["40", "60"]
    assert settings.take_profit_from is TakeProfitFrom.BASE
    assert settings.trailing == Decimal("0.2")
    assert settings.stop_loss is not None
    assert settings.stop_loss.trailing
    assert settings.stop_loss.break_even_after == 1
    assert settings.after_stop is AfterStop.NEXT_CYCLE
    assert [str(step.deviation) for step in settings.custom_ladder] == ["1.5", "4"]
    assert [str(step.size) for step in settings.custom_ladder] == ["20", "50"]
    assert settings.leverage == 5
    assert settings.margin_mode == MarginMode.ISOLATED
    assert settings.base_order == Size(amount=Decimal(100), unit=SizeUnit.PERCENT)


def test_a_bot_of_many_pairs_or_deals_says_that_it_becomes_one_of_one() -> None:
    imported = read("3commas_dca.json", pairs=["USDT_BTC", "USDT_ETH"], max_active_deals=3)
    assert imported.symbol == ""
    assert left_out(imported) >= {"pairs", "max_active_deals"}
    assert read("3commas_dca.json", pairs=["USDT_BTC-USDT-SWAP"]).symbol == "BTC-USDT-SWAP"


def test_the_ladder_of_okx_has_the_gaps_and_sizes_that_it_publishes() -> None:
    settings = dca("okx_dca.json")
    ladder = Ladder(settings, FINE)
    assert [str(ladder.rung(level, Decimal(100)).deviation.normalize()) for level in range(1, 5)] == [
        *("3", "6.6", "10.92", "16.104"),
    ]
    assert [str(ladder.sizes[level]) for level in range(1, 4)] == ["100", "200", "400"]
    assert settings.reserve is Reserve.WORST_CASE
    assert settings.reinvest == 0
    assert settings.take_profit == (TakeProfitStep(percent=Decimal("1.5")),)


def test_a_contract_dca_of_okx_keeps_its_side_its_leverage_and_its_price_to_begin_at() -> None:
    trigger = [{"triggerAction": "start", "triggerStrategy": "price", "triggerPx": "2500", "triggerCond": "cross_up"}]
    settings = dca(
        "okx_dca.json",
        algoOrdType="contract_dca",
        instId="ETH-USDT-SWAP",
        direction="short",
        lever="4",
        triggerParams=trigger,
        slPct="0.1",
        slMode="limit",
        allowReinvest=True,
        reserveFunds=False,
    )
    assert settings.direction == Direction.SHORT
    assert settings.leverage == 4
    assert settings.start == StartAtPrice(price=Decimal(2500), falls=False)
    assert settings.stop_loss == StopLoss(percent=Decimal(10), reference=StopFrom.BASE)
    assert settings.reinvest == 100
    assert settings.reserve == Reserve.RESTING


def test_a_grid_of_okx_keeps_its_lines_and_turns_its_stops_round_when_it_is_short() -> None:
    settings = grid("okx_grid.json")
    assert settings.lower == 50_000
    assert settings.upper == 70_000
    assert settings.lines == 10
    assert settings.direction == GridDirection.SHORT
    assert settings.spacing == Spacing.ARITHMETIC
    assert settings.stop_below == 45_000
    assert settings.stop_above == 75_000
    assert settings.per_line == Size(amount=Decimal(300), unit=SizeUnit.QUOTE)
    assert settings.take_profit == 20
    assert settings.stop_loss is None
    assert settings.initial
    spot = grid(
        "okx_grid.json", algoOrdType="grid", instId="BTC-USDT", direction=None, runType="2", sz=None, lever=None,
        quoteSz="1000", tpTriggerPx="75000", slTriggerPx="45000", gridNum="7", basePos=None,
    )  # fmt: skip
    assert spot.direction == GridDirection.LONG
    assert spot.spacing == Spacing.GEOMETRIC
    assert spot.stop_below == 45_000
    assert spot.stop_above == 75_000
    # Never more than was invested, once for each line.
    assert spot.per_line == Size(amount=Decimal("142.85"), unit=SizeUnit.QUOTE)


def test_what_is_invested_at_pionex_is_spread_by_shares_and_all_of_it() -> None:
    settings = dca("pionex_composite.json")
    sizes = Ladder(settings, FINE).sizes
    assert [str(size) for size in sizes] == ["100", "100", "200", "400", "800", "1600"]
    assert sum(sizes) == 3_200
    assert settings.active_safety_orders == 2
    assert dca("pionex_composite.json", trailing_rate="0.3").trailing == Decimal("0.3")


def test_the_eight_parameters_keep_their_fixed_price_their_trigger_and_their_stop() -> None:
    imported = read("eight_parameters.json")
    settings = imported.settings
    assert isinstance(settings, MartingaleSettings)
    assert settings.base_price == 109
    assert settings.base_price_tolerance == 1
    assert settings.entry_mode is EntryMode.TRIGGER
    assert settings.stop_loss == StopLoss(percent=Decimal(10), reference=StopFrom.FIRST_FILL)
    assert left_out(imported) == {"checkInterval", "strategy_type", "is_active"}
    bot = ToyExchange(settings, FINE)
    bot.walk(["109", "100.28", "98.11"])
    assert bot.state.deal.quantity == 30
    bot.walk(["98.10"])
    assert f"{bot.state.deal.realized:.2f}" == "-152.60"


def test_without_a_price_the_eight_parameters_follow_the_market_and_say_so() -> None:
    imported = read("eight_parameters.json", initialPrice=None)
    assert isinstance(imported.settings, MartingaleSettings)
    assert imported.settings.base_price is None
    assert imported.assumed


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("3commas_dca.json", {"base_order_volume": "-5"}, "base_order_volume = -5: must be a number above 0"),
        ("3commas_dca.json", {"base_order_volume_type": "xbt"}, "base_order_volume_type = xbt: must be one of quote_"),
        ("3commas_dca.json", {"strategy": 7}, "strategy = 7: must be a text"),
        ("3commas_dca.json", {"trailing_enabled": "maybe"}, "trailing_enabled = maybe: must be true or false"),
        ("3commas_dca.json", {"max_safety_orders": "2.5"}, "max_safety_orders = 2.5: must be a whole number"),
        ("3commas_dca.json", {"pairs": []}, "pairs = []: must be a list of pairs"),
        (
            "3commas_dca.json",
            {"take_profit_steps": [{"profit_percentage": "1", "amount_percentage": "40"}]},
            "amounts must add up to 100 %",
        ),
        (
            "3commas_dca.json",
            {"custom_safety_steps": [{"deviation": "x", "size": "1"}]},
            "custom_safety_steps[1].deviation = x: must be a number",
        ),
        ("okx_dca.json", {"tpPct": None}, "tpPct = missing: must be a number above 0"),
        ("okx_dca.json", {"instId": None}, "instId = missing: must name the instrument"),
        ("okx_dca.json", {"algoOrdType": "twap"}, "algoOrdType = twap: must be one of spot_dca, contract_dca"),
        ("okx_grid.json", {"maxPx": "40000"}, "maxPx = 40000: must be above minPx"),
        ("okx_grid.json", {"gridNum": "0"}, "gridNum = 0: must be a whole number above 0"),
        ("pionex_diy.json", {"safety_orders": []}, "safety_orders = []: must be a list of deviation and shares"),
        (
            "pionex_diy.json",
            {"safety_orders": [{"deviation": 1, "shares": 1, "trailing_rate": 2}]},
            "safety_orders[1].trailing_rate = 2: entries do not trail",
        ),
        ("eight_parameters.json", {"levels": 0}, "levels = 0: must be a whole number above 0"),
    ],
)
def test_a_wrong_field_is_refused_by_name_value_and_rule(name: str, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ImportFault) as refused:
        read(name, **changes)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "the file is no JSON"),
        ("7", "must hold the object of a bot"),
        ('[{"algoOrdType": "grid"}, {}]', "the file has 2 bots: import them one by one"),
        ('{"a": 1}', "no field tells whose bot it is; known are 3commas, okx, pionex, predecessor"),
        (" " * 300_000, "longer than"),
    ],
)
def test_a_file_that_holds_no_bot_is_refused(text: str, message: str) -> None:
    with pytest.raises(ImportFault) as refused:
        read_import(text)
    assert message in str(refused.value)


def test_whose_bot_it_is_can_be_said_and_is_believed() -> None:
    assert set(SOURCES) == {"3commas", "okx", "pionex", "predecessor"}
    with pytest.raises(ImportFault, match="algoOrdType = missing"):
        read("3commas_dca.json", source="okx")
