"""What the order path may rely on at every venue; what each promises beyond it is in its own tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest

from fairlead.core.model import reports as rp
from fairlead.core.model.account import MarginMode, PositionMode, PositionSide
from fairlead.core.model.order import OrderStatus
from fairlead.core.model.request import OrderType, Side, TimeInForce
from tests.contracts.venue_worlds import IMPLEMENTATIONS, NETWORKED, OkxWorld, VenueWorld, open_world
from tests.venues.paper_world import approve

pytestmark = pytest.mark.slow

SWAP, SPOT = "BTC-USDT-SWAP", "BTC-USDT"


@pytest.fixture(name="there", params=IMPLEMENTATIONS)
async def _there(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[VenueWorld]:
    world = await open_world(request.param, tmp_path)
    yield world
    await world.close()


@pytest.fixture(name="hedged", params=IMPLEMENTATIONS)
async def _hedged(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[VenueWorld]:
    world = await open_world(request.param, tmp_path, PositionMode.LONG_SHORT)
    yield world
    await world.close()


@pytest.fixture(name="far", params=list(NETWORKED))
async def _far(request: pytest.FixtureRequest) -> AsyncIterator[OkxWorld]:
    world = NETWORKED[request.param](PositionMode.NET)
    await world.start()
    yield world
    await world.close()


async def read(world: VenueWorld) -> rp.AccountReport:
    report = await world.venue.read_account()
    assert isinstance(report, rp.AccountReport), report
    return report


async def test_a_market_order_is_accepted_and_reported_to_its_last_fill(there: VenueWorld) -> None:
    order = there.order(quantity=Decimal(3))
    outcome = await there.venue.place_order(approve(order))
    assert isinstance(outcome, rp.Accepted)
    assert outcome.venue_order_id
    state = await there.end_of(order)
    assert (state.status, state.filled_quantity, state.fee_currency) == (OrderStatus.FILLED, Decimal(3), "USDT")
    assert state.fee > 0
    assert state.average_price > 0


async def test_a_limit_order_rests_until_it_is_canceled(there: VenueWorld) -> None:
    order = there.order(order_type=OrderType.LIMIT, limit_price=there.price(SWAP, "0.98"))
    outcome = await there.venue.place_order(approve(order))
    assert isinstance(outcome, rp.Accepted)
    assert (await read(there)).open_order_ids == (order.order_id,)
    assert isinstance(await there.venue.cancel_order(order), rp.Canceled)
    assert (await there.end_of(order)).status is OrderStatus.CANCELED
    assert (await read(there)).open_order_ids == ()
    assert isinstance(await there.venue.cancel_order(order), rp.Rejected)


async def test_what_is_refused_never_was(there: VenueWorld) -> None:
    order = there.order(quantity=Decimal(10_000))
    outcome = await there.venue.place_order(approve(order))
    assert isinstance(outcome, rp.Rejected)
    assert outcome.code == "51008"
    assert isinstance(await there.venue.find_order(order), rp.NoSuchOrder)
    assert there.reports == []


async def test_an_order_that_cannot_fill_at_once_is_ended_by_the_venue(there: VenueWorld) -> None:
    low = there.price(SWAP, "0.98")
    for number, terms in enumerate((TimeInForce.IOC, TimeInForce.FOK)):
        order = there.order(number, order_type=OrderType.LIMIT, limit_price=low, time_in_force=terms)
        assert isinstance(await there.venue.place_order(approve(order)), rp.Accepted)
        assert (await there.end_of(order)).status is OrderStatus.CANCELED


async def test_post_only_takes_nothing(there: VenueWorld) -> None:
    order = there.order(order_type=OrderType.LIMIT, limit_price=there.price(SWAP, "1.005"), post_only=True)
    await there.venue.place_order(approve(order))
    state = await there.end_of(order)
    assert (state.status, state.filled_quantity) == (OrderStatus.CANCELED, Decimal(0))


async def test_the_story_that_is_asked_for_is_the_one_that_was_told(there: VenueWorld) -> None:
    order = there.order(quantity=Decimal(2))
    await there.venue.place_order(approve(order))
    told = await there.end_of(order)
    found = await there.venue.find_order(order)
    assert isinstance(found, rp.VenueOrder)
    asked = there.state_of(order, list(found.reports))
    assert (told.status, told.filled_quantity, told.fee) == (asked.status, asked.filled_quantity, asked.fee)
    assert told.trade_ids == asked.trade_ids


async def test_an_order_nobody_placed_is_not_there(there: VenueWorld) -> None:
    assert isinstance(await there.venue.find_order(there.order(77)), rp.NoSuchOrder)


async def test_a_spot_buy_of_an_amount_of_quote_currency_ends_filled(there: VenueWorld) -> None:
    order = there.order(
        symbol=SPOT, margin_mode=MarginMode.CASH, leverage=Decimal(1), quantity=Decimal(500), in_quote=True
    )
    await there.venue.place_order(approve(order))
    state = await there.end_of(order)
    assert (state.status, state.fee_currency) == (OrderStatus.FILLED, "BTC")
    assert Decimal(490) < state.filled_notional <= Decimal(500)
    balances = (await read(there)).balances
    assert balances["BTC"] == 2 + state.filled_quantity - state.fee
    assert balances["USDT"] == 100_000 - state.filled_notional


async def test_cash_and_holdings_are_those_of_the_exchange(there: VenueWorld) -> None:
    assert (await read(there)).balances == {"USDT": Decimal(100_000), "BTC": Decimal(2)}
    order = there.order(side=Side.SELL, quantity=Decimal(2))
    await there.venue.place_order(approve(order))
    state = await there.end_of(order)
    report = await read(there)
    (held,) = report.positions
    assert (held.symbol, held.quantity, held.position_side) == (SWAP, Decimal(-2), PositionSide.NET)
    assert (held.margin_mode, held.entry_price) == (MarginMode.CROSS, state.average_price)
    assert report.balances["USDT"] == 100_000 - state.fee


async def test_leverage_is_set_or_refused_in_the_venues_words(there: VenueWorld) -> None:
    assert await there.venue.set_leverage(SWAP, MarginMode.CROSS, PositionSide.NET, Decimal(7)) is None
    await there.venue.place_order(approve(there.order()))
    assert [held.leverage for held in (await read(there)).positions] == [Decimal(7)]
    refused = await there.venue.set_leverage(SWAP, MarginMode.CROSS, PositionSide.NET, Decimal(125))
    assert isinstance(refused, rp.Rejected)
    assert refused.code == "59102"


async def test_reduce_only_opens_nothing(there: VenueWorld) -> None:
    outcome = await there.venue.place_order(approve(there.order(side=Side.SELL, reduce_only=True)))
    assert isinstance(outcome, rp.Rejected)
    assert (await read(there)).positions == ()


async def test_long_and_short_are_held_and_closed_side_by_side(hedged: VenueWorld) -> None:
    sides = ((PositionSide.LONG, Side.BUY), (PositionSide.SHORT, Side.SELL))
    for number, (position_side, side) in enumerate(sides):
        await hedged.venue.place_order(approve(hedged.order(number, position_side=position_side, side=side)))
    held = (await read(hedged)).positions
    assert {row.position_side: row.quantity for row in held} == dict.fromkeys(
        (PositionSide.LONG, PositionSide.SHORT), Decimal(1)
    )
    assert hedged.venue.position_mode is PositionMode.LONG_SHORT
    for number, (position_side, side) in enumerate(sides, 10):
        close = hedged.order(number, position_side=position_side, side=side.opposite, reduce_only=True)
        assert isinstance(await hedged.venue.place_order(approve(close)), rp.Accepted)
    assert (await read(hedged)).positions == ()


async def test_a_new_venue_finds_what_rests_and_hears_its_end(there: VenueWorld) -> None:
    order = there.order(order_type=OrderType.LIMIT, limit_price=there.price(SWAP, "0.98"))
    await there.venue.place_order(approve(order))
    await there.restart()
    there.reports.clear()
    found = await there.venue.find_order(order)
    assert isinstance(found, rp.VenueOrder)
    assert there.state_of(order, list(found.reports)).status is OrderStatus.ACCEPTED
    await there.venue.cancel_order(order)
    assert (await there.end_of(order)).status is OrderStatus.CANCELED


@pytest.mark.parametrize(
    ("kind", "params"),
    [
        ("accept_then_time_out", {}),
        ("reply_lost", {}),
        ("reset_after", {}),
        ("code_50001", {"taken": True}),
        ("code_50004", {"taken": True}),
        ("code_50013", {"taken": True}),
        ("code_50026", {"taken": True}),
        ("html_5xx", {"taken": True}),
    ],
)
async def test_an_answer_that_says_nothing_is_a_doubt_and_asking_settles_it(
    far: OkxWorld, kind: str, params: dict[str, bool]
) -> None:
    await read(far)
    far.strike(kind, far.place_endpoint, **params)
    order = far.order(order_type=OrderType.LIMIT, limit_price=far.price(SWAP, "0.98"))
    assert isinstance(await far.venue.place_order(approve(order)), rp.Unknown)
    assert [row.client_order_id for row in far.exchange.accounts.open_orders("k1")] == [order.order_id]
    found = await far.venue.find_order(order)
    assert isinstance(found, rp.VenueOrder)
    assert far.state_of(order, list(found.reports)).status is OrderStatus.ACCEPTED


@pytest.mark.parametrize("kind", ["request_lost", "reset_before", "html_5xx", "code_50004"])
async def test_an_order_that_never_arrived_is_a_doubt_too_and_is_not_there(far: OkxWorld, kind: str) -> None:
    await read(far)
    far.strike(kind, far.place_endpoint)
    order = far.order()
    assert isinstance(await far.venue.place_order(approve(order)), rp.Unknown)
    assert isinstance(await far.venue.find_order(order), rp.NoSuchOrder)
    assert (await read(far)).positions == ()


@pytest.mark.parametrize("kind", ["code_50011", "code_50061"])
async def test_a_rate_limit_is_a_refusal_that_passes(far: OkxWorld, kind: str) -> None:
    await read(far)
    far.strike(kind, far.place_endpoint)
    outcome = await far.venue.place_order(approve(far.order()))
    assert isinstance(outcome, rp.Rejected)
    assert outcome.retry_after_ms >= 1_000
    assert isinstance(await far.venue.place_order(approve(far.order(2))), rp.Accepted)


async def test_an_id_that_is_taken_is_a_doubt_not_a_refusal(far: OkxWorld) -> None:
    order = far.order(order_type=OrderType.LIMIT, limit_price=far.price(SWAP, "0.98"))
    await far.venue.place_order(approve(order))
    assert isinstance(await far.venue.place_order(approve(order)), rp.Unknown)
    assert len(far.exchange.accounts.open_orders("k1")) == 1


async def test_a_cancel_without_an_answer_is_a_doubt(far: OkxWorld) -> None:
    order = far.order(order_type=OrderType.LIMIT, limit_price=far.price(SWAP, "0.98"))
    await far.venue.place_order(approve(order))
    far.strike("reset_after", far.cancel_endpoint)
    assert isinstance(await far.venue.cancel_order(order), rp.Unknown)
    assert (await far.end_of(order)).status is OrderStatus.CANCELED
