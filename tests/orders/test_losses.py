"""The loss ladder on the whole order path: what an account has lost stops it, also when nobody asks for an order."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from fairlead.core.model import events as ev
from fairlead.core.model.latch import Latch
from fairlead.core.model.loss import LossStep
from fairlead.core.model.reports import ReportAdjusted
from fairlead.core.model.request import OrderType
from fairlead.core.model.risk import RiskLimits
from fairlead.core.model.state import RequestStatus
from fairlead.core.rules.valuation import worth_of
from fairlead.store.latch_file import LatchFile
from fairlead.store.urls import sqlite_path
from tests.orders.trading_world import LINEAR, TradingWorld, account, buy

D = Decimal
# The world begins at 14:13 UTC.
HOUR_MS = 3_600_000
CONTRACTS = 300


def equity(world: TradingWorld) -> Decimal:
    found = worth_of(world.desk().book, world.trading.hub.quotes, world.trading.hub.instruments).equity_usd
    assert found is not None
    return found


async def lose(world: TradingWorld, share: str) -> None:
    """Let the price fall until this share of the equity is gone, and let somebody look."""
    world.feed(LINEAR, world.price())
    await world.run_ms(500)
    held = sum((one.quantity for one in world.desk().book.positions.values()), D(0))
    world.feed(LINEAR, world.price() - equity(world) * D(share) / (held * D("0.01")))
    await world.run_ms(500)
    world.losses.look()
    await world.quiet()


async def start(world: TradingWorld, **limits: object) -> None:
    """Begin with these limits alone, holding enough to lose much."""
    await world.limit(msgspec.structs.replace(RiskLimits(), **limits))
    assert (await world.want(intent=buy(CONTRACTS))).status is RequestStatus.FILLED


def steps(world: TradingWorld) -> set[LossStep]:
    return {latch.step for latch in world.desk().book.losses.latches}


def latch_file(world: TradingWorld) -> LatchFile:
    return LatchFile(sqlite_path(world.url).parent)


async def test_a_loss_of_the_day_lets_only_closes_pass_until_local_midnight_also_over_a_crash(
    world: TradingWorld,
) -> None:
    await start(world, day_loss_reduce=D("0.03"))
    await lose(world, "0.035")

    refused = await world.want(intent=buy(1))
    assert (refused.status, refused.reason_code) == (RequestStatus.DENIED, "drawdown_daily")
    assert "has reached the limit 3 %" in refused.message

    await world.restart(pause_ms=HOUR_MS)
    assert (await world.want(intent=buy(1))).reason_code == "drawdown_daily"
    (closed,) = await world.ask(world.close_request())
    assert closed.status is RequestStatus.FILLED

    await world.restart(pause_ms=9 * HOUR_MS)
    assert (await world.want(intent=buy(1))).status is RequestStatus.FILLED
    assert world.problems() == ()


async def test_a_recovered_price_does_not_bring_the_day_back(world: TradingWorld) -> None:
    await start(world, day_loss_reduce=D("0.03"))
    before = world.price()
    await lose(world, "0.035")
    world.feed(LINEAR, before)
    await world.run_ms(500)

    assert (await world.want(intent=buy(1))).reason_code == "drawdown_daily"


async def test_a_halt_cancels_and_closes_by_itself_and_a_person_lets_the_account_go_on(world: TradingWorld) -> None:
    await start(world, day_loss_halt=D("0.05"), loss_halt_flattens=1)
    world.trading.tasks.start("kill switch", world.kill_switch.run())
    world.trading.tasks.start("loss watch", world.losses.run())
    entry = world.request(order_type=OrderType.LIMIT, limit_price=D(1000), intent=buy(1))
    await world.submit(entry)
    await world.quiet()

    await lose(world, "0.06")
    await world.run_ms(5_000)

    assert world.held() == 0
    assert all(order.is_terminal for order in await world.orders())
    (latch,) = latch_file(world).read()
    assert "day halt: lost 6." in latch.text
    assert (await world.want(intent=buy(1))).reason_code == "kill_switch_active"

    def resume(before: Sequence[Latch]) -> Sequence[Latch]:
        return [msgspec.structs.replace(one, clearing="the stop was too wide") for one in before]

    latch_file(world).change(resume)
    await world.run_ms(3_000)
    assert (latch_file(world).read(), steps(world)) == ((), set())
    assert (await world.want(intent=buy(1))).status is RequestStatus.FILLED


async def test_a_halt_holds_over_days_and_over_a_crash(world: TradingWorld) -> None:
    await start(world, day_loss_halt=D("0.05"))
    await lose(world, "0.06")
    latch_file(world).rewrite(())

    await world.restart(pause_ms=72 * HOUR_MS)
    refused = await world.want(intent=buy(1))

    assert (refused.status, refused.reason_code) == (RequestStatus.DENIED, "drawdown_daily")
    assert "until a person resumes" in refused.message
    assert (await world.rebuilt()).losses == world.desk().book.losses


async def test_the_state_is_in_the_journal_once_and_looking_again_writes_nothing(world: TradingWorld) -> None:
    await start(world, day_loss_reduce=D("0.03"), drawdown_halt=D("0.02"))
    await lose(world, "0.035")
    written = await world.facts(ev.LossPeriodStarted, ev.LossLimitReached)

    for _ in range(3):
        world.losses.look()
        await world.quiet()

    assert await world.facts(ev.LossPeriodStarted, ev.LossLimitReached) == written
    assert [type(row.event).__name__ for row in written].count("LossPeriodStarted") == 3
    assert steps(world) == {LossStep.DAY_REDUCE, LossStep.DRAWDOWN_HALT}
    assert (await world.rebuilt()).losses == world.desk().book.losses
    assert world.problems() == ()


async def test_a_deposit_does_not_hide_what_was_lost(world: TradingWorld) -> None:
    await start(world, day_loss_reduce=D("0.03"))
    deposit = ReportAdjusted(
        key="deposit-1",
        kind="deposit",
        currency="USDT",
        amount=D(1_000_000),
        symbol="",
        position_side=None,
        at_ms=world.clock.now_ms(),
    )
    world.desk().on_reports([deposit, deposit])
    begun = world.desk().book.losses.periods[0]
    assert begun.transfers == 1_000_000

    # Three and a half percent of what the day began with is far less of what there is now.
    await lose(world, str(D("0.035") * begun.start_equity / equity(world)))

    assert steps(world) == {LossStep.DAY_REDUCE}
    assert len(await world.facts(ev.TransferCounted)) == 1


async def test_half_of_what_an_alert_opens_is_left_after_a_bad_week_and_closes_stay_whole(world: TradingWorld) -> None:
    await start(world, week_loss_halve=D("0.02"))
    await lose(world, "0.03")

    request = world.request(intent=buy(10))
    (state,) = await world.ask(request)
    assert state.filled_quantity == 5
    (order,) = await world.orders_of(request)
    assert "after what the account has lost" in str(await world.explain(order.order_id))

    await world.ask(world.close_request())
    assert world.held() == 0


async def test_a_price_that_is_missing_for_a_moment_is_no_loss(world: TradingWorld) -> None:
    await start(world, day_loss_halt=D("0.05"))
    world.losses.look()
    quotes = world.trading.hub._quotes  # noqa: SLF001  # what a feed has not told yet
    for symbol in ("BTC-USDT", "BTC-USD-SWAP"):
        del quotes[symbol]

    world.losses.look()

    assert steps(world) == set()


async def test_what_was_lost_lately_is_remembered_over_a_crash(world: TradingWorld) -> None:
    await start(world, streak_losses_max=2, streak_window_ms=24 * HOUR_MS, streak_pause_ms=HOUR_MS)
    await lose(world, "0.005")
    await world.ask(world.close_request())
    assert (await world.want(intent=buy(CONTRACTS))).status is RequestStatus.FILLED
    await lose(world, "0.005")
    await world.ask(world.close_request())
    last = await world.want(intent=buy(CONTRACTS))
    assert (last.status, last.reason_code) == (RequestStatus.DENIED, "losing_streak")

    await world.restart()
    assert (await world.want(intent=buy(1))).reason_code == "losing_streak"

    await world.restart(pause_ms=HOUR_MS)
    assert (await world.want(intent=buy(1))).status is RequestStatus.FILLED
    assert world.problems() == ()


async def test_ten_orders_on_two_accounts_share_the_limit_of_their_user(world: TradingWorld) -> None:
    await world.configure(account("a1"), account("a2"))
    await world.limit(RiskLimits(user_exposure_max=D("0.9")))
    states = await world.ask(
        *(world.request(name, intent=buy(40), leverage=D(10)) for _ in range(5) for name in ("a1", "a2")),
    )

    reasons = {state.reason_code for state in states if state.status is RequestStatus.DENIED}
    assert reasons == {"user_exposure_limit"}
    books = [world.desk(name).exposure.read() for name in ("a1", "a2")]
    gross, equity_of_all = (sum((getattr(one, field) for one in books), D(0)) for field in ("gross_usd", "equity_usd"))
    assert D("0.6") < gross / equity_of_all < D("0.91")
