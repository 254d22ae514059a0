"""Where orders meet: taken in, matched, left to rest, canceled, and everything that follows from a fill."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

import msgspec

from fairlead.core.model.money import ZERO
from fairlead.core.model.order import Liquidity
from fairlead.core.model.request import Side, TimeInForce
from fairlead.core.rules.matching import BookFill, MatchEnd, Resting, Taker
from fairlead.simulator.account import PositionKey
from fairlead.simulator.events import OrderCanceled, OrderOpened
from fairlead.simulator.funds import read_pool
from fairlead.simulator.holds import available, base_target, hold_for, opening_quantity, quote_target
from fairlead.simulator.market_maker import MAKER_OWNER
from fairlead.simulator.orders import (
    CancelReason,
    NewOrder,
    Order,
    OrderStatus,
    OrderType,
    QuantityUnit,
)
from fairlead.simulator.settlement import Settlement, Trade

if TYPE_CHECKING:
    from collections.abc import Callable

    from fairlead.simulator.account import Account
    from fairlead.simulator.market import Market
    from fairlead.simulator.world import World

FLOW_OWNER: Final = "~flow"
_TRIGGER_TYPES: Final = frozenset(
    {OrderType.STOP_MARKET, OrderType.STOP_LIMIT, OrderType.TAKE_PROFIT, OrderType.TRAILING_STOP, OrderType.OCO},
)
_END_REASONS: Final = {
    MatchEnd.SELF_TRADE: CancelReason.SELF_TRADE,
    MatchEnd.FILLS_MAX: CancelReason.MAKERS_MAX,
}


class Trading:
    """Runs orders against the books."""

    def __init__(self, world: World, settlement: Settlement) -> None:
        """Work on this world."""
        self._world = world
        self._settlement = settlement
        # Set by whoever attaches orders to orders; that part needs this one.
        self.grow_exits: Callable[[Account, Order], None] | None = None

    def take_in(self, account: Account, wish: NewOrder, *, parent_id: str = "") -> Order:
        """Make an order of a checked wish; a trigger order waits, another is live."""
        world = self._world
        number, venue_order_id = world.next_order()
        order = Order(
            account_id=account.account_id,
            number=number,
            venue_order_id=venue_order_id,
            wish=wish,
            quantity=wish.quantity,
            target_quantity=wish.quantity if wish.quantity_unit is QuantityUnit.NATIVE else ZERO,
            limit_price=wish.limit_price,
            created_ms=world.now_ms,
            updated_ms=world.now_ms,
            status=OrderStatus.WAITING if wish.order_type in _TRIGGER_TYPES else OrderStatus.LIVE,
            parent_id=parent_id,
        )
        account.pending[venue_order_id] = order
        if wish.client_order_id:
            account.pending_by_client[wish.client_order_id] = order
            if world.rules.client_ids_lasting:
                account.use_client_id(wish.client_order_id, world.rules.client_ids_kept_max)
        return order

    def report_opened(self, order: Order) -> None:
        """Report that an order is live or waits."""
        self._world.events.append(
            OrderOpened(
                account_id=order.account_id,
                client_order_id=order.client_order_id,
                venue_order_id=order.venue_order_id,
                symbol=order.symbol,
                side=order.side,
                status=order.status,
                category=order.category,
                parent_id=order.parent_id,
                at_ms=self._world.now_ms,
            ),
        )

    def run(self, order: Order) -> None:
        """Match a live order; what is left rests or is canceled."""
        world = self._world
        account = world.accounts[order.account_id]
        market = world.markets[order.symbol]
        self._set_target(account, order, market)
        taker = self._taker(order, market)
        if (
            order.wish.post_only
            and order.limit_price is not None
            and market.book.crosses(order.side, order.limit_price)
        ):
            self.cancel(order, CancelReason.POST_ONLY)
            return
        if order.wish.time_in_force is TimeInForce.FOK and market.book.fillable(taker) < taker.quantity:
            self.cancel(order, CancelReason.FILL_OR_KILL)
            return
        end = self.trade(market, taker, order) if taker.quantity else MatchEnd.BOOK_ENDED
        if not order.is_pending:
            return
        if order.limit_price is not None and order.wish.time_in_force is TimeInForce.GTC and end is MatchEnd.BOOK_ENDED:
            self.rest(account, order, market)
            return
        self.cancel(order, _END_REASONS.get(end) or self._leftover_reason(order))

    def _set_target(self, account: Account, order: Order, market: Market) -> None:
        if not market.instrument.is_spot or order.limit_price is not None:
            return
        taker = self._taker(order, market)
        instrument = market.instrument
        is_buy = order.side is Side.BUY
        have = available(self._world, account, instrument.quote_currency if is_buy else instrument.base_currency)
        if order.wish.quantity_unit is QuantityUnit.QUOTE:
            order.target_quantity = quote_target(order, market, taker, have)
        elif is_buy:
            order.target_quantity = base_target(order, market, taker, have)

    @staticmethod
    def _taker(order: Order, market: Market) -> Taker:
        limit = order.limit_price
        return Taker(
            owner=order.account_id,
            side=order.side,
            quantity=order.target_quantity - order.filled_quantity,
            limit_price=market.worst_price(order.side) if limit is None else limit,
            prevention=order.wish.self_trade_prevention,
        )

    @staticmethod
    def _leftover_reason(order: Order) -> CancelReason:
        if order.limit_price is not None:
            return CancelReason.IMMEDIATE_OR_CANCEL
        return CancelReason.PRICE_LIMIT if order.target_quantity else CancelReason.BALANCE_USED_UP

    def trade(self, market: Market, taker: Taker, order: Order | None) -> MatchEnd:
        """Match a taker (an order, or the flow of others when None) and settle every fill as it comes."""
        while True:
            match = market.book.match(taker)
            for order_id in match.canceled:
                self._finish_canceled(self._world.resting[order_id], CancelReason.SELF_TRADE)
            for fill in match.fills:
                self._settle(market, taker.side, order, fill)
            if match.end is not MatchEnd.SOLO and (order is not None or match.end is not MatchEnd.FILLS_MAX):
                return match.end
            taker = msgspec.structs.replace(taker, quantity=match.leaves)

    def _settle(self, market: Market, side: Side, order: Order | None, fill: BookFill) -> None:
        trade_id = str(market.note_trade(fill.price, fill.quantity, side, self._world.now_ms))
        if order is not None:
            self._settle_order(market, order, Trade(trade_id, fill.price, fill.quantity, Liquidity.TAKER))
        if fill.owner != MAKER_OWNER:
            maker = self._world.resting[fill.order_id]
            self._settle_order(market, maker, Trade(trade_id, fill.price, fill.quantity, Liquidity.MAKER))
        elif not fill.maker_leaves:
            market.maker.note_taken(fill.order_id)

    def settle_takeover(self, order: Order, trade: Trade) -> None:
        """Settle a position that the liquidation engine takes over: no book, no counterparty."""
        self._settle_order(self._world.markets[order.symbol], order, trade)

    def _settle_order(self, market: Market, order: Order, trade: Trade) -> None:
        world = self._world
        account = world.accounts[order.account_id]
        settled = self._settlement.settle(order, market, trade)
        if not order.is_pending:
            self._finish(account, order)
        elif order.reserved:
            account.hold(order, *hold_for(world, account, order))
        if self.grow_exits is not None and order.wish.exits is not None:
            self.grow_exits(account, order)
        if settled.position is not None and len(account.pending) > (1 if order.is_pending else 0):
            self.fit_reduce_only(account, settled.position.key)
            self._fit_holds(account, settled.position.key)

    def rest(self, account: Account, order: Order, market: Market) -> None:
        """Let what is left of a limit order wait in the book, holding what it may need."""
        assert order.limit_price is not None, order
        order.opening_quantity = opening_quantity(account, order.wish, order.leaves_quantity)
        account.hold(order, *hold_for(self._world, account, order))
        self._world.resting[order.venue_order_id] = order
        self._world.touched[account.account_id] = account
        market.book.add(
            Resting(
                order_id=order.venue_order_id,
                owner=account.account_id,
                side=order.side,
                price=order.limit_price,
                quantity=order.leaves_quantity,
                solo=is_solo(order),
            ),
        )
        if order.reduces:
            self.fit_reduce_only(account, PositionKey(order.symbol, order.wish.margin_mode, order.wish.position_side))

    def fit_reduce_only(self, account: Account, key: PositionKey) -> None:
        """Cancel reduce-only orders that are more than the position: the best priced keep their place (OKX API v5)."""
        position = account.positions.get(key)
        room = ZERO if position is None else abs(position.quantity)
        closers = [order for order in account.pending.values() if _closes(order, key)]
        if position is None:
            for order in closers:
                self.cancel(order, CancelReason.POSITION_CLOSED)
            return
        closing_side = Side.SELL if position.quantity > ZERO else Side.BUY
        resting = [order for order in closers if order.venue_order_id in self._world.resting]
        resting.sort(key=_price_priority)
        for order in resting:
            if order.side is not closing_side or order.leaves_quantity > room:
                self.cancel(order, CancelReason.REDUCE_ONLY)
            else:
                room -= order.leaves_quantity

    def _fit_holds(self, account: Account, key: PositionKey) -> None:
        # An order that was to close may open now that the position is smaller: it needs margin, or goes.
        for order in list(account.pending.values()):
            wish = order.wish
            if (wish.symbol, wish.margin_mode, wish.position_side) != key or order.reduces:
                continue
            resting = self._world.markets[key.symbol].book.find(order.venue_order_id)
            opening = opening_quantity(account, wish, order.leaves_quantity)
            # What the book has matched already and is about to be settled is left alone.
            is_settled = resting is not None and resting.quantity == order.leaves_quantity
            if resting is None or not is_settled or opening == order.opening_quantity:
                continue
            order.opening_quantity = opening
            resting.solo = is_solo(order)
            currency, needed = hold_for(self._world, account, order)
            more = needed - order.reserved
            if more > ZERO and more > read_pool(self._world, account, currency).free_margin:
                self.cancel(order, CancelReason.BALANCE_USED_UP)
            else:
                account.hold(order, currency, needed)

    def cancel(self, order: Order, reason: CancelReason) -> None:
        """End an order where it is."""
        if order.venue_order_id in self._world.resting:
            self._world.markets[order.symbol].book.cancel(order.venue_order_id)
        self._finish_canceled(order, reason)

    def _finish_canceled(self, order: Order, reason: CancelReason) -> None:
        order.status = OrderStatus.CANCELED
        order.cancel_reason = reason
        self._finish(self._world.accounts[order.account_id], order)
        self._report_canceled(order, reason)

    def _report_canceled(self, order: Order, reason: CancelReason) -> None:
        self._world.events.append(
            OrderCanceled(
                account_id=order.account_id,
                client_order_id=order.client_order_id,
                venue_order_id=order.venue_order_id,
                symbol=order.symbol,
                reason=reason,
                filled_quantity=order.filled_quantity,
                at_ms=self._world.now_ms,
            ),
        )

    def finish_shrunk(self, order: Order) -> None:
        """End an order that was amended down to what it has filled."""
        self._world.markets[order.symbol].book.cancel(order.venue_order_id)
        order.status = OrderStatus.FILLED
        order.target_quantity = order.quantity = order.filled_quantity
        self._finish(self._world.accounts[order.account_id], order)

    def finish_rejected(self, order: Order, code: str) -> None:
        """End an order that could not act when its trigger fired."""
        order.status = OrderStatus.REJECTED
        order.reject_code = code
        self._finish(self._world.accounts[order.account_id], order)

    def _finish(self, account: Account, order: Order) -> None:
        order.updated_ms = self._world.now_ms
        account.release(order)
        self._world.resting.pop(order.venue_order_id, None)
        account.pending.pop(order.venue_order_id, None)
        if account.pending_by_client.get(order.client_order_id) is order:
            del account.pending_by_client[order.client_order_id]
        self._world.remember(account, order)
        self._world.touched[account.account_id] = account


def is_solo(order: Order) -> bool:
    """Whether what came before it must be settled first: it closes, in whole or in part."""
    return order.reduces or (order.reserved_currency != "" and order.opening_quantity < order.leaves_quantity)


def _closes(order: Order, key: PositionKey) -> bool:
    wish = order.wish
    is_its_position = (wish.symbol, wish.margin_mode, wish.position_side) == key
    return is_its_position and order.reduces


def _price_priority(order: Order) -> tuple[Decimal, int]:
    price = order.limit_price or ZERO
    return (-price if order.side is Side.BUY else price), order.number
