"""What is said about an account when it connects, and the dead man's switch."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from decimal import Decimal

import msgspec
import pytest

from fairlead.core.model import reports as rp
from fairlead.core.model.account import PositionMode
from fairlead.core.model.request import OrderType, Side
from fairlead.simulator.okx.faults.rules import FaultKind, FaultRule, Match
from fairlead.simulator.okx.keys import Permission
from fairlead.venues.account_findings import Finding, Severity
from fairlead.venues.okx import protection
from fairlead.venues.okx.account_check import check_account
from fairlead.venues.okx.rows import ConfigRow
from tests.venues.okx.okx_floor import SWAP, OkxFloor, approve, open_floor, until

GOOD = ConfigRow(acct_lv="2", pos_mode="net_mode", perm="read_only,trade", ip="10.0.0.1")


@pytest.fixture(name="floor")
async def _floor() -> AsyncIterator[OkxFloor]:
    async with open_floor() as floor:
        yield floor


def found(floor: OkxFloor, **changes: str) -> Sequence[Finding]:
    return check_account(floor.trader().account, msgspec.structs.replace(GOOD, **changes))


async def test_nothing_is_said_about_an_account_that_is_as_it_should_be(floor: OkxFloor) -> None:
    assert found(floor) == []


@pytest.mark.parametrize(
    ("changes", "severity", "words"),
    [
        ({"perm": "read_only,trade,withdraw"}, Severity.REFUSE, "may withdraw"),
        ({"perm": "read_only"}, Severity.REFUSE, "may not trade"),
        ({"ip": ""}, Severity.WARN, "any address"),
        ({"acct_lv": "1"}, Severity.WARN, "spot mode"),
        ({"acct_lv": "3"}, Severity.REFUSE, "mode 3"),
        ({"pos_mode": "long_short_mode"}, Severity.NOTE, "long_short mode"),
    ],
)
async def test_each_thing_that_will_not_work_is_said_with_what_to_do(
    floor: OkxFloor, changes: dict[str, str], severity: Severity, words: str
) -> None:
    (finding,) = found(floor, **changes)
    assert finding.severity is severity
    assert words in finding.message
    assert finding.advice


async def test_a_key_that_may_withdraw_is_refused_unless_its_owner_insists(floor: OkxFloor) -> None:
    account = floor.trader().account
    config = msgspec.structs.replace(GOOD, perm="read_only,trade,withdraw")
    (insisted,) = check_account(account, config, may_withdraw=True)
    assert insisted.severity is Severity.WARN
    key = floor.members[0].key
    key.permissions = frozenset(Permission)
    findings = await floor.trader().venue.start()
    assert not isinstance(findings, rp.Unknown)
    assert [finding.severity for finding in findings] == [Severity.REFUSE, Severity.WARN]


async def test_a_clock_that_is_far_off_is_said_with_the_number(floor: OkxFloor) -> None:
    floor.okx.faults.acts.jump_clock(40_000)
    trader = floor.trader(position_mode=PositionMode.NET)
    findings = await trader.venue.start()
    assert not isinstance(findings, rp.Unknown)
    (clock,) = [finding for finding in findings if finding.subject == "clock"]
    assert clock.severity is Severity.WARN
    assert isinstance(await trader.venue.place_order(approve(trader.resting())), rp.Accepted)


async def test_orders_in_the_book_end_when_fairlead_is_not_heard_of_and_stops_stay(floor: OkxFloor) -> None:
    trader = floor.trader()
    switch = trader.venue.dead_man_switch
    await trader.listen()
    states = [switch.is_armed]
    assert await switch.arm() is None
    states.append(switch.is_armed)
    assert states == [False, True]
    await trader.venue.place_order(approve(trader.order()))
    trigger = (floor.price(SWAP) * Decimal("0.8")).quantize(Decimal(1))
    stop = trader.order(2, order_type=OrderType.STOP_MARKET, trigger_price=trigger, side=Side.SELL, reduce_only=True)
    await trader.venue.place_order(approve(stop))
    resting = trader.resting(3)
    await trader.venue.place_order(approve(resting))
    floor.okx.faults.acts.jump_clock(61_000)
    await until(lambda: bool(trader.told(rp.ReportCanceled, resting)))
    (canceled,) = trader.told(rp.ReportCanceled, resting)
    assert canceled.reason_code == "20"
    await trader.venue.start()
    account = await trader.venue.read_account()
    assert isinstance(account, rp.AccountReport)
    assert account.open_order_ids == (stop.order_id,)
    await until(lambda: not switch.is_armed)


async def test_the_switch_can_be_taken_off(floor: OkxFloor) -> None:
    switch = floor.trader().venue.dead_man_switch
    await switch.arm()
    await floor.clock.sleep_ms(1_100)
    assert await switch.disarm() is None
    assert (switch.acts_at_ms, switch.is_armed) == (0, False)


async def test_signs_of_life_are_given_in_time_and_what_was_not_taken_is_sent_again(
    floor: OkxFloor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protection, "SIGNS_PER_TIMEOUT", 10)
    monkeypatch.setattr(protection, "AGAIN_MS", 100)
    floor.okx.faults.plan.add(
        FaultRule(id="away", kind=FaultKind.RESET_BEFORE, match=Match(endpoint="trade/cancel-all-after"), count=1)
    )
    switch = floor.trader().venue.dead_man_switch
    await switch.follow(10)
    armed = [switch.is_armed]
    await floor.clock.sleep_ms(1_000)
    await switch.follow(10)
    first_ms = switch.acts_at_ms
    await switch.follow(10)
    assert switch.acts_at_ms == first_ms
    await floor.clock.sleep_ms(1_100)
    await switch.follow(10)
    assert switch.acts_at_ms > first_ms
    armed.append(switch.is_armed)
    await floor.clock.sleep_ms(1_000)
    await switch.follow(0)
    armed.append(switch.is_armed)
    assert armed == [False, True, False]


async def test_a_stop_that_may_still_be_on_its_way_is_in_doubt_longer_than_its_deadline(floor: OkxFloor) -> None:
    trader = floor.trader()
    now_ms = floor.clock.now_ms()
    stop = trader.order(order_type=OrderType.STOP_MARKET, trigger_price=Decimal(1), deadline_ms=now_ms - 5_000)
    assert isinstance(await trader.venue.find_order(stop), rp.Unknown)
    long_ago = msgspec.structs.replace(stop, deadline_ms=now_ms - 70_000)
    assert isinstance(await trader.venue.find_order(long_ago), rp.NoSuchOrder)
