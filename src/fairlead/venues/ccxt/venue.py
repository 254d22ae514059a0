"""One account at an exchange that ccxt knows, behind the Venue port."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Final

from fairlead.core.model import reports as rp
from fairlead.core.model.account import MarginMode, PositionMode, PositionSide, VenueAccount
from fairlead.core.model.order import ApprovedOrder, Order
from fairlead.ports import Clock, DeliverReports, VenueCapabilities
from fairlead.venues.ccxt import wire
from fairlead.venues.ccxt.client import CcxtKeys, Exchange, Row
from fairlead.venues.ccxt.following import Follower, open_ids
from fairlead.venues.ccxt.markets import MarketNames
from fairlead.venues.ccxt.outcomes import NOT_CONNECTED, is_missing, outcome_of
from fairlead.venues.ccxt.traits import Traits, capabilities_of

NOT_OFFERED: Final = "not_offered"
MS_PER_SECOND: Final = 1_000


class CcxtVenue:
    """Places orders through ccxt, and follows them by asking."""

    def __init__(self, account: VenueAccount, client: Exchange, traits: Traits, clock: Clock) -> None:
        """Take a client of this account; the exchange is asked for its markets when it is first needed."""
        self._client = client
        self._traits = traits
        self._clock = clock
        self._names = MarketNames(client)
        self._follower = Follower(client, self._names, clock, traits.trades_cursor)
        self._position_mode = account.position_mode
        self._is_ready = False

    @property
    def capabilities(self) -> VenueCapabilities:
        """As declared for the exchange; what nobody declared is not promised."""
        return capabilities_of(self._traits, long_short_mode=bool(self._client.has.get("setPositionMode")))

    @property
    def position_mode(self) -> PositionMode:
        """As the exchange has it, once it was asked; before, as the account is set up."""
        return self._position_mode

    def listen(self, deliver: DeliverReports) -> None:
        """Hand later reports to ``deliver``."""
        self._follower.listen(deliver)

    async def run(self) -> None:
        """Follow open orders for ever; without it nothing is reported."""
        await self._follower.run()

    def take_keys(self, keys: CcxtKeys) -> None:
        """Sign with these from now on."""
        self._client.take_keys(keys)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def place_order(self, approved: ApprovedOrder) -> rp.PlaceOutcome:
        """Send one order; its fills are reported when the exchange is next asked."""
        order = approved.order
        try:
            await self._prepare()
            wish = self._wish(order)
        except wire.NotOfferedError as error:
            return rp.Rejected(code=NOT_OFFERED, message=str(error))
        except Exception as error:
            return rp.Rejected(code=NOT_CONNECTED, message=f"nothing was sent: {type(error).__name__}")
        try:
            # The library holds requests back for its rate limit: none of ours may leave after its deadline.
            async with asyncio.timeout((order.deadline_ms - self._clock.now_ms()) / MS_PER_SECOND):
                placed = await self._send(wish)
        except TimeoutError:
            return rp.Unknown(message="no answer before the order's deadline; it is not sent after it")
        except Exception as error:
            return outcome_of(error, self._traits)
        venue_order_id = str(placed.get("id") or "")
        if not venue_order_id:
            return rp.Unknown(message="the exchange's answer names no order")
        self._follower.follow(order, venue_order_id)
        return rp.Accepted(venue_order_id=venue_order_id, at_ms=self._clock.now_ms())

    async def cancel_order(self, order: Order) -> rp.CancelOutcome:
        """Cancel what is left of an order."""
        try:
            await self._prepare()
            venue_order_id, params = self._address(order)
            await self._client.cancel_order(venue_order_id, self._theirs(order.symbol), params)
        except wire.NotOfferedError as error:
            return rp.Rejected(code=NOT_OFFERED, message=str(error))
        except Exception as error:
            return outcome_of(error, self._traits)
        self._follower.ask_soon()
        return rp.Canceled()

    async def set_leverage(
        self,
        symbol: str,
        margin_mode: MarginMode,
        position_side: PositionSide,
        leverage: Decimal,
    ) -> rp.Rejected | rp.Unknown | None:
        """Set the leverage of an instrument; None is success."""
        # ccxt compares it with numbers: a whole one is exact, and no exchange takes other fractions than a float holds.
        number = int(leverage) if leverage == leverage.to_integral_value() else float(leverage)
        params: Row = {"marginMode": margin_mode.value}
        if position_side is not PositionSide.NET and margin_mode is MarginMode.ISOLATED:
            params["posSide"] = position_side.value
        try:
            await self._prepare()
            await self._client.set_leverage(number, self._theirs(symbol), params)
        except wire.NotOfferedError as error:
            return rp.Rejected(code=NOT_OFFERED, message=str(error))
        except Exception as error:
            return outcome_of(error, self._traits)
        return None

    async def find_order(self, order: Order) -> rp.FindOutcome:
        """Every report about an order, or that the exchange does not know it; followed from now on if it is open."""
        try:
            await self._prepare()
            venue_order_id, params = self._address(order)
            found = await self._client.fetch_order(venue_order_id, self._theirs(order.symbol), params)
            reports = await self._follower.read_story(order, found)
        except wire.NotOfferedError as error:
            return rp.Unknown(message=str(error))
        except Exception as error:
            return (
                rp.NoSuchOrder() if is_missing(error) else rp.Unknown(message=f"not answered: {type(error).__name__}")
            )
        if reports is None:
            return rp.Unknown(message="the exchange does not list all trades of this order yet")
        if not wire.is_over(found):
            self._follower.follow(order, str(found["id"]))
        return rp.VenueOrder(reports=reports)

    async def read_account(self) -> rp.AccountReport | rp.Unknown:
        """Cash, holdings and open orders now."""
        try:
            await self._prepare()
            balance = await self._client.fetch_balance()
            held = await self._client.fetch_positions() if self._client.has.get("fetchPositions") else ()
            resting = await self._client.fetch_open_orders()
            return rp.AccountReport(
                balances=wire.cash(balance, self._traits.cash),
                positions=tuple(wire.positions(held, self._names)),
                open_order_ids=open_ids(resting, self._follower),
                at_ms=self._clock.now_ms(),
            )
        except Exception as error:
            return rp.Unknown(message=f"the account could not be read: {type(error).__name__}")

    async def _prepare(self) -> None:
        # Raises where the key was taken away: then nothing is sent.
        self._client.check_required_credentials()
        if self._is_ready:
            return
        await self._names.load()
        perpetual = self._names.perpetual()
        if perpetual is not None and self._client.has.get("fetchPositionMode"):
            self._position_mode = wire.position_mode(await self._client.fetch_position_mode(perpetual))
        self._is_ready = True

    def _wish(self, order: Order) -> wire.Wish:
        wish = wire.new_order(order, self._theirs(order.symbol), has_client_ids=self._traits.client_order_ids)
        if wish.is_cost and not self._client.has.get("createMarketBuyOrderWithCost"):
            raise wire.NotOfferedError("this exchange takes no market order that counts quote currency")
        # ccxt cuts off what does not fit the exchange's steps; an order must not become another one on its way.
        sent = wish.amount if wish.is_cost else self._client.amount_to_precision(wish.symbol, wish.amount)
        price = None if wish.price is None else self._client.price_to_precision(wish.symbol, wish.price)
        is_same = Decimal(sent) == order.quantity and (price is None or Decimal(price) == order.limit_price)
        if not is_same:
            raise wire.NotOfferedError(f"the exchange takes no such size or price: it would become {sent} at {price}")
        return wish

    async def _send(self, wish: wire.Wish) -> Row:
        if wish.is_cost:
            return await self._client.create_market_buy_order_with_cost(wish.symbol, wish.amount, wish.params)
        return await self._client.create_order(
            wish.symbol, wish.order_type, wish.side, wish.amount, wish.price, wish.params
        )

    def _address(self, order: Order) -> tuple[str, Row]:
        """How the exchange knows an order: by its own id, or else by ours."""
        if order.venue_order_id:
            return order.venue_order_id, {}
        if not self._traits.client_order_ids:
            raise wire.NotOfferedError("this exchange cannot be asked by our id: a person must look it up there")
        return "", {wire.CLIENT_ORDER_ID: order.order_id}

    def _theirs(self, symbol: str) -> str:
        theirs = self._names.theirs(symbol)
        if theirs is None:
            raise wire.NotOfferedError(f"the exchange has no {symbol}")
        return theirs
