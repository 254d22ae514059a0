"""Whatever goes wrong between us and OKX: no order twice, no fill lost, no fill counted twice."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from fairlead.core.model import reports as rp
from fairlead.core.model.account import MarginMode
from fairlead.core.model.ids import PROTECTION, child_order_id
from fairlead.simulator.okx.faults.rules import FaultKind, FaultRule, Match, Params
from fairlead.venues.okx import private_stream
from tests.venues.okx.okx_floor import SWAP, OkxFloor, Trader, approve, open_floor, until

SIZE = Decimal(400)
"""Takes several levels of the book, so that there are several fills."""


@pytest.fixture(name="floor")
async def _floor() -> AsyncIterator[OkxFloor]:
    async with open_floor() as floor:
        yield floor


def strike(floor: OkxFloor, kind: FaultKind, endpoint: str, **params: object) -> None:
    """Let one fault happen to the next of these."""
    given = Params(**params)  # type: ignore[arg-type]
    rule = FaultRule(id=f"{kind.value} {endpoint}", kind=kind, match=Match(endpoint=endpoint), count=1, params=given)
    floor.okx.faults.plan.add(rule)


def placed(floor: OkxFloor, trader: Trader) -> list[str]:
    """Every order the exchange has of this account, by the witness' books."""
    accounts = floor.okx.exchange.accounts
    orders = [*accounts.open_orders("k1"), *accounts.finished_orders("k1")]
    return [order.client_order_id for order in orders if order.client_order_id]


_TAKEN = [
    (FaultKind.RESET_AFTER, {}),
    (FaultKind.HTML_5XX, {"taken": True}),
    (FaultKind.CODE_50001, {"taken": True}),
    (FaultKind.CODE_50004, {"taken": True}),
    (FaultKind.CODE_50013, {"taken": True}),
    (FaultKind.CODE_50026, {"taken": True}),
]


@pytest.mark.parametrize(("kind", "params"), _TAKEN, ids=[kind.value for kind, _ in _TAKEN])
async def test_an_order_that_was_taken_without_saying_so_is_a_doubt_and_found(
    floor: OkxFloor, kind: FaultKind, params: dict[str, object]
) -> None:
    trader = floor.trader()
    strike(floor, kind, "trade/order", **params)
    order = trader.resting()
    assert isinstance(await trader.venue.place_order(approve(order)), rp.Unknown)
    found = await trader.venue.find_order(order)
    assert isinstance(found, rp.VenueOrder)
    assert isinstance(found.reports[0], rp.ReportAccepted)
    assert placed(floor, trader) == [order.order_id]


@pytest.mark.parametrize("kind", [FaultKind.RESET_BEFORE, FaultKind.CODE_50001, FaultKind.HTML_5XX])
async def test_an_order_that_may_not_have_been_taken_is_a_doubt_and_not_sent_again(
    floor: OkxFloor, kind: FaultKind
) -> None:
    trader = floor.trader()
    strike(floor, kind, "trade/order")
    order = trader.resting()
    assert isinstance(await trader.venue.place_order(approve(order)), rp.Unknown)
    assert isinstance(await trader.venue.find_order(order), rp.NoSuchOrder)
    assert placed(floor, trader) == []


@pytest.mark.parametrize("kind", [FaultKind.CODE_50011, FaultKind.CODE_50061])
async def test_a_rate_limit_is_a_refusal_that_passes(floor: OkxFloor, kind: FaultKind) -> None:
    trader = floor.trader()
    strike(floor, kind, "trade/order")
    outcome = await trader.venue.place_order(approve(trader.resting()))
    assert isinstance(outcome, rp.Rejected)
    assert outcome.retry_after_ms == 2_000


