from __future__ import annotations

from decimal import Decimal

from fairlead.core.model.account import ExecutionMode
from fairlead.core.model.events import KillSwitchSet
from fairlead.core.model.latch import Latch, LatchLevel, LatchScope
from fairlead.core.model.request import Close, OrderType
from fairlead.ports import Fact, Unit
from fairlead.store.queries.notifications import Level, MessageKind
from tests.notify.world import NotifyWorld, details_of
from tests.orders.trading_world import LINEAR, SPOT, account, buy, sell


async def test_a_filled_alert_is_told_in_full(world: NotifyWorld) -> None:
    channel = await world.add_channel()
    await world.start(channel)

    alert_id = await world.alert(*world.requests("first", "second", leverage=Decimal(5)))
    await world.read()

    (message,) = await world.messages()
    assert (message.kind, message.label, message.mode) == (MessageKind.SUCCESS, "SUCCESS", "PAPER")
    assert message.title == "Fairlead · chart <1>"
    assert message.headline == f"BUY {LINEAR}"
    assert message.counts == ("2/2 orders executed",)
    assert message.explain_id == alert_id
    details = details_of(message)
    assert details["Request"] == f"{alert_id[:4]}****{alert_id[-4:]}"
    assert (details["Leverage"], details["Margin"]) == ("5x", "Cross")
    assert details["Filled"] == "4 contracts"
    assert details["Value"].endswith(" USD")
    assert details["Duration"] == "250 ms"
    assert Decimal(details["Average price"].replace(",", "")) > 0
    assert "Realized P&L" not in details


async def test_a_close_tells_what_it_realised(world: NotifyWorld) -> None:
    channel = await world.add_channel()
    await world.start(channel)
    await world.alert(*world.requests("first", intent=buy(2)))
    await world.trading.run_ms(1_000)
    (position,) = world.trading.desk("first").book.positions.values()
    world.trading.feed(LINEAR, position.entry_price + 200)

    await world.alert(*world.requests("first", intent=Close()))
    await world.read()

    opened, closed = await world.messages()
    assert (opened.kind, closed.kind, closed.label) == (MessageKind.SUCCESS, MessageKind.CLOSE, "CLOSED")
    realized = details_of(closed)["Realized P&L"]
    assert realized.startswith("+")
    assert realized.endswith(" USDT")
    average = Decimal(details_of(closed)["Average price"].replace(",", ""))
    expected = (average - position.entry_price) * 2 * Decimal("0.01")
    assert abs(Decimal(realized.removeprefix("+").removesuffix(" USDT")) - expected) < Decimal("0.01")


async def test_a_dry_run_says_so_and_that_nothing_was_sent(world: NotifyWorld) -> None:
    channel = await world.add_channel()
    await world.start(channel)

    await world.alert(*world.requests("first", dry_run=True), verdict="dry_run")
    await world.read()

    (message,) = await world.messages()
    assert message.mode == "DRY RUN"
    assert message.counts == ("1/1 orders checked, nothing sent",)


async def test_each_failed_account_has_its_line_and_the_hint_follows_the_code(world: NotifyWorld) -> None:
    channel = await world.add_channel()
    await world.start(channel)
    good, _ = world.requests("first", "second", symbol=SPOT, margin_mode=None, intent=buy("0.1"))
    poor = world.trading.request("second", cause=good.cause, symbol=SPOT, margin_mode=None, intent=buy(50))

    await world.alert(good, poor)
    await world.read()

    (message,) = await world.messages()
    assert (message.kind, message.label) == (MessageKind.PARTIAL_SUCCESS, "PARTIAL SUCCESS")
    assert message.counts == ("1/2 orders executed", "1/2 failed")
    (failure,) = message.failures
    assert failure.account == "second"
    assert failure.reason.startswith("denied: ")
    assert message.hint.startswith("Check the funds")
    assert details_of(message)["Margin"] == "Cash"


async def test_an_alert_that_made_no_request_says_why(world: NotifyWorld) -> None:
    channel = await world.add_channel()
    await world.start(channel)

    await world.alert(verdict="stale", reason_code="stale", detail="90000 ms old, at most 60000 ms allowed")
    await world.read()

    (message,) = await world.messages()
    assert (message.kind, message.label, message.mode) == (MessageKind.ERROR, "FAILED", "PAPER")
    assert message.failures[0].reason == "stale: 90000 ms old, at most 60000 ms allowed"
    assert message.hint.startswith("Open the explain page")


