"""What a person reads about a request is what the desk did, read back from the database."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from fairlead.core.model.account import MarginMode, PositionMode
from fairlead.core.model.events import OrderApproved, RequestWarned
from fairlead.core.model.request import Close, CloseScope, Intent, OrderType, SetTarget, Size, SizeUnit, TargetPosition
from fairlead.core.model.state import RequestStatus
from fairlead.core.rules.margin import initial_margin
from fairlead.market.hub import JoinedMarket, MarketHub
from fairlead.reporting.explain_text import explanation_text
from fairlead.reporting.explanation import explanation_to_builtins
from fairlead.sources.webhook.results import describe_request
from tests.orders.test_halts import SETTLED_MS
from tests.orders.trading_world import ETHER, INVERSE, LINEAR, SPOT, TradingWorld, account, buy, sell
from tests.orders.watched_journal import has_fact

D = Decimal
HALF = Size(amount=Decimal(50), unit=SizeUnit.PERCENT)


async def test_the_leverage_that_was_set_for_a_request_is_told_with_it(world: TradingWorld) -> None:
    request = world.request(leverage=Decimal(7))
    await world.ask(request)
    explanation = await world.explain(request.request_id)
    assert "leverage set 7x" in explanation_text(explanation)
    (part,) = explanation.accounts
    assert [setting.what for setting in part.settings] == ["leverage set"]
    assert "leverage set" in str(explanation_to_builtins(explanation))
    # The order's id leads to the same.
    assert (await world.explain(part.orders[0].order_id)).accounts[0].settings == part.settings


async def test_a_request_is_told_with_the_contract_of_its_own_exchange(world: TradingWorld) -> None:
    here = world.trading.hub.instruments[LINEAR]
    elsewhere = MarketHub(exchange="elsewhere")
    elsewhere.on_instruments([replace(here, contract_value=here.contract_value * 100)])
    joined = JoinedMarket(lambda: (elsewhere, world.trading.hub))
    assert joined.instruments[LINEAR] != joined.at("okx").instruments[LINEAR] == here
    request = world.request()
    await world.ask(request)
    told = explanation_text(await world.explain(request.request_id))
    world.trading.market = joined
    assert explanation_text(await world.explain(request.request_id)) == told


async def test_entries_taken_back_before_a_close_are_told_with_the_close(world: TradingWorld) -> None:
    entry = world.request(intent=buy(1), order_type=OrderType.LIMIT, limit_price=world.price() - 100)
    await world.ask(world.request(intent=buy(2)), entry)
    (resting,) = await world.orders_of(entry)
    close = world.close_request()
    await world.ask(close)
    assert f"cancel sent {resting.order_id}" in explanation_text(await world.explain(close.request_id))


async def test_a_rebuilt_account_is_told_with_the_request_that_waited_for_it(world: TradingWorld) -> None:
    world.halts_expected = True
    world.journal.refuse = has_fact(OrderApproved)
    request = world.request()
    await world.ask(request, within_ms=SETTLED_MS)
    assert (await world.state(request)).status is RequestStatus.FILLED
    assert "account rebuilt" in explanation_text(await world.explain(request.request_id))


@pytest.mark.parametrize("symbol", [LINEAR, SPOT])
async def test_a_part_that_is_closed_warns_of_the_entries_that_stay(world: TradingWorld, symbol: str) -> None:
    size = "0.2" if symbol == SPOT else 2
    entry = world.request(
        symbol=symbol, intent=buy(size), order_type=OrderType.LIMIT, limit_price=world.price(symbol) - 100
    )
    await world.ask(world.request(symbol=symbol, intent=buy(size)), entry)
    (resting,) = await world.orders_of(entry)

    close = world.close_request(symbol=symbol, intent=Close(size=HALF))
    (state,) = await world.ask(close)

    assert state.status is RequestStatus.FILLED
    assert state.warnings == (f"open entries of {symbol} stay, because only a part is closed: {resting.order_id}",)
    explanation = await world.explain(close.request_id)
    assert explanation.accounts[0].warnings == state.warnings
    assert resting.order_id in explanation_text(explanation)


@pytest.mark.parametrize(
    ("intent", "expected", "is_right"),
    [
        (buy(1), TargetPosition.LONG, True),
        (buy(1), TargetPosition.FLAT, False),
        (buy(1), TargetPosition.SHORT, False),
        (Close(), TargetPosition.SHORT, False),
        (Close(scope=CloseScope.STRATEGY), TargetPosition.LONG, True),
        (SetTarget(target=TargetPosition.FLAT), TargetPosition.FLAT, False),
    ],
)
async def test_a_sender_who_expects_another_position_is_warned_and_served(
    world: TradingWorld, intent: Intent, expected: TargetPosition, *, is_right: bool
) -> None:
    await world.want(intent=buy(3))
    request = world.request(intent=intent, expected_position=expected)
    (state,) = await world.ask(request)
    assert state.status is RequestStatus.FILLED
    text = f"the sender expected to be {expected} in {LINEAR} before this, but long 3 contracts is held"
    assert state.warnings == (() if is_right else (text,))
    assert len(await world.facts(RequestWarned)) == (0 if is_right else 1)
    assert (text in explanation_text(await world.explain(request.request_id))) is not is_right


async def test_the_expected_position_of_a_scoped_close_is_that_of_the_share(world: TradingWorld) -> None:
    await world.want(intent=buy(3), source_id="h1")
    request = world.close_request(
        intent=Close(scope=CloseScope.SOURCE), source_id="h2", expected_position=TargetPosition.LONG
    )
    (state,) = await world.ask(request)
    assert state.warnings == (f"the sender expected to be long in {LINEAR} before this, but nothing is held",)


async def test_both_sides_of_a_long_short_account_may_be_expected(world: TradingWorld) -> None:
    await world.configure(account("a1"), account("a2", position_mode=PositionMode.LONG_SHORT))
    for intent, expected in ((buy(3), "flat"), (sell(2), "long"), (buy(1), "short")):
        state = await world.want("a2", intent=intent, expected_position=TargetPosition(expected))
        assert state.warnings == ()
    state = await world.want("a2", intent=buy(1), expected_position=TargetPosition.FLAT)
    assert "long 4 contracts and short 2 contracts is held" in state.warnings[0]


async def test_a_warning_is_kept_over_a_restart_and_given_once(world: TradingWorld) -> None:
    request = world.request(leverage=Decimal(9), expected_position=TargetPosition.SHORT)
    world.journal.die_before = has_fact(OrderApproved)
    await world.submit(request)
    await world.quiet()
    await world.restart()
    await world.run_ms(1_000)
    state = await world.state(request)
    assert state.status is RequestStatus.FILLED
    assert len(state.warnings) == 1


@pytest.mark.parametrize(
    ("symbol", "intent", "quantity", "margin_share"),
    [(LINEAR, buy(4), "4", "0.2"), (SPOT, buy("0.2"), "0.2", "0"), (INVERSE, sell(7), "7", "0.2")],
)
async def test_a_dry_run_tells_size_value_margin_fee_and_the_order_that_it_would_send(
    world: TradingWorld, symbol: str, intent: Intent, quantity: str, margin_share: str
) -> None:
    request = world.request(symbol=symbol, intent=intent, dry_run=True, leverage=Decimal(5))
    (state,) = await world.ask(request)
    preview = state.preview
    assert preview is not None
    instrument = world.trading.hub.instruments[symbol]
    value = instrument.notional(Decimal(quantity), Decimal(world.price(symbol)))
    assert preview.quantity == Decimal(quantity)
    assert preview.notional == pytest.approx(
        instrument.notional_in_quote(Decimal(quantity), world.price(symbol)), rel=D("0.01")
    )
    assert preview.margin == pytest.approx(value * Decimal(margin_share), rel=D("0.01"))
    assert preview.fee == pytest.approx(value * Decimal("0.001" if symbol == SPOT else "0.0005"), rel=D("0.01"))
    (body,) = preview.bodies
    assert (body["symbol"], body["quantity"]) == (symbol, quantity)
    explanation = await world.explain(request.request_id)
    assert explanation.accounts[0].preview == preview
    assert f"client_order_id {body['client_order_id']}" in explanation_text(explanation)
    label = describe_request(state, "a1", instrument, {})
    assert label.quantity == quantity
    assert label.preview is not None
    assert label.preview.orders == preview.bodies


async def test_a_dry_run_of_a_flip_counts_margin_only_for_what_it_opens(world: TradingWorld) -> None:
    await world.want(intent=buy(3), leverage=Decimal(5))
    entry = world.request(intent=buy(1), order_type=OrderType.LIMIT, limit_price=world.price() - 100)
    await world.ask(entry)
    sold = await world.want(intent=sell(5), leverage=Decimal(5), dry_run=True)
    closed = await world.want(intent=Close(), dry_run=True)
    assert sold.preview is not None
    assert closed.preview is not None
    assert sold.preview.margin == pytest.approx(sold.preview.notional * 2 / 5 / 5, rel=D("0.0001"))
    assert (closed.preview.margin, closed.preview.quantity) == (D(0), D(3))
    (resting,) = await world.orders_of(entry)
    assert closed.preview.before == (f"cancel {resting.order_id}",)


@pytest.mark.parametrize("mode", [MarginMode.CROSS, MarginMode.ISOLATED])
async def test_the_margin_of_positions_is_not_told_as_available(world: TradingWorld, mode: MarginMode) -> None:
    await world.want(symbol=ETHER, intent=sell(3), leverage=Decimal(2), margin_mode=mode)
    request = world.request(intent=buy(10), leverage=Decimal(4), margin_mode=mode)
    await world.ask(request)
    book = world.desk().book
    margins = [
        initial_margin(world.trading.hub.instruments[one.symbol], one.quantity, one.entry_price, one.leverage)
        for one in book.positions.values()
    ]
    (balance,) = [one for one in (await world.explain(request.request_id)).accounts[0].balances if one.total > D(10)]
    assert len(margins) == 2
    assert balance.position_margin == sum(margins)
    assert balance.available == book.balances["USDT"].total - sum(margins)
    # The exchange says the same, but for the profit since.
    theirs = world.exchange.accounts.balances("a1")["USDT"]
    assert balance.available == pytest.approx(theirs.available, rel=D("0.001"))
    assert "margin of positions" in explanation_text(await world.explain(request.request_id))


async def test_the_venue_s_id_of_an_order_leads_to_its_explanation(world: TradingWorld) -> None:
    request = world.request(stop_loss_price=world.price() - 500)
    await world.ask(world.request(), request)
    (order,) = await world.orders_of(request)
    (stop,) = [one for one in await world.orders() if one.origin]
    by_our_id = await world.explain(order.order_id)
    assert await world.explain(order.venue_order_id) == by_our_id
    assert stop.venue_order_id != order.venue_order_id
    assert (await world.explain(stop.venue_order_id)).accounts == by_our_id.accounts


async def test_an_id_that_nothing_bears_is_searched_for_in_the_newest_orders_only(world: TradingWorld) -> None:
    await world.want()
    with pytest.raises(AssertionError, match="V-404"):
        await world.explain("V-404")
