"""What an owner sees of an account, and anybody of the market: copies, never the books themselves."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from fairlead.core.model.account import FeeRates, MarginMode, PositionMode, PositionSide
from fairlead.core.model.market import Quote
from fairlead.core.model.money import ZERO
from fairlead.core.model.request import Side
from fairlead.core.rules.matching import Taker
from fairlead.simulator.account import PositionKey
from fairlead.simulator.funds import Pool, keep_rate, leverage_of, margin_rate, read_pool, unrealized
from fairlead.simulator.gate import pending_closes
from fairlead.simulator.holds import lots_below, worst_sweep_price
from fairlead.simulator.liquidation import find_liquidation_price
from fairlead.simulator.market import PublicTrade
from fairlead.simulator.orders import Order

if TYPE_CHECKING:
    from fairlead.simulator.account import Account, Position
    from fairlead.simulator.funding import Funding
    from fairlead.simulator.world import World


class BalanceView(msgspec.Struct, frozen=True, kw_only=True):
    """One currency. ``reserved`` is held by open orders; ``available`` may be spent or withdrawn.

    ``available_margin`` is what new positions may use: open cross profit counts there.
    """

    currency: str
    total: Decimal
    available: Decimal
    reserved: Decimal
    available_margin: Decimal
    isolated_margin: Decimal
    cross_initial_margin: Decimal
    cross_maintenance_margin: Decimal
    unrealized_pnl: Decimal
    equity: Decimal


class PositionView(msgspec.Struct, frozen=True, kw_only=True):
    """One holding. ``quantity`` is signed in net mode, positive in long/short mode; ``signed_quantity`` always signed.

    ``margin`` is its own when isolated and its initial margin at the mark when cross. ``margin_ratio`` at 1 or below
    means liquidation. P&L excludes fees and funding; ``fee`` positive = paid, ``funding`` positive = received.
    """

    symbol: str
    margin_mode: MarginMode
    position_side: PositionSide
    quantity: Decimal
    signed_quantity: Decimal
    available_quantity: Decimal
    entry_price: Decimal
    mark_price: Decimal
    leverage: Decimal
    notional: Decimal
    margin: Decimal
    maintenance_margin: Decimal
    margin_ratio: Decimal
    liquidation_price: Decimal | None
    unrealized_pnl: Decimal
    realized_pnl: Decimal
    fee: Decimal
    funding: Decimal
    number: int
    opened_ms: int
    updated_ms: int


class BookView(msgspec.Struct, frozen=True, kw_only=True):
    """Best levels as (price, quantity), best first."""

    symbol: str
    bids: tuple[tuple[Decimal, Decimal], ...]
    asks: tuple[tuple[Decimal, Decimal], ...]
    trade_number: int
    at_ms: int


class PriceLimits(msgspec.Struct, frozen=True, kw_only=True):
    """The band: no buy above, no sell below."""

    highest_buy: Decimal
    lowest_sell: Decimal


class FundingView(msgspec.Struct, frozen=True, kw_only=True):
    """The rate that the next settlement will use, and when."""

    symbol: str
    rate: Decimal
    at_ms: int


class OrderQuantityMax(msgspec.Struct, frozen=True, kw_only=True):
    """Largest order of either side, in the instrument's unit."""

    buy: Decimal
    sell: Decimal