@pytest.mark.parametrize("kind", [FaultKind.RESET_AFTER, FaultKind.RESET_BEFORE, FaultKind.REPLY_LOST])
async def test_an_order_whose_socket_breaks_is_a_doubt_and_never_goes_over_rest_too(
    floor: OkxFloor, monkeypatch: pytest.MonkeyPatch, kind: FaultKind
) -> None:
    monkeypatch.setattr("fairlead.venues.okx.order_socket.REPLY_WAIT_MS", 500)
    await floor.learn_codes()
    trader = floor.trader()
    await trader.listen()
    strike(floor, kind, "order")
    order = trader.resting()
    assert isinstance(await trader.venue.place_order(approve(order)), rp.Unknown)
    was_taken = kind is not FaultKind.RESET_BEFORE
    assert isinstance(await trader.venue.find_order(order), rp.VenueOrder if was_taken else rp.NoSuchOrder)
    assert placed(floor, trader) == [order.order_id] * was_taken


@pytest.mark.parametrize(
    "kind", [FaultKind.PUSH_LOST, FaultKind.PUSH_DUPLICATED, FaultKind.PUSH_REORDERED, FaultKind.SOCKET_DROP]
)
@pytest.mark.parametrize("after", [0, 1, 2])
async def test_every_fill_is_told_once_whatever_happens_to_the_pushes(
    floor: OkxFloor, monkeypatch: pytest.MonkeyPatch, kind: FaultKind, after: int
) -> None:
    monkeypatch.setattr(private_stream, "SWEEP_EVERY_MS", 500)
    trader = floor.trader()
    await trader.listen()
    rule = FaultRule(id="push", kind=kind, match=Match(endpoint="orders"), count=1, after=after)
    floor.okx.faults.plan.add(rule)
    order = trader.order(quantity=SIZE)
    await trader.venue.place_order(approve(order))
    await until(lambda: trader.filled(order) == SIZE)
    fills = trader.told(rp.ReportFill, order)
    assert len({report.fill.trade_id for report in fills}) == len(fills)
    assert sum(report.is_last for report in fills) == 1
    (state,) = floor.okx.faults.plan.states
    assert state.struck == 1


