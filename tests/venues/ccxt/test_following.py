"""What the ccxt venue does beyond the contract of venues, on an exchange that speaks OKX."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from fairlead.core.model.account import MarginMode, PositionMode
from fairlead.core.model.order import Order, OrderStatus
from fairlead.core.model.reports import Accepted, Rejected, Unknown, VenueOrder
from fairlead.core.model.request import OrderType, Side
from fairlead.core.model.secret import Secret
from fairlead.simulator.orders import NewOrder, Placed
from fairlead.simulator.orders import OrderType as SimulatedType
from fairlead.venues.ccxt.client import CcxtConnection, CcxtKeys, UnsupportedExchangeError, open_client
from fairlead.venues.ccxt.survey import Support, survey_all
from fairlead.venues.ccxt.traits import Traits
from fairlead.venues.ccxt.venue import NOT_OFFERED, CcxtVenue
from tests.contracts.venue_worlds import CcxtWorld
from tests.venues.paper_world import approve

pytestmark = pytest.mark.slow

SPOT = "BTC-USDT"
PIECES = 130
ATTEMPTS = 5
KEY = {"apiKey": "k1", "secret": "s1", "password": "p1"}


@pytest.fixture(name="there")
async def _there() -> AsyncIterator[CcxtWorld]:
    world = CcxtWorld(PositionMode.NET)
    await world.start()
    yield world
    await world.close()


def sell_in_pieces(there: CcxtWorld, attempt: int) -> None:
    """Somebody else sells a little many times, to the best bid."""
    there.exchange.open_account(f"other{attempt}", balances={"BTC": Decimal(10)})
    for number in range(PIECES):
        wish = NewOrder(
            client_order_id=f"piece{attempt}x{number}",
            symbol=SPOT,
            side=Side.SELL,
            order_type=SimulatedType.MARKET,
            quantity=Decimal("0.001"),
            margin_mode=MarginMode.CASH,
        )
        assert isinstance(there.exchange.place(f"other{attempt}", wish, now_ms=there.now_ms()), Placed)


async def buy_in_pieces(there: CcxtWorld, attempt: int) -> tuple[Order, Order]:
    """Rest at the best bid until somebody has sold into it; the order, and as it ended."""
    order = there.order(
        attempt,
        symbol=SPOT,
        margin_mode=MarginMode.CASH,
        order_type=OrderType.LIMIT,
        limit_price=there.exchange.markets.quote(SPOT).ask - Decimal("0.1"),
        quantity=Decimal("0.001") * PIECES,
    )
    assert isinstance(await there.venue.place_order(approve(order)), Accepted)
    sell_in_pieces(there, attempt)
    state = await there.end_of(order)
    assert (state.status, state.filled_quantity) == (OrderStatus.FILLED, order.quantity)
    return order, state


async def test_an_order_with_more_fills_than_a_page_holds_is_told_whole(there: CcxtWorld) -> None:
    await there.venue.read_account()
    order, state = await buy_in_pieces(there, 1)
    for attempt in range(2, ATTEMPTS + 1):
        # Prices move meanwhile, and then it may be filled at once.
        if len(state.trade_ids) > 100:
            break
        order, state = await buy_in_pieces(there, attempt)
    assert len(state.trade_ids) > 100
    found = await there.venue.find_order(order)
    assert isinstance(found, VenueOrder)
    assert there.state_of(order, list(found.reports)).trade_ids == state.trade_ids


async def test_an_order_that_waits_for_a_rate_limit_does_not_leave_after_its_deadline(there: CcxtWorld) -> None:
    await there.venue.read_account()
    there.hold_back()
    order = there.order(deadline_ms=there.now_ms() + 200)
    assert isinstance(await there.venue.place_order(approve(order)), Unknown)
    there.let_go()
    await there.venue.read_account()
    assert not there.exchange.accounts.positions("k1")


async def test_what_the_exchange_would_round_is_not_sent(there: CcxtWorld) -> None:
    outcome = await there.venue.place_order(approve(there.order(quantity=Decimal("1.005"))))
    assert isinstance(outcome, Rejected)
    assert outcome.code == NOT_OFFERED
    assert not there.exchange.accounts.positions("k1")


async def test_a_stop_that_cannot_be_attached_keeps_the_order_back(there: CcxtWorld) -> None:
    order = there.order(stop_loss_price=there.price("BTC-USDT-SWAP", "0.9"))
    outcome = await there.venue.place_order(approve(order))
    assert isinstance(outcome, Rejected)
    assert "nothing was placed" in outcome.message


async def test_without_its_key_an_account_sends_nothing_until_it_has_another(there: CcxtWorld) -> None:
    await there.venue.read_account()
    there.ccxt_venue.take_keys(CcxtKeys(fields={"apiKey": Secret(""), "secret": Secret(""), "password": Secret("")}))
    outcome = await there.venue.place_order(approve(there.order()))
    assert isinstance(outcome, Rejected)
    assert "nothing was sent" in outcome.message
    there.ccxt_venue.take_keys(CcxtKeys(fields={name: Secret(text) for name, text in KEY.items()}))
    assert isinstance(await there.venue.place_order(approve(there.order(2))), Accepted)


async def test_nothing_is_promised_of_an_exchange_that_nobody_described(there: CcxtWorld) -> None:
    venue = CcxtVenue(there.account, there.client, Traits(), there.clock)
    promised = venue.capabilities
    assert not any((promised.deadlines, promised.client_ids_lasting, promised.attached_protection))
    assert promised.late_arrivals
    # Without an id of ours there is nothing to ask by, so the doubt stays for a person.
    assert isinstance(await venue.find_order(there.order()), Unknown)


def test_an_exchange_where_orders_cannot_be_followed_is_not_opened() -> None:
    unsupported = next(one.exchange for one in survey_all() if one.support is Support.UNSUPPORTED)
    with pytest.raises(UnsupportedExchangeError):
        open_client(CcxtConnection(exchange=unsupported), lambda: CcxtKeys(fields={}))
