"""Liquidation: who is near it sleeps on a tripwire; who has reached it is closed at the bankruptcy price."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from fairlead.core.model.account import MarginMode
from fairlead.core.model.money import ZERO
from fairlead.core.model.order import Liquidity
from fairlead.core.model.request import Side
from fairlead.simulator.events import BalanceReason
from fairlead.simulator.funds import Pool, keep_rate, read_pool, unrealized
from fairlead.simulator.ledger import Entry, House
from fairlead.simulator.margin import liquidation_price, profit, round_to_user
from fairlead.simulator.orders import CancelReason, NewOrder, OrderCategory, OrderType
from fairlead.simulator.settlement import Trade
from fairlead.simulator.tripwires import Tripwires

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fairlead.simulator.account import Account, Position
    from fairlead.simulator.market import Market
    from fairlead.simulator.settlement import Settlement
    from fairlead.simulator.trading import Trading
    from fairlead.simulator.world import World

# An account and the number of its last measurement: wires of earlier ones are stale.
Alarm = tuple[str, int]


class Liquidation:
    """Watches margins. Only accounts that traded, or whose alarm price was reached, are looked at."""

    def __init__(self, world: World, settlement: Settlement, trading: Trading) -> None:
        """Work on this world."""
        self._world = world
        self._settlement = settlement
        self._trading = trading
        self._wires: dict[str, Tripwires[Alarm]] = {symbol: Tripwires() for symbol in world.markets}
        self._measured: dict[str, int] = {}
        self._measurements = 0

    def check(self) -> None:
        """Liquidate whom the marks have reached, then measure anew whoever was touched."""
        world = self._world
        for symbol, wires in self._wires.items():
            mark = world.markets[symbol].mark
            for account_id, number in wires.pop_touched(mark, mark):
                if self._measured.get(account_id) == number:
                    world.touched[account_id] = world.accounts[account_id]
        touched, world.touched = world.touched, {}
        for account in touched.values():
            self._look_at(account)
        # Closing has touched accounts again; what is left of them is looked at once more.
        touched, world.touched = world.touched, {}
        for account in touched.values():
            self._look_at(account)

    def _look_at(self, account: Account) -> None:
        if account.positions:
            self._measure(account)
        else:
            self._measured.pop(account.account_id, None)
        # Whoever closed beyond bankruptcy in a thin book owes as well.
        for currency in [currency for currency, total in account.totals.items() if total < ZERO]:
            self.cover(account, currency)

    def _measure(self, account: Account) -> None:
        world = self._world
        for position in list(account.positions.values()):
            if position.margin_mode is MarginMode.ISOLATED and self._is_isolated_due(position):
                self._liquidate_isolated(account, position)
        currencies = {
            world.markets[position.symbol].instrument.settle_currency: None
            for position in account.positions.values()
            if position.margin_mode is MarginMode.CROSS
        }
        pools: dict[str, Pool] = {}
        was_due = False
        for currency in currencies:
            pool = pools[currency] = read_pool(world, account, currency)
            if pool.cross_equity <= pool.cross_keep:
                self._liquidate_cross(account, currency)
                was_due = True
        self._arm(account, {one: read_pool(world, account, one) for one in pools} if was_due else pools)

    def _arm(self, account: Account, pools: Mapping[str, Pool]) -> None:
        self._measurements += 1
        number = self._measurements
        self._measured[account.account_id] = number
        counts = {currency: len(self._cross_positions(account, currency)) for currency in pools}
        for position in account.positions.values():
            market = self._world.markets[position.symbol]
            wires = self._wires[position.symbol]
            currency = market.instrument.settle_currency
            price = self._alarm_price(position, market, pools.get(currency), counts.get(currency, 0))
            if price is None:
                continue
            if position.quantity > ZERO:
                wires.arm_below(price, number, (account.account_id, number))
            else:
                wires.arm_above(price, number, (account.account_id, number))
            wires.sweep(self._is_current)

    def _is_current(self, alarm: Alarm) -> bool:
        return self._measured.get(alarm[0]) == alarm[1]

    def _cross_positions(self, account: Account, currency: str) -> list[Position]:
        return [
            position
            for position in account.positions.values()
            if position.margin_mode is MarginMode.CROSS
            and self._world.markets[position.symbol].instrument.settle_currency == currency
        ]

    def _alarm_price(self, position: Position, market: Market, pool: Pool | None, count: int) -> Decimal | None:
        if position.margin_mode is MarginMode.ISOLATED or pool is None:
            return find_liquidation_price(self._world, position, market, None)
        # While no position loses more than its share of the slack, all of them together do not lose all of it.
        slack = (pool.cross_equity - pool.cross_keep) / count
        rate = keep_rate(self._world, market.instrument)
        margin = slack + rate * market.instrument.notional(abs(position.quantity), market.mark)
        return liquidation_price(market.instrument, position.quantity, market.mark, margin, rate)

    def _is_isolated_due(self, position: Position) -> bool:
        market = self._world.markets[position.symbol]
        keep = market.instrument.notional(abs(position.quantity), market.mark) * keep_rate(
            self._world, market.instrument
        )
        return position.margin + unrealized(market, position) <= keep

    def _liquidate_isolated(self, account: Account, position: Position) -> None:
        for order in [order for order in account.pending.values() if _is_on(order.wish, position)]:
            self._trading.cancel(order, CancelReason.LIQUIDATION)
        market = self._world.markets[position.symbol]
        self._close(account, position, position.margin + unrealized(market, position))
        self.cover(account, market.instrument.settle_currency)

    def _liquidate_cross(self, account: Account, currency: str) -> None:
        world = self._world
        for order in list(account.pending.values()):
            instrument = world.markets[order.symbol].instrument
            if order.is_pending and currency in {order.reserved_currency, instrument.settle_currency}:
                self._trading.cancel(order, CancelReason.LIQUIDATION)
        pool = read_pool(world, account, currency)
        if pool.cross_equity > pool.cross_keep:
            return
        for position in self._cross_positions(account, currency):
            market = world.markets[position.symbol]
            keep = market.instrument.notional(abs(position.quantity), market.mark) * keep_rate(world, market.instrument)
            self._close(account, position, pool.cross_equity * keep / pool.cross_keep)
        self.cover(account, currency)

    def _close(self, account: Account, position: Position, equity: Decimal) -> None:
        """Take a position over at the price where its equity is used up, fee included."""
        world = self._world
        market = world.markets[position.symbol]
        instrument = market.instrument
        quantity = position.quantity
        price = self._bankruptcy_price(position, market, equity)
        wish = NewOrder(
            client_order_id="",
            symbol=position.symbol,
            side=Side.SELL if quantity > ZERO else Side.BUY,
            order_type=OrderType.LIMIT,
            quantity=abs(quantity),
            limit_price=price,
            reduce_only=True,
            margin_mode=position.margin_mode,
            position_side=position.position_side,
        )
        order = self._trading.take_in(account, wish)
        order.category = OrderCategory.LIQUIDATION
        self._trading.report_opened(order)
        trade_id = str(market.note_takeover())
        self._trading.settle_takeover(order, Trade(trade_id, price, abs(quantity), Liquidity.TAKER))
        # The insurance fund holds the position from this price to the mark: its gain, or the shortfall it covers.
        gain = round_to_user(profit(instrument, quantity, price, market.mark))
        world.ledger.move(Entry(instrument.settle_currency, gain), source=House.CLEARING, target=House.INSURANCE)

    def _bankruptcy_price(self, position: Position, market: Market, equity: Decimal) -> Decimal:
        instrument = market.instrument
        fee_rate = self._world.rules.fees.perpetual_taker
        price = liquidation_price(instrument, position.quantity, market.mark, equity, fee_rate)
        if price is None:
            price = market.mark
        if position.quantity > ZERO:
            return instrument.round_price_up(price)
        return max(instrument.tick_size, instrument.round_price_down(price))

    def cover(self, account: Account, currency: str) -> None:
        """Let the insurance fund pay what an account without positions in a currency owes, on record."""
        pool = read_pool(self._world, account, currency)
        owed = -pool.total
        if owed <= ZERO or pool.equity > ZERO:
            return
        entry = Entry(currency, owed)
        self._world.ledger.post(account, entry, House.INSURANCE)
        self._settlement.report_balance(account, entry, BalanceReason.INSURANCE)


def find_liquidation_price(world: World, position: Position, market: Market, pool: Pool | None) -> Decimal | None:
    """Mark price at which a position is liquidated; for cross with everything else as it is."""
    instrument = market.instrument
    rate = keep_rate(world, instrument)
    if position.margin_mode is MarginMode.ISOLATED or pool is None:
        return liquidation_price(instrument, position.quantity, position.entry_price, position.margin, rate)
    value = instrument.notional(abs(position.quantity), market.mark)
    margin = pool.cross_equity - pool.cross_keep + rate * value
    return liquidation_price(instrument, position.quantity, market.mark, margin, rate)


def _is_on(wish: NewOrder, position: Position) -> bool:
    return (wish.symbol, wish.margin_mode, wish.position_side) == position.key