async def test_the_last_push_of_an_order_may_be_lost(floor: OkxFloor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(private_stream, "SWEEP_EVERY_MS", 300)
    trader = floor.trader()
    await trader.listen()
    rule = FaultRule(id="all", kind=FaultKind.PUSH_LOST, match=Match(endpoint="orders"))
    floor.okx.faults.plan.add(rule)
    order = trader.order()
    await trader.venue.place_order(approve(order))
    await until(lambda: trader.filled(order) == 1)
    resting = trader.resting(2)
    await trader.venue.place_order(approve(resting))
    await trader.venue.cancel_order(resting)
    await until(lambda: bool(trader.told(rp.ReportCanceled, resting)))


async def test_what_happens_while_nobody_listens_is_told_after_the_reconnect(
    floor: OkxFloor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(private_stream, "PAUSE_FIRST_MS", 400)
    trader = floor.trader()
    await trader.listen()
    stop = (floor.price(SWAP) * Decimal("0.95")).quantize(Decimal(1))
    protected, resting = trader.order(1, stop_loss_price=stop), trader.resting(2)
    await trader.venue.place_order(approve(protected))
    await trader.venue.place_order(approve(resting))
    await until(lambda: bool(trader.told(rp.ReportBorn)))
    strike(floor, FaultKind.SOCKET_DROP, "orders")
    await trader.venue.place_order(approve(trader.resting(3)))
    await until(lambda: not trader.venue.is_listening)
    floor.move(SWAP, stop - 10)
    floor.okx.exchange.deposit("k1", "USDT", Decimal(7))
    floor.okx.venue.settle()
    assert isinstance(await trader.venue.cancel_order(resting), rp.Canceled | rp.Rejected)
    await until(lambda: trader.venue.is_listening)
    exit_order = trader.order(order_id=child_order_id(protected.order_id, PROTECTION))
    await until(lambda: trader.filled(exit_order) == 1)
    assert [moved.amount for moved in trader.told(rp.ReportAdjusted)] == [Decimal(7)]
    assert trader.told(rp.ReportCanceled, resting) or trader.filled(resting) == 1


async def test_a_clock_that_jumped_is_measured_again_and_the_next_order_goes_through(floor: OkxFloor) -> None:
    trader = floor.trader()
    await trader.venue.start()
    floor.okx.faults.acts.jump_clock(120_000)
    first = await trader.venue.place_order(approve(trader.resting()))
    assert isinstance(first, rp.Rejected)
    assert (first.code, first.retry_after_ms > 0) == ("50102", True)
    assert abs(floor.connection.clock_offset_ms - 120_000) < 1_000
    assert isinstance(await trader.venue.place_order(approve(trader.resting())), rp.Accepted)


async def test_a_liquidation_is_told_as_an_order_of_the_venue(floor: OkxFloor) -> None:
    trader = floor.trader()
    await trader.listen()
    isolated = trader.order(margin_mode=MarginMode.ISOLATED)
    assert isinstance(await trader.venue.place_order(approve(isolated)), rp.Accepted)
    floor.okx.faults.acts.liquidate("k1", SWAP)
    floor.okx.venue.settle()
    await until(lambda: bool(trader.told(rp.ReportBorn)))
    born = trader.told(rp.ReportBorn)[0]
    assert (born.origin, born.parent_id) == ("liquidation", "")
    await until(lambda: trader.filled(trader.order(order_id=born.order_id)) > 0)


async def test_a_revoked_key_stops_the_account_and_says_so(floor: OkxFloor) -> None:
    trader = floor.trader()
    floor.okx.faults.acts.revoke_keys("k1")
    outcome = await trader.venue.place_order(approve(trader.resting()))
    assert isinstance(outcome, rp.Rejected)
    assert (outcome.code, outcome.retry_after_ms) == ("50119", 0)
    assert isinstance(await trader.venue.read_account(), rp.Unknown)


async def test_asking_for_an_order_does_not_hide_that_its_push_was_lost(
    floor: OkxFloor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(private_stream, "SWEEP_EVERY_MS", 300)
    trader = floor.trader()
    await trader.listen()
    floor.okx.faults.plan.add(FaultRule(id="all", kind=FaultKind.PUSH_LOST, match=Match(endpoint="orders")))
    order = trader.order()
    await trader.venue.place_order(approve(order))
    assert isinstance(await trader.venue.find_order(order), rp.VenueOrder)
    await until(lambda: trader.filled(order) == 1)


async def test_silence_after_a_partial_fill_is_not_believed(floor: OkxFloor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(private_stream, "SWEEP_EVERY_MS", 300)
    trader = floor.trader()
    await trader.listen()
    strike(floor, FaultKind.PARTIAL_FILL_THEN_SILENCE, "orders")
    order = trader.order(quantity=SIZE)
    await trader.venue.place_order(approve(order))
    await until(lambda: trader.filled(order) == SIZE)


async def test_a_socket_that_will_be_closed_is_left_before_it_is(floor: OkxFloor) -> None:
    trader = floor.trader()
    await trader.listen()
    strike(floor, FaultKind.MAINTENANCE_NOTICE, "trade/order", delay_ms=60_000)
    await trader.venue.place_order(approve(trader.resting()))
    await until(lambda: not trader.venue.is_listening)
    await until(lambda: trader.venue.is_listening)
    order = trader.order(2)
    await trader.venue.place_order(approve(order))
    await until(lambda: trader.filled(order) == 1)


async def test_an_order_that_okx_has_forgotten_is_asked_for_once(
    floor: OkxFloor, monkeypatch: pytest.MonkeyPatch
) -> None:
    trader = floor.trader()
    resting = trader.resting()
    await trader.venue.place_order(approve(resting))
    await trader.venue.cancel_order(resting)
    monkeypatch.setattr(floor.okx.exchange.accounts, "find_venue_order", lambda *_: None)
    monkeypatch.setattr(private_stream, "SWEEP_EVERY_MS", 100)
    await trader.listen()
    asked = [row.used for row in floor.governor.usage() if row.endpoint == "GET trade/order"]
    await floor.clock.sleep_ms(500)
    assert asked == [row.used for row in floor.governor.usage() if row.endpoint == "GET trade/order"] == [1]