async def test_accounts_of_several_modes_are_all_named(world: NotifyWorld) -> None:
    channel = await world.add_channel()
    live = account("second", mode=ExecutionMode.LIVE)
    demo = account("third", mode=ExecutionMode.DEMO)
    await world.trading.configure(account("first"), live, demo)
    await world.directory.reload()
    await world.start(channel)

    await world.alert(*world.requests("first", "second", "third"))
    await world.trading.run_ms(10)
    await world.alert(*world.requests("second"))
    await world.read()

    mixed, only_live = await world.messages()
    assert mixed.mode == "1 DEMO, 1 LIVE, 1 PAPER"
    assert only_live.mode == ""


async def test_a_resting_order_is_told_again_when_it_fills(world: NotifyWorld) -> None:
    channel = await world.add_channel()
    await world.start(channel)
    price = world.trading.price() - 50

    await world.alert(*world.requests("first", order_type=OrderType.LIMIT, limit_price=price))
    await world.read()
    world.trading.feed(LINEAR, price - 50)
    await world.trading.run_ms(2_000)
    await world.read()

    first, second = await world.messages()
    assert details_of(first)["Resting"] == "1 at the venue, not filled yet"
    assert (second.kind, second.label, second.mode) == (MessageKind.SUCCESS, "FILLED", "PAPER")
    assert details_of(second)["Account"] == "first"
    assert details_of(second)["Filled"] == "2 contracts"


async def test_a_stop_that_fires_is_told_with_its_loss(world: NotifyWorld) -> None:
    channel = await world.add_channel()
    await world.start(channel)
    stop = world.trading.price() - 500
    await world.alert(*world.requests("first", stop_loss_price=stop))
    await world.trading.run_ms(1_000)

    world.trading.feed(LINEAR, stop - 100)
    await world.trading.run_ms(2_000)
    await world.read()

    told = [message for message in await world.messages() if message.headline.startswith("PROTECTION")]
    assert [(one.kind, one.label) for one in told] == [(MessageKind.CLOSE, "CLOSED")]
    assert details_of(told[0])["Realized P&L"].startswith("-")


async def test_levels_decide_who_hears_what(world: NotifyWorld) -> None:
    quiet = await world.add_channel(name="quiet", levels={MessageKind.SUCCESS: Level.SILENT})
    deaf = await world.add_channel(name="deaf", levels={MessageKind.SUCCESS: Level.OFF})
    loud = await world.add_channel(name="loud")
    await world.start(quiet, deaf, loud)

    await world.alert(*world.requests("first"))
    await world.read()

    heard = {row.channel_id: row.is_silent for row in await world.outbox()}
    assert heard == {quiet.channel_id: True, loud.channel_id: False}
    assert set(world.woken) == {quiet.channel_id, loud.channel_id}


async def test_an_alert_that_takes_long_is_told_twice(world: NotifyWorld) -> None:
    channel = await world.add_channel()
    await world.start(channel)
    world.trading.venue("first").is_deaf = True
    await world.alert(*world.requests("first", intent=sell(1)))
    await world.read()
    assert await world.messages() == []

    world.trading.clock.advance_ms(60_000)
    await world.read()

    told = await world.messages()
    assert [message.label for message in told if message.kind is MessageKind.ERROR] == ["STILL WORKING"]
    assert told[0].counts == ("0/1 orders executed", "1/1 pending")


async def test_a_kill_switch_for_everybody_is_told_to_everybody(world: NotifyWorld) -> None:
    channel = await world.add_channel()
    await world.start(channel)
    latch = Latch(latch_id="l1", scope=LatchScope.PLATFORM, level=LatchLevel.STOP_NEW, by="ann", set_ms=1, text="news")
    event = KillSwitchSet(latch=latch, at_ms=world.trading.clock.now_ms())
    fact = Fact(tenant="", stream="kill", cause="l1", at_ms=event.at_ms, event=event, key="l1:")
    await world.trading.journal.commit(Unit(facts=(fact,)))
    await world.read()

    (message,) = await world.messages()
    assert (message.kind, message.label) == (MessageKind.SAFETY, "SET")
    assert message.notes == ("For: platform", "It does: stop new", "By ann, because: manual news")
