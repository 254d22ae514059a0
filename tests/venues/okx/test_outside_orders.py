"""Orders that somebody else placed on an account: described while nothing is filled, canceled by OKX's number."""

from __future__ import annotations

from decimal import Decimal

from fairlead.core.model.order import OUTSIDE
from fairlead.core.model.reports import AccountReport, Canceled
from fairlead.core.model.request import OrderType, Side
from fairlead.simulator.orders import NewOrder, Placed
from fairlead.simulator.orders import OrderType as VenueOrderType
from tests.venues.okx.okx_floor import SWAP, open_floor


async def test_an_outside_order_is_described_and_can_be_canceled() -> None:
    async with open_floor() as floor:
        trader = floor.trader()
        exchange = floor.okx.exchange
        price = floor.price(SWAP) * Decimal("0.97") // 1
        wish = NewOrder(
            client_order_id="",
            symbol=SWAP,
            side=Side.BUY,
            order_type=VenueOrderType.LIMIT,
            quantity=Decimal(4),
            limit_price=price,
        )
        placed = exchange.place(floor.members[0].key.account_id, wish, now_ms=floor.clock.now_ms())
        assert isinstance(placed, Placed)
        report = await trader.venue.read_account()
        assert isinstance(report, AccountReport)
        (born,) = report.open_orders
        assert report.open_order_ids == (born.order_id,)
        assert (born.origin, born.symbol, born.order_type) == (OUTSIDE, SWAP, OrderType.LIMIT)
        assert (born.quantity, born.limit_price) == (Decimal(4), price)
        order = trader.resting(
            order_id=born.order_id, venue_order_id=born.venue_order_id, origin=OUTSIDE, request_id=""
        )
        assert isinstance(await trader.venue.cancel_order(order), Canceled)
        after = await trader.venue.read_account()
        assert isinstance(after, AccountReport)
        assert after.open_order_ids == ()
