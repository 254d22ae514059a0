"""What the order path may rely on at OKX, through the Venue port, against an exchange that speaks OKX."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal

import msgspec
import pytest

from fairlead.core.model import reports as rp
from fairlead.core.model.account import MarginMode, PositionMode, PositionSide
from fairlead.core.model.ids import PROTECTION, child_order_id
from fairlead.core.model.request import OrderType, Side
from fairlead.simulator.okx.venue import OkxOptions
from fairlead.venues.okx import venue as okx_venue
from fairlead.venues.okx.opening import open_okx
from fairlead.venues.okx.signing import OkxKeys
from tests.venues.okx.okx_floor import SPOT, SWAP, OkxFloor, approve, open_floor, until


@pytest.fixture(name="floor")
async def _floor() -> AsyncIterator[OkxFloor]:
    async with open_floor() as floor:
        yield floor


@pytest.mark.parametrize("has_codes", [False, True], ids=["rest", "socket"])
async def test_a_market_order_is_accepted_and_its_fills_are_told_once(floor: OkxFloor, *, has_codes: bool) -> None:
    if has_codes:
        await floor.learn_codes()
    trader = floor.trader()
    await trader.listen()
    order = trader.order()
    outcome = await trader.venue.place_order(approve(order))
    assert isinstance(outcome, rp.Accepted)
    await until(lambda: trader.filled(order) == 1)
    fills = trader.told(rp.ReportFill, order)
    assert len({report.fill.trade_id for report in fills}) == len(fills)
    assert [report.is_last for report in fills] == [False] * (len(fills) - 1) + [True]
    assert all(report.fill.fee > 0 and report.fill.fee_currency == "USDT" for report in fills)


async def test_an_order_after_its_deadline_is_never_placed(floor: OkxFloor) -> None:
    trader = floor.trader()
    late = trader.order(deadline_ms=floor.clock.now_ms() - 1)
    outcome = await trader.venue.place_order(approve(late))
    assert isinstance(outcome, rp.Rejected)
    assert outcome.code == "50036"
    assert isinstance(await trader.venue.find_order(late), rp.NoSuchOrder)


async def test_the_whole_story_of_an_order_is_what_was_pushed(floor: OkxFloor) -> None:
    trader = floor.trader()
    await trader.listen()
    order = trader.order(quantity=Decimal(50))
    await trader.venue.place_order(approve(order))
    await until(lambda: trader.filled(order) == 50)
    found = await trader.venue.find_order(order)
    assert isinstance(found, rp.VenueOrder)
    assert found.reports[1:] == tuple(trader.told(rp.ReportFill, order))


async def test_an_order_that_was_refused_is_unknown_to_the_venue(floor: OkxFloor) -> None:
    trader = floor.trader()
    order = trader.order(quantity=Decimal("0.001"))
    outcome = await trader.venue.place_order(approve(order))
    assert isinstance(outcome, rp.Rejected)
    assert outcome.code in {"51020", "51121"}
    assert isinstance(await trader.venue.find_order(order), rp.NoSuchOrder)


@pytest.mark.parametrize("has_codes", [False, True], ids=["rest", "socket"])
async def test_cancel_is_answered_and_reported_and_again_it_is_refused(floor: OkxFloor, *, has_codes: bool) -> None:
    if has_codes:
        await floor.learn_codes()
    trader = floor.trader()
    await trader.listen()
    order = trader.resting()
    assert isinstance(await trader.venue.place_order(approve(order)), rp.Accepted)
    assert isinstance(await trader.venue.cancel_order(order), rp.Canceled)
    await until(lambda: bool(trader.told(rp.ReportCanceled, order)))
    again = await trader.venue.cancel_order(order)
    assert isinstance(again, rp.Rejected)
    assert again.code == "51400"


async def test_a_second_order_of_the_same_id_is_a_doubt_and_not_a_refusal(floor: OkxFloor) -> None:
    trader = floor.trader()
    order = trader.resting()
    assert isinstance(await trader.venue.place_order(approve(order)), rp.Accepted)
    assert isinstance(await trader.venue.place_order(approve(order)), rp.Unknown)
    account = await trader.venue.read_account()
    assert isinstance(account, rp.AccountReport)
    assert account.open_order_ids == (order.order_id,)


async def test_an_attached_stop_is_born_with_the_fill_grows_and_fires_as_an_order_of_its_own(floor: OkxFloor) -> None:
    trader = floor.trader()
    await trader.listen()
    price = floor.price(SWAP)
    stop = (price * Decimal("0.95")).quantize(Decimal(1))
    order = trader.order(stop_loss_price=stop)
    await trader.venue.place_order(approve(order))
    protection = child_order_id(order.order_id, PROTECTION)
    await until(lambda: bool(trader.told(rp.ReportBorn)))
    born = trader.told(rp.ReportBorn)[-1]
    assert (born.order_id, born.parent_id, born.origin) == (protection, order.order_id, PROTECTION)
    assert (born.stop_loss_price, born.take_profit_price, born.side) == (stop, None, Side.SELL)
    floor.move(SWAP, stop - 10)
    await until(lambda: trader.filled(trader.order(order_id=protection)) == 1)
    account = await trader.venue.read_account()
    assert isinstance(account, rp.AccountReport)
    assert (account.positions, account.open_order_ids) == ((), ())
    found = await trader.venue.find_order(order)
    assert isinstance(found, rp.VenueOrder)
    assert {type(report).__name__ for report in found.reports} >= {"ReportAccepted", "ReportFill", "ReportBorn"}


async def test_a_stop_order_of_its_own_waits_at_the_exchange_and_can_be_canceled(floor: OkxFloor) -> None:
    trader = floor.trader()
    await trader.listen()
    await trader.venue.place_order(approve(trader.order()))
    trigger = (floor.price(SWAP) * Decimal("0.9")).quantize(Decimal(1))
    stop = trader.order(2, order_type=OrderType.STOP_MARKET, trigger_price=trigger, side=Side.SELL, reduce_only=True)
    assert isinstance(await trader.venue.place_order(approve(stop)), rp.Accepted)
    account = await trader.venue.read_account()
    assert isinstance(account, rp.AccountReport)
    assert account.open_order_ids == (stop.order_id,)
    assert isinstance(await trader.venue.find_order(stop), rp.VenueOrder)
    assert isinstance(await trader.venue.cancel_order(stop), rp.Canceled)
    await until(lambda: bool(trader.told(rp.ReportCanceled, stop)))


async def test_a_spot_buy_for_an_amount_of_quote_currency_ends(floor: OkxFloor) -> None:
    trader = floor.trader()
    await trader.listen()
    order = trader.order(symbol=SPOT, margin_mode=MarginMode.CASH, in_quote=True, quantity=Decimal(1_000))
    assert isinstance(await trader.venue.place_order(approve(order)), rp.Accepted)
    await until(lambda: any(report.is_last for report in trader.told(rp.ReportFill, order)))
    spent = sum(report.fill.quantity * report.fill.price for report in trader.told(rp.ReportFill, order))
    assert Decimal(990) < spent <= 1_000
    assert {report.fill.fee_currency for report in trader.told(rp.ReportFill, order)} == {"BTC"}


async def test_balances_and_positions_are_read_as_the_exchange_has_them(floor: OkxFloor) -> None:
    trader = floor.trader()
    await trader.venue.place_order(approve(trader.order(side=Side.SELL)))
    account = await trader.venue.read_account()
    assert isinstance(account, rp.AccountReport)
    assert account.balances["BTC"] == 2
    assert [(row.symbol, row.quantity, row.margin_mode) for row in account.positions] == [
        (SWAP, Decimal(-1), MarginMode.CROSS)
    ]


async def test_leverage_above_the_maximum_is_refused_in_okx_s_words(floor: OkxFloor) -> None:
    venue = floor.trader().venue
    refusal = await venue.set_leverage(SWAP, MarginMode.CROSS, PositionSide.NET, Decimal(1_000))
    assert isinstance(refusal, rp.Rejected)
    assert refusal.code == "59102"
    assert await venue.set_leverage(SWAP, MarginMode.CROSS, PositionSide.NET, Decimal(10)) is None


async def test_the_position_mode_is_that_of_the_account_at_okx(floor: OkxFloor) -> None:
    floor.okx.exchange.set_position_mode("k1", PositionMode.LONG_SHORT)
    trader = floor.trader()
    modes = [trader.venue.position_mode]
    await trader.listen()
    modes.append(trader.venue.position_mode)
    assert modes == [PositionMode.NET, PositionMode.LONG_SHORT]
    for number, (side, holding) in enumerate(((Side.BUY, PositionSide.LONG), (Side.SELL, PositionSide.SHORT))):
        order = trader.order(number, side=side, position_side=holding)
        assert isinstance(await trader.venue.place_order(approve(order)), rp.Accepted)
    account = await trader.venue.read_account()
    assert isinstance(account, rp.AccountReport)
    assert {row.position_side: row.quantity for row in account.positions} == {
        PositionSide.LONG: Decimal(1),
        PositionSide.SHORT: Decimal(1),
    }


async def test_cash_that_moves_without_an_order_is_reported_once(floor: OkxFloor) -> None:
    trader = floor.trader()
    await trader.listen()
    floor.okx.exchange.deposit("k1", "USDT", Decimal(25))
    floor.okx.venue.settle()
    await until(lambda: bool(trader.told(rp.ReportAdjusted)))
    (moved,) = trader.told(rp.ReportAdjusted)
    assert (moved.currency, moved.amount) == ("USDT", Decimal(25))


async def test_nobody_at_the_address_is_a_refusal_that_may_be_tried_again(floor: OkxFloor) -> None:
    trader = floor.trader()
    await floor.okx.server.stop()
    outcome = await trader.venue.place_order(approve(trader.order()))
    assert isinstance(outcome, rp.Rejected)
    assert (outcome.code, outcome.retry_after_ms > 0) == ("not_sent", True)
    assert isinstance(await trader.venue.read_account(), rp.Unknown)


@pytest.mark.parametrize(
    "options",
    [OkxOptions(seed=7, is_strict=True), OkxOptions(seed=7, pushes_first=True)],
    ids=["strict", "pushes first"],
)
async def test_orders_go_over_the_socket_by_the_number_of_the_instrument(options: OkxOptions) -> None:
    async with open_floor(options=options) as floor:
        await floor.learn_codes()
        trader = floor.trader()
        await trader.listen()
        orders = [trader.order(number) for number in range(5)]
        outcomes = await asyncio.gather(*(trader.venue.place_order(approve(order)) for order in orders))
        assert [type(outcome) for outcome in outcomes] == [rp.Accepted] * 5
        await until(lambda: all(trader.filled(order) == 1 for order in orders))
        alone = trader.order(5)
        assert isinstance(await trader.venue.place_order(approve(alone)), rp.Accepted)
        await until(lambda: trader.filled(alone) == 1)
        used = {
            row.endpoint: row.used for row in floor.governor.usage() if row.endpoint.startswith("POST") and row.used
        }
        assert used == {"POST trade/batch-orders": 5, "POST trade/order": 1}


async def test_a_demo_key_works_on_the_demo_site_only(floor: OkxFloor) -> None:
    floor.members[0].key.is_demo = True
    trader = floor.trader()
    refused = await trader.venue.place_order(approve(trader.resting()))
    assert isinstance(refused, rp.Rejected)
    assert refused.code == "50101"
    await floor.connection.close()
    floor.connection.site = msgspec.structs.replace(floor.connection.site, is_demo=True)
    await floor.connection.open()
    assert isinstance(await trader.venue.place_order(approve(trader.resting())), rp.Accepted)


async def test_keys_that_cannot_be_opened_send_nothing_and_tell_nothing(floor: OkxFloor) -> None:
    def closed() -> OkxKeys:
        raise ValueError("k1:s1:p1")

    trader = floor.trader()
    venue = open_okx(trader.account, floor.connection, closed, floor.clock, floor.governor)
    outcome = await venue.place_order(approve(trader.resting()))
    assert isinstance(outcome, rp.Rejected)
    assert outcome.message == "the keys could not be opened: ValueError"
    assert isinstance(await venue.find_order(trader.resting()), rp.Unknown)


async def test_reports_that_cannot_be_understood_leave_a_doubt(
    floor: OkxFloor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def garbled(*_: object) -> int:
        raise ValueError("not a moment")

    trader = floor.trader()
    monkeypatch.setattr(okx_venue, "read_moment", garbled)
    order = trader.resting()
    assert isinstance(await trader.venue.place_order(approve(order)), rp.Unknown)
    assert isinstance(await trader.venue.find_order(order), rp.VenueOrder)


async def test_a_trailing_stop_is_refused_before_it_is_sent(floor: OkxFloor) -> None:
    trader = floor.trader()
    outcome = await trader.venue.place_order(approve(trader.order(order_type=OrderType.TRAILING_STOP)))
    assert isinstance(outcome, rp.Rejected)
    assert outcome.code == "unsupported"
