"""One paper account behind the Venue port."""

from __future__ import annotations

from decimal import Decimal

from fairlead.core.model import reports as rp
from fairlead.core.model.account import MarginMode, PositionMode, PositionSide, VenueAccount
from fairlead.core.model.order import OUTSIDE, ApprovedOrder, Order
from fairlead.ports import DeliverReports, VenueCapabilities
from fairlead.simulator.orders import Canceled, Placed, Refused
from fairlead.venues.paper import wire
from fairlead.venues.paper.house import PaperHouse

_NOT_SAVED = "the paper venue could not save its books; the outcome is reported once it can"


class PaperVenue:
    """Places orders at the simulated exchange; an answer is given only after the exchange's books are durable."""

    def __init__(self, account: VenueAccount, house: PaperHouse) -> None:
        """Open the account at the house, from its saved books if there are any."""
        self._account = account
        self._house = house
        house.open_account(account)

    @property
    def capabilities(self) -> VenueCapabilities:
        """As OKX, but in our own process: nothing can be on its way to it when nobody is calling it."""
        return VenueCapabilities(
            deadlines=True,
            client_ids_lasting=False,
            late_arrivals=False,
            long_short_mode=True,
            attached_protection=True,
        )

    @property
    def position_mode(self) -> PositionMode:
        """As the exchange has it."""
        return self._house.exchange.accounts.position_mode(self._account.account_id)

    def listen(self, deliver: DeliverReports) -> None:
        """Hand later reports to ``deliver``."""
        self._house.listen(self._account.account_id, deliver)

    async def place_order(self, approved: ApprovedOrder) -> rp.PlaceOutcome:
        """Place one order; its reports are delivered before this returns."""
        order = approved.order
        now_ms = self._house.clock.now_ms()
        result = self._house.exchange.place(self._account.account_id, wire.new_order(order), now_ms=now_ms)
        saved = await self._house.publish()
        match result:
            case Placed():
                if not saved:
                    return rp.Unknown(message=_NOT_SAVED)
                return rp.Accepted(venue_order_id=result.venue_order_id, at_ms=now_ms)
            case Refused():
                return rp.Rejected(code=result.code, message=result.message)

    async def cancel_order(self, order: Order) -> rp.CancelOutcome:
        """Cancel what is left of an order."""
        result = self._house.exchange.cancel(
            self._account.account_id,
            client_order_id=order.order_id,
            # Somebody else's order may have no id of ours at all.
            venue_order_id=order.venue_order_id if order.origin == OUTSIDE else "",
            now_ms=self._house.clock.now_ms(),
        )
        saved = await self._house.publish()
        match result:
            case Canceled():
                return rp.Canceled() if saved else rp.Unknown(message=_NOT_SAVED)
            case Refused():
                return rp.Rejected(code=result.code, message=result.message)

    async def set_leverage(
        self,
        symbol: str,
        margin_mode: MarginMode,
        position_side: PositionSide,
        leverage: Decimal,
    ) -> rp.Rejected | rp.Unknown | None:
        """Set the leverage of an instrument; None is success."""
        result = self._house.exchange.set_leverage(
            self._account.account_id,
            symbol,
            leverage,
            margin_mode=margin_mode,
            position_side=position_side,
        )
        saved = await self._house.publish()
        if isinstance(result, Refused):
            return rp.Rejected(code=result.code, message=result.message)
        return None if saved else rp.Unknown(message=_NOT_SAVED)

    async def find_order(self, order: Order) -> rp.FindOutcome:
        """Every report about an order and its protection, or that the exchange does not know it."""
        account_id = self._account.account_id
        if not await self._house.catch_up():
            return rp.Unknown(message=_NOT_SAVED)
        found = self._house.exchange.accounts.find_order(account_id, order.order_id)
        if found is None and order.venue_order_id:
            found = self._house.exchange.accounts.find_venue_order(account_id, order.venue_order_id)
        if found is None:
            return rp.NoSuchOrder()
        reports = wire.whole_story(found, self._house.parent_order_id(account_id, found.parent_id))
        exits = self._house.exchange.accounts.find_exits(account_id, found.venue_order_id)
        return rp.VenueOrder(
            reports=reports if exits is None else (*reports, *wire.whole_story(exits, wire.order_id_of(found))),
        )

    async def read_account(self) -> rp.AccountReport | rp.Unknown:
        """Balances, positions and open orders now."""
        if not await self._house.catch_up():
            return rp.Unknown(message=_NOT_SAVED)
        account_id = self._account.account_id
        books = self._house.exchange.accounts
        open_orders = books.open_orders(account_id)
        return rp.AccountReport(
            balances={currency: row.total for currency, row in books.balances(account_id).items() if row.total},
            positions=tuple(wire.position(row) for row in books.positions(account_id)),
            open_order_ids=tuple(wire.order_id_of(order) for order in open_orders),
            at_ms=self._house.clock.now_ms(),
            open_orders=tuple(wire.outside(order) for order in open_orders if not order.filled_quantity),
        )