class AccountViews:
    """Questions about one account."""

    def __init__(self, world: World) -> None:
        """Look at this world."""
        self._world = world

    def position_mode(self, account_id: str) -> PositionMode:
        """Net or long/short."""
        return self._world.accounts[account_id].position_mode

    def balances(self, account_id: str) -> dict[str, BalanceView]:
        """Every currency that is or was held."""
        account = self._world.accounts[account_id]
        return {currency: self.balance(account_id, currency) for currency in account.totals}

    def balance(self, account_id: str, currency: str) -> BalanceView:
        """One currency."""
        pool = read_pool(self._world, self._world.accounts[account_id], currency)
        return BalanceView(
            currency=currency,
            total=pool.total,
            available=pool.available,
            reserved=pool.reserved,
            available_margin=pool.free_margin,
            isolated_margin=pool.isolated_margin,
            cross_initial_margin=pool.cross_initial,
            cross_maintenance_margin=pool.cross_keep,
            unrealized_pnl=pool.isolated_pnl + pool.cross_pnl,
            equity=pool.equity,
        )

    def positions(self, account_id: str) -> list[PositionView]:
        """All holdings that are not flat."""
        account = self._world.accounts[account_id]
        return [self._position(account, position) for position in account.positions.values()]

    def position_number(self, account_id: str, key: PositionKey) -> int | None:
        """The number of a holding, if it is not flat."""
        held = self._world.accounts[account_id].positions.get(key)
        return None if held is None else held.number

    def _position(self, account: Account, position: Position) -> PositionView:
        world = self._world
        market = world.markets[position.symbol]
        instrument = market.instrument
        is_cross = position.margin_mode is MarginMode.CROSS
        pool = read_pool(world, account, instrument.settle_currency) if is_cross else None
        gain = unrealized(market, position)
        notional = instrument.notional(abs(position.quantity), market.mark)
        keep = notional * keep_rate(world, instrument)
        is_net = position.position_side is PositionSide.NET
        return PositionView(
            symbol=position.symbol,
            margin_mode=position.margin_mode,
            position_side=position.position_side,
            quantity=position.quantity if is_net else abs(position.quantity),
            signed_quantity=position.quantity,
            available_quantity=max(ZERO, abs(position.quantity) - pending_closes(account, position.key)),
            entry_price=position.entry_price,
            mark_price=market.mark,
            leverage=position.leverage,
            notional=notional,
            margin=notional / position.leverage if is_cross else position.margin,
            maintenance_margin=notional * instrument.maintenance_margin_rate,
            margin_ratio=_margin_ratio(pool, position, gain, keep),
            liquidation_price=find_liquidation_price(world, position, market, pool),
            unrealized_pnl=gain,
            realized_pnl=position.realized_pnl,
            fee=position.fee,
            funding=position.funding,
            number=position.number,
            opened_ms=position.opened_ms,
            updated_ms=position.updated_ms,
        )

    def open_orders(self, account_id: str) -> list[Order]:
        """Orders that can still do something, oldest first."""
        return [copy_order(order) for order in self._world.accounts[account_id].pending.values()]

    def find_order(self, account_id: str, client_order_id: str) -> Order | None:
        """Return the newest order of this client order id with its fills, pending or lately finished."""
        account = self._world.accounts[account_id]
        order = account.pending_by_client.get(client_order_id) or account.finished_by_client.get(client_order_id)
        return None if order is None else copy_order(order)

    def find_venue_order(self, account_id: str, venue_order_id: str) -> Order | None:
        """Return an order by the exchange's id, pending or lately finished."""
        account = self._world.accounts[account_id]
        order = account.pending.get(venue_order_id) or account.finished.get(venue_order_id)
        return None if order is None else copy_order(order)

    def find_exits(self, account_id: str, venue_order_id: str) -> Order | None:
        """Return the order that protects what an order has filled, if it has one."""
        account = self._world.accounts[account_id]
        order = account.pending.get(venue_order_id) or account.finished.get(venue_order_id)
        return self.find_venue_order(account_id, order.exits_id) if order is not None and order.exits_id else None

    def finished_orders(self, account_id: str) -> list[Order]:
        """Lately finished orders, oldest first."""
        return [copy_order(order) for order in self._world.accounts[account_id].finished.values()]

    def leverage(
        self,
        account_id: str,
        symbol: str,
        margin_mode: MarginMode,
        position_side: PositionSide = PositionSide.NET,
    ) -> Decimal:
        """Leverage that new orders will use."""
        return leverage_of(self._world, self._world.accounts[account_id], symbol, margin_mode, position_side)

    def max_order_quantity(
        self,
        account_id: str,
        symbol: str,
        *,
        margin_mode: MarginMode = MarginMode.CROSS,
        price: Decimal | None = None,
        leverage: Decimal | None = None,
    ) -> OrderQuantityMax:
        """Largest order the funds allow at a price (the touch without one): base for spot, contracts for perpetuals."""
        account = self._world.accounts[account_id]
        market = self._world.markets[symbol]
        if market.instrument.is_spot:
            return self._max_spot(account, symbol, price)
        chosen = leverage or leverage_of(self._world, account, symbol, margin_mode, PositionSide.NET)
        pool = read_pool(self._world, account, market.instrument.settle_currency)
        rate = margin_rate(self._world, chosen)
        held = account.positions.get(PositionKey(symbol, margin_mode, PositionSide.NET))
        sizes = []
        for side in (Side.BUY, Side.SELL):
            budget = max(ZERO, pool.free_margin) / rate
            size = budget / market.instrument.notional(Decimal(1), price or market.touch(side))
            if price is None:
                # A market order of this size would go deeper into the book, where the margin is dearer.
                taker = Taker(owner=account_id, side=side, quantity=size, limit_price=market.worst_price(side))
                size = budget / market.instrument.notional(Decimal(1), worst_sweep_price(market, taker))
            if held is not None and (held.quantity > ZERO) is (side is Side.SELL):
                size += abs(held.quantity)
            sizes.append(lots_below(market.instrument, size))
        return OrderQuantityMax(buy=sizes[0], sell=sizes[1])

    def _max_spot(self, account: Account, symbol: str, price: Decimal | None) -> OrderQuantityMax:
        market = self._world.markets[symbol]
        instrument = market.instrument
        quote = read_pool(self._world, account, instrument.quote_currency).available
        base = read_pool(self._world, account, instrument.base_currency).available
        return OrderQuantityMax(
            buy=lots_below(instrument, quote / (price or market.touch(Side.BUY))),
            sell=lots_below(instrument, base),
        )


