"""Positions that a replay closes keep it from entering again as they would a live account."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import numpy as np
import pytest
from msgspec.structs import replace

from fairlead.accounts.profiles import ProfileBook
from fairlead.backtest import run as running
from fairlead.backtest.checks.risk_losses import NOTHING_LOST
from fairlead.backtest.checks.risk_view import ACCOUNT, TENANT, bot_request, replay_account
from fairlead.backtest.result import BacktestResult, Denial, Fill
from fairlead.backtest.run import Extras, run_backtest
from fairlead.backtest.spec import BacktestSpec, BotSpec
from fairlead.core.model.account import Balance, MarginMode, PositionSide
from fairlead.core.model.bots.bot import Settings
from fairlead.core.model.bots.decision import Direction
from fairlead.core.model.bots.martingale import AfterStop, MartingaleSettings, StopLoss, TakeProfitStep
from fairlead.core.model.bots.user_rule import RuleSettings
from fairlead.core.model.events import OrderApproved, OrderFilled, VenueOrderBorn
from fairlead.core.model.market import flat_quote
from fairlead.core.model.order import Fill as Execution
from fairlead.core.model.order import Liquidity, Order
from fairlead.core.model.reports import ReportBorn
from fairlead.core.model.request import OrderType, Side, Size, SizeUnit, TimeInForce
from fairlead.core.model.risk import RiskLimits, RiskVerdict
from fairlead.core.rules.account_book import AccountBook
from fairlead.core.rules.account_view import AccountView
from fairlead.core.rules.risk import Denied, check_order, explain_check
from fairlead.market.candles.series import CandleSeries
from tests.backtest.gate_world import BTC, BTC_SWAP, INSTRUMENTS, D, profiles_with
from tests.backtest.test_target_run import Cross

HOUR_MS: Final = 3_600_000
CASH: Final = D(10_000)
PLAIN: Final = MartingaleSettings(
    base_order=Size(amount=D(1_000), unit=SizeUnit.QUOTE),
    safety_order=Size(amount=D(1_000), unit=SizeUnit.QUOTE),
    max_safety_orders=0,
    active_safety_orders=0,
    leverage=D(5),
    take_profit=(TakeProfitStep(percent=D(1)),),
    stop_loss=StopLoss(percent=D(1)),
    after_stop=AfterStop.NEXT_CYCLE,
)
STREAK: Final = RiskLimits(streak_losses_max=2, streak_window_ms=24 * HOUR_MS, streak_pause_ms=6 * HOUR_MS)


class Hourly(Cross):
    """Long while a fast mean of hours is above a slow one."""

    timeframe = "1h"


def hours(*closes: int, symbol: str = BTC_SWAP) -> CandleSeries:
    """Candles of an hour that go from each close straight to the next."""
    ticks = np.array([60_000, *closes], dtype=np.int64) * 100
    opened, closed = ticks[:-1], ticks[1:]
    prices = {"open": opened, "close": closed, "low": np.minimum(opened, closed), "high": np.maximum(opened, closed)}
    opened_ms = 1_735_689_600_000 + HOUR_MS * np.arange(len(closes), dtype=np.int64)
    return CandleSeries(symbol=symbol, timeframe="1h", tick=D("0.01"), opened_ms=opened_ms, prices=prices)


FALL: Final = hours(*(60_000 - 900 * n for n in range(30)))
RISE: Final = hours(*(60_000 + 900 * n for n in range(30)))
CRASH: Final = hours(60_000, 60_000, 52_000, *[52_000] * 12)


def run(settings: Settings, limits: RiskLimits, *series: CandleSeries, by_engine: bool = False) -> BacktestResult:
    """One bot for each series on an account whose profile has these limits."""
    bots = tuple(BotSpec(name=f"bot-{n}", symbol=one.symbol, settings=settings) for n, one in enumerate(series))
    spec = BacktestSpec(bots=bots, cash=CASH, timeframe="1h", risk_profile="drawn")
    extras = Extras(find_rule=lambda _: Hourly, profiles=profiles_with(limits), keep_orders=by_engine)
    return run_backtest(spec, {one.symbol: one for one in series}, INSTRUMENTS, extras)


def order_of(fill: Fill, number: int) -> Order:
    market = INSTRUMENTS[BTC_SWAP]
    return Order(
        order_id=f"order-{number}",
        request_id=f"request-{number}",
        tenant=TENANT,
        account_id=ACCOUNT,
        symbol=market.symbol,
        side=Side.BUY if fill.is_buy else Side.SELL,
        position_side=PositionSide.NET,
        margin_mode=MarginMode.CROSS,
        leverage=D(5),
        order_type=OrderType.MARKET,
        time_in_force=TimeInForce.GTC,
        quantity=fill.quantity,
        deadline_ms=fill.at_ms + HOUR_MS,
        created_ms=fill.at_ms,
        updated_ms=fill.at_ms,
        reduce_only=not fill.opens,
        reference_price=fill.price,
    )


def live_book(result: BacktestResult, until_ms: int) -> AccountBook:
    """The book of a live account that was filled the same until then."""
    book = AccountBook(tenant=TENANT, account_id=ACCOUNT)
    book.balances["USDT"] = Balance(tenant=TENANT, account_id=ACCOUNT, currency="USDT", total=CASH)
    for number, fill in enumerate(one for one in result.fills if one.at_ms < until_ms):
        order = order_of(fill, number)
        if fill.slot == "liquidation":
            born = ReportBorn(
                order_id=order.order_id,
                venue_order_id="v",
                parent_id="",
                origin="liquidation",
                symbol=order.symbol,
                side=order.side,
                position_side=order.position_side,
                margin_mode=order.margin_mode,
                order_type=order.order_type,
                quantity=order.quantity,
                stop_loss_price=None,
                take_profit_price=None,
                at_ms=fill.at_ms,
            )
            book.apply(VenueOrderBorn(account_id=ACCOUNT, report=born), INSTRUMENTS)
        else:
            verdict = RiskVerdict(order_id=order.order_id, approved=True, profile="", checks=())
            book.apply(OrderApproved(order=order, verdict=verdict, sizing=()), INSTRUMENTS)
        execution = Execution(
            trade_id=f"trade-{number}",
            order_id=order.order_id,
            symbol=order.symbol,
            price=fill.price,
            quantity=fill.quantity,
            fee=fill.fee,
            fee_currency="USDT",
            liquidity=Liquidity.TAKER,
            at_ms=fill.at_ms,
        )
        book.apply(OrderFilled(account_id=ACCOUNT, fill=execution, is_last=True), INSTRUMENTS)
    return book


def live_denial(result: BacktestResult, denial: Denial, limits: RiskLimits, price: Decimal) -> str:
    """What the checks of the live account say to the order that was denied."""
    profiles: ProfileBook = profiles_with(limits)
    account, request = replay_account(result.spec), bot_request(BTC_SWAP)
    merged, profile = profiles.limits_for(account, request)
    view = AccountView(
        account=account,
        book=live_book(result, denial.at_ms),
        quotes={BTC_SWAP: flat_quote(BTC_SWAP, price, denial.at_ms)},
        instruments=INSTRUMENTS,
        limits=merged,
        profile=profile,
        now_ms=denial.at_ms,
        losses=NOTHING_LOST,
    )
    template = order_of(result.fills[0], 1_000)
    order = replace(template, created_ms=denial.at_ms, deadline_ms=denial.at_ms + HOUR_MS, reference_price=price)
    asked = replace(
        request, request_id=order.request_id, cause_at_ms=denial.at_ms, valid_until_ms=denial.at_ms + HOUR_MS
    )
    verdict = check_order(order, asked, view)
    assert isinstance(verdict, Denied)
    return "; ".join(explain_check(check) for check in verdict.verdict.denials)


def price_at(series: CandleSeries, at_ms: int) -> Decimal:
    return series.price(int(series.close[int(np.searchsorted(series.closed_ms, at_ms))]))


SHORT: Final = replace(PLAIN, direction=Direction.SHORT)
BOLD: Final = replace(PLAIN, leverage=D(10), margin_mode=MarginMode.ISOLATED, stop_loss=None)


@pytest.mark.parametrize(
    ("settings", "limits", "series", "why"),
    [
        (PLAIN, STREAK, FALL, "STREAK denied: "),
        (SHORT, STREAK, RISE, "STREAK denied: "),
        (PLAIN, RiskLimits(after_exit_pause_ms=3 * HOUR_MS), RISE, "COOLDOWN denied: "),
        (BOLD, RiskLimits(after_stop_pause_ms=5 * HOUR_MS), CRASH, "COOLDOWN denied: "),
    ],
    ids=["losses", "losses of a short", "an exit", "a liquidation"],
)
def test_what_was_closed_denies_an_entry_with_the_words_of_the_live_checks(
    settings: MartingaleSettings, limits: RiskLimits, series: CandleSeries, why: str
) -> None:
    result = run(settings, limits, series)
    assert result.denials
    assert all(denial.why.startswith(why) for denial in result.denials)
    for denial in result.denials:
        assert denial.why == live_denial(result, denial, limits, price_at(series, denial.at_ms))


def test_after_the_pause_it_enters_again() -> None:
    entries = [fill.at_ms for fill in run(PLAIN, STREAK, FALL).fills if fill.opens]
    assert min(after - before for before, after in zip(entries[1::2], entries[2::2], strict=False)) >= 6 * HOUR_MS
    assert len(entries) > 4


def test_gains_and_parts_are_no_streak() -> None:
    once = replace(STREAK, streak_losses_max=1)
    assert not run(PLAIN, once, RISE).denials
    assert len(run(PLAIN, once, RISE).fills) > 10
    halves = (TakeProfitStep(percent=D("0.5"), share=D(50)), TakeProfitStep(percent=D(1), share=D(50)))
    assert not run(replace(PLAIN, take_profit=halves), once, RISE).denials


def test_what_one_bot_closes_denies_its_neighbours() -> None:
    fall = hours(*(60_000 - 900 * n for n in range(30)), symbol=BTC)
    result = run(replace(PLAIN, leverage=None), replace(STREAK, streak_losses_max=1), FALL, fall)
    assert {denial.bot for denial in result.denials} == {0, 1}


SPOT_LIMITS: Final = replace(STREAK, streak_losses_max=1, after_stop_pause_ms=5 * HOUR_MS)


def test_spot_knows_of_no_closed_position() -> None:
    fall = hours(*(60_000 - 900 * n for n in range(30)), symbol=BTC)
    losing = run(replace(PLAIN, leverage=None), SPOT_LIMITS, fall)
    assert len([fill for fill in losing.fills if not fill.opens]) > 5
    assert not losing.denials


@pytest.mark.parametrize(
    "settings",
    [
        replace(PLAIN, leverage=None, stop_loss=None, after_stop=MartingaleSettings().after_stop),
        RuleSettings(rule="Hourly"),
    ],
    ids=["ladder", "targets"],
)
def test_so_the_quick_ways_of_spot_need_not_hear_of_closes(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    waves = hours(*(60_000 + 900 * (n % 7) for n in range(200)), symbol=BTC)
    engine = run(settings, SPOT_LIMITS, waves, by_engine=True)
    monkeypatch.delattr(running, "BotReplay")
    quick = run(settings, SPOT_LIMITS, waves)
    assert list(quick.fills) == list(engine.fills)
    assert len(quick.fills) > 5
    assert not engine.denials
