"""The compiled loop of a plain ladder: the same rows as the plain loop, or it says that it cannot."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from fairlead.backtest.checks.risk_gate import RiskGate
from fairlead.backtest.compiled import compiled_divide, is_compiled
from fairlead.backtest.ladders import compiled_run
from fairlead.backtest.ladders.fill_log import COLUMNS, EXIT, LadderDeals, LadderFills, LadderLog
from fairlead.backtest.ladders.ladder_plan import LadderPlan, plan_ladder
from fairlead.backtest.measures.deal_statistics import deal_statistics
from fairlead.backtest.result import BacktestResult
from fairlead.backtest.run import Extras, run_backtest
from fairlead.backtest.search import CompiledSearch, make_search
from fairlead.backtest.spec import BacktestSpec, BotSpec, FeeCurrency, IntraBar, ReplayTerms
from fairlead.core.model.account import FeeRates
from fairlead.core.model.bots.decision import BASE_SLOT, Want
from fairlead.core.model.bots.martingale import MartingaleSettings, TakeProfitStep
from fairlead.market.candles.generate import generate_series
from fairlead.market.candles.series import PRICES, CandleSeries
from tests.backtest.test_ladder_run import SETTINGS, amounts
from tests.backtest.world import INSTRUMENTS, SPOT, SYMBOL, candles, quote

MANY_DIGITS = Decimal("0.00123456789012345")
PLAIN = MartingaleSettings()
TIGHT = MartingaleSettings(
    step=Decimal("0.05"), max_safety_orders=5, take_profit=(TakeProfitStep(percent=Decimal("0.25")),)
)

pytestmark = pytest.mark.skipif(not is_compiled(), reason="numba, which compiles it, is not installed")


def terms_of(maker: Decimal, taker: Decimal, intra_bar: IntraBar = IntraBar.PESSIMISTIC) -> ReplayTerms:
    fees = FeeRates(spot_maker=maker, spot_taker=taker)
    return ReplayTerms(fees=fees, fee_currency=FeeCurrency.QUOTE, intra_bar=intra_bar)


def both(
    wanted: MartingaleSettings, series: CandleSeries, terms: ReplayTerms, cash: Decimal, profile: str = ""
) -> tuple[BacktestResult, BacktestResult]:
    spec = BacktestSpec(
        bots=(BotSpec(name="bot", symbol=SYMBOL, settings=wanted),), cash=cash, terms=terms, risk_profile=profile
    )
    made = (Extras(searches={SYMBOL: make_search(series, compiled=compiled)}) for compiled in (True, False))
    compiled, plain = (run_backtest(spec, {SYMBOL: series}, INSTRUMENTS, extras) for extras in made)
    return compiled, plain


def jumpy(seed: int, count: int = 200) -> CandleSeries:
    """Candles that now and then open far from the close before."""
    series = generate_series(SYMBOL, candles=count, seed=seed)
    dice = np.random.default_rng(seed)
    factor = np.cumprod(np.where(dice.random(count) < 0.04, dice.uniform(0.95, 1.06, count), 1.0))
    prices = {name: (getattr(series, name) * factor).astype(np.int64) for name in PRICES}
    return CandleSeries(
        symbol=SYMBOL, timeframe=series.timeframe, tick=series.tick, opened_ms=series.opened_ms, prices=prices
    )


def log_of(rows: list[tuple[int, int, int, int, int]], series: CandleSeries, plan: LadderPlan) -> LadderFills:
    columns = np.array(rows, dtype=np.int64).reshape(-1, COLUMNS)
    return LadderFills(LadderLog(plan, series, SPOT, fee_in_coin=False, rows=columns))


def plan_of(wanted: MartingaleSettings, terms: ReplayTerms, series: CandleSeries) -> LadderPlan:
    plan = plan_ladder(wanted, terms, SPOT, series.tick)
    assert plan is not None
    return plan


def with_scale(chosen: dict[str, Any], step_scale: Decimal) -> dict[str, Any]:
    return {**chosen, "step_scale": step_scale}


@settings(max_examples=150)
@given(
    chosen=st.builds(with_scale, SETTINGS, amounts("0.97", "1", "1.0625913")),
    fees=st.tuples(amounts("0", "0.0008", "-0.0001"), amounts("0", "0.001")),
    intra_bar=st.sampled_from([IntraBar.PESSIMISTIC, IntraBar.EXIT_FIRST]),
    seed=st.integers(0, 5_000),
    cash=amounts("600", "100000", "7e12"),
    profile=st.sampled_from(["", "paper", "standard"]),
)
def test_the_compiled_run_is_the_plain_one(
    chosen: dict[str, Any],
    fees: tuple[Decimal, Decimal],
    intra_bar: IntraBar,
    seed: int,
    cash: Decimal,
    profile: str,
) -> None:
    compiled, plain = both(MartingaleSettings(**chosen), jumpy(seed), terms_of(*fees, intra_bar), cash, profile)
    assert list(compiled.fills) == list(plain.fills)
    assert list(compiled.deals) == list(plain.deals)
    assert list(compiled.denials) == list(plain.denials)
    assert (compiled.cash_end, compiled.equity_end) == (plain.cash_end, plain.equity_end)
    assert compiled.decisions == plain.decisions
    assert compiled.equity.values.tolist() == pytest.approx(plain.equity.values.tolist(), rel=1e-12)


@settings(max_examples=300)
@given(data=st.data())
def test_a_division_is_right_although_its_products_wrap_around(data: st.DataObject) -> None:
    down = data.draw(st.integers(1, 2**61 - 1))
    whole = data.draw(st.integers(0, 2**49))
    up = down * whole + data.draw(st.integers(0, down - 1))
    last_bits = (up + 2**63) % 2**64 - 2**63
    assert compiled_divide()(last_bits, down, up / down) == up // down


@pytest.mark.parametrize("fees", [(Decimal(0), Decimal(0)), (MANY_DIGITS, MANY_DIGITS)])
@pytest.mark.parametrize("cash", [Decimal(100_000), Decimal(10) ** 13])
def test_what_needs_more_than_64_bits_is_left_to_the_plain_loop(fees: tuple[Decimal, Decimal], cash: Decimal) -> None:
    series, terms = generate_series(SYMBOL, candles=3_000, seed=3), terms_of(*fees)
    plan, search = plan_of(TIGHT, terms, series), make_search(series, compiled=True)
    assert isinstance(search, CompiledSearch)
    climbed = compiled_run.run_compiled(plan, series, search, int(cash // plan.value_unit), exit_first=False)
    assert (climbed is not None) == (cash == Decimal(100_000) and not any(fees))
    compiled, plain = both(TIGHT, series, terms, cash)
    assert isinstance(compiled.fills, LadderFills)
    assert len(plain.fills) > 30
    assert list(compiled.fills) == list(plain.fills)
    assert compiled.equity_end == plain.equity_end


@pytest.mark.parametrize(
    "changes",
    [
        {"volume_scale": Decimal("1.3333"), "max_safety_orders": 7},
        {"step_scale": Decimal("1.05"), "max_safety_orders": 20, "volume_scale": Decimal(1)},
        {"step_scale": Decimal("1.2345"), "max_safety_orders": 9, "take_profit_after_fees": True},
    ],
)
def test_settings_of_many_digits_fit(changes: dict[str, Any]) -> None:
    series, terms = generate_series(SYMBOL, candles=3_000, seed=3), terms_of(Decimal("0.0008"), Decimal("0.001"))
    wanted = msgspec.structs.replace(TIGHT, **changes)
    plan, search = plan_of(wanted, terms, series), make_search(series, compiled=True)
    assert isinstance(search, CompiledSearch)
    cash = int(Decimal(1_000_000) // plan.value_unit)
    assert compiled_run.run_compiled(plan, series, search, cash, exit_first=False) is not None
    compiled, plain = both(wanted, series, terms, Decimal(1_000_000))
    assert list(compiled.fills) == list(plain.fills)


def test_a_run_goes_on_where_its_rows_were_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled_run, "CHUNK", 8)
    compiled, plain = both(TIGHT, generate_series(SYMBOL, candles=3_000, seed=3), ReplayTerms(), Decimal(100_000))
    assert len(plain.fills) > 30
    assert list(compiled.fills) == list(plain.fills)


@pytest.mark.parametrize("denial", ["", "too far from the market"])
def test_a_base_order_filled_far_from_its_decision_is_asked_for_and_the_answer_counts(
    denial: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    far = candles((100, 101, 99, 100), (104, 104, 103, 104), *[(104, 104, 104, 104)] * 3)
    asked: list[str] = []

    def answer(_gate: RiskGate, _bot: int, want: Want, *_: object) -> str:
        asked.append(want.slot)
        return denial

    monkeypatch.setattr(RiskGate, "check", answer)
    compiled, plain = both(PLAIN, far, terms_of(Decimal(0), Decimal("0.001")), Decimal(8_000), "paper")
    assert asked[0] == BASE_SLOT
    assert isinstance(compiled.fills, LadderFills) is not bool(denial)
    assert list(compiled.fills) == list(plain.fills)
    assert bool(compiled.fills) is not bool(denial)


def test_a_quantity_of_more_lots_than_64_bits_tell_is_for_the_rule() -> None:
    tiny = msgspec.structs.replace(SPOT, lot_size=Decimal("1e-21"), quantity_min=Decimal("1e-21"))
    series = generate_series(SYMBOL, candles=400, seed=1)
    wanted = msgspec.structs.replace(TIGHT, base_order=quote(10_000), safety_order=quote(10_000))
    bot = BotSpec(name="bot", symbol=SYMBOL, settings=wanted)
    spec = BacktestSpec(bots=(bot,), cash=Decimal(100_000), terms=terms_of(Decimal(0), Decimal(0)))
    for compiled in (True, False):
        extras = Extras(searches={SYMBOL: make_search(series, compiled=compiled)})
        result = run_backtest(spec, {SYMBOL: series}, {SYMBOL: tiny}, extras)
        assert not isinstance(result.fills, LadderFills)
        assert result.fills


@settings(max_examples=50)
@given(chosen=SETTINGS, seed=st.integers(0, 5_000), count=st.integers(2, 400))
def test_statistics_of_deals_need_no_rows(chosen: dict[str, Any], seed: int, count: int) -> None:
    series = generate_series(SYMBOL, candles=count, seed=seed)
    compiled, _ = both(
        MartingaleSettings(**chosen), series, terms_of(Decimal("0.0008"), Decimal("0.001")), Decimal(10**6)
    )
    assume(isinstance(compiled.deals, LadderDeals))
    assert isinstance(compiled.deals, LadderDeals)
    assert compiled.deals.columns is not None
    assert deal_statistics(compiled.deals) == deal_statistics(list(compiled.deals))


def test_sums_of_fills_are_exact_beyond_64_bits() -> None:
    series = generate_series(SYMBOL, candles=10, seed=1)
    plan = plan_of(PLAIN, terms_of(MANY_DIGITS, MANY_DIGITS), series)
    lots, ticks = 3 * 10**12 + 1, 10**9 + 7
    fills = log_of([(1, 0, lots, ticks, 1), (3, EXIT, lots, ticks + 11, 0)], series, plan)
    assert fills.traded == (lots * ticks + lots * (ticks + 11)) * plan.value_unit
    assert fills.fees == sum((fill.fee for fill in fills), Decimal(0))
    deals = LadderDeals(fills)
    assert deals.columns is not None
    assert deals.columns.profits == [float(row.profit) for row in deals]


def test_a_run_without_a_fill_has_columns() -> None:
    series = generate_series(SYMBOL, candles=3, seed=1)
    deals = LadderDeals(log_of([], series, plan_of(PLAIN, ReplayTerms(), series)))
    assert deal_statistics(deals) == deal_statistics([])
    assert msgspec.structs.asdict(deal_statistics(deals))["closed"] == 0