class MarketViews:
    """Questions anybody may ask."""

    def __init__(self, world: World, funding: Funding) -> None:
        """Look at this world."""
        self._world = world
        self._funding = funding

    @property
    def fees(self) -> FeeRates:
        """What every member is charged."""
        return self._world.rules.fees

    def quote(self, symbol: str) -> Quote:
        """Best bid and ask with last, mark and index price."""
        market = self._world.markets[symbol]
        bid, bid_quantity = market.best(Side.BUY)
        ask, ask_quantity = market.best(Side.SELL)
        return Quote(
            symbol=symbol,
            bid=bid,
            bid_quantity=bid_quantity,
            ask=ask,
            ask_quantity=ask_quantity,
            last=market.last,
            mark=market.mark,
            index=market.index,
            at_ms=self._world.now_ms,
            funding_rate=None if market.instrument.is_spot else self._next_rate(symbol),
        )

    def _next_rate(self, symbol: str) -> Decimal:
        return self._funding.rate(symbol, self._funding.next_time(self._world.now_ms))

    def book(self, symbol: str, depth: int = 20) -> BookView:
        """Best levels of both sides."""
        market = self._world.markets[symbol]
        return BookView(
            symbol=symbol,
            bids=tuple(market.book.depth(Side.BUY, depth)),
            asks=tuple(market.book.depth(Side.SELL, depth)),
            trade_number=market.trade_number,
            at_ms=self._world.now_ms,
        )

    def trades(self, symbol: str, *, after_number: int = 0) -> list[PublicTrade]:
        """Latest trades with a greater number, oldest first."""
        return [trade for trade in self._world.markets[symbol].tape if trade.number > after_number]

    def price_limits(self, symbol: str) -> PriceLimits:
        """Return the band of now."""
        market = self._world.markets[symbol]
        return PriceLimits(highest_buy=market.worst_price(Side.BUY), lowest_sell=market.worst_price(Side.SELL))

    def band(self, symbol: str) -> Decimal:
        """How far from the index an order may be priced, as a fraction."""
        return self._world.markets[symbol].band

    @property
    def funding_interval_ms(self) -> int:
        """Time between two settlements."""
        return self._world.rules.funding_interval_ms

    @property
    def funding_rate_max(self) -> Decimal:
        """Largest rate of a settlement, either way."""
        return self._world.rules.funding_rate_max

    def funding_rate_at(self, symbol: str, at_ms: int) -> Decimal:
        """Rate of the settlement at a moment, past or coming."""
        return self._funding.rate(symbol, at_ms)

    def open_interest(self, symbol: str) -> Decimal:
        """Contracts that members hold long, or short if that is more (the house has the other side)."""
        held = [position.quantity for position in self._world.holders[symbol].values()]
        longs = sum((quantity for quantity in held if quantity > ZERO), ZERO)
        return max(longs, -sum((quantity for quantity in held if quantity < ZERO), ZERO))

    def funding(self, symbol: str) -> FundingView:
        """Next settlement of a perpetual."""
        at_ms = self._funding.next_time(self._world.now_ms)
        return FundingView(symbol=symbol, rate=self._funding.rate(symbol, at_ms), at_ms=at_ms)


def copy_order(order: Order) -> Order:
    """Copy an order, so that its reader cannot change the exchange."""
    return msgspec.structs.replace(order, fills=list(order.fills))


def _margin_ratio(pool: Pool | None, position: Position, gain: Decimal, keep: Decimal) -> Decimal:
    if pool is not None:
        return pool.cross_equity / pool.cross_keep
    return (position.margin + gain) / keep
