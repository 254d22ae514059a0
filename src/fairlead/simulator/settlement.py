"""What one trade does to one account: cash, fee, position, and the facts about it."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from fairlead.core.model.account import MarginMode
from fairlead.core.model.money import ZERO
from fairlead.core.model.order import Liquidity
from fairlead.core.model.request import Side
from fairlead.simulator.account import Position, PositionKey
from fairlead.simulator.events import BalanceChanged, BalanceReason, OrderFilled, PositionChanged
from fairlead.simulator.funds import leverage_of
from fairlead.simulator.ledger import Entry, House
from fairlead.simulator.margin import entry_average, entry_cost, fee_amount, initial_margin, profit, round_to_user
from fairlead.simulator.orders import OrderCategory, OrderFill, OrderStatus

if TYPE_CHECKING:
    from fairlead.core.model.instrument import Instrument
    from fairlead.simulator.account import Account
    from fairlead.simulator.market import Market
    from fairlead.simulator.orders import Order
    from fairlead.simulator.world import World


class Trade(NamedTuple):
    """One execution as the book made it."""

    trade_id: str
    price: Decimal
    quantity: Decimal
    liquidity: Liquidity


class Settled(NamedTuple):
    """What a trade cost and earned."""

    fee: Decimal
    fee_currency: str
    pnl: Decimal
    changes: tuple[Entry, ...]
    position: Position | None


class Settlement:
    """Books trades into accounts."""

    __slots__ = ("_world",)

    def __init__(self, world: World) -> None:
        """Work on this world."""
        self._world = world

    def settle(self, order: Order, market: Market, trade: Trade) -> Settled:
        """Book one trade of an order and report it."""
        account = self._world.accounts[order.account_id]
        if market.instrument.is_spot:
            settled = self._settle_spot(account, order.side, market.instrument, trade)
        else:
            settled = self._settle_perpetual(account, order, market.instrument, trade)
        self._note_fill(order, market.instrument, trade, settled)
        self.report_changes(account, order, settled)
        self._world.touched[account.account_id] = account
        return settled

    def _settle_spot(self, account: Account, side: Side, instrument: Instrument, trade: Trade) -> Settled:
        base, quote = instrument.base_currency, instrument.quote_currency
        cost = trade.quantity * trade.price
        fees = self._world.rules.fees
        rate = fees.spot_maker if trade.liquidity is Liquidity.MAKER else fees.spot_taker
        # The fee is taken from what is received.
        got, gave = (Entry(base, trade.quantity), Entry(quote, -cost))
        if side is Side.SELL:
            got, gave = (Entry(quote, cost), Entry(base, -trade.quantity))
        fee = fee_amount(rate, got.amount)
        ledger = self._world.ledger
        ledger.post(account, gave, House.CLEARING)
        ledger.post(account, got, House.CLEARING)
        ledger.post(account, Entry(got.currency, -fee), House.FEES)
        return Settled(fee, got.currency, ZERO, (gave, Entry(got.currency, got.amount - fee)), None)

    def _settle_perpetual(self, account: Account, order: Order, instrument: Instrument, trade: Trade) -> Settled:
        wish = order.wish
        position = self._position(account, PositionKey(wish.symbol, wish.margin_mode, wish.position_side))
        pnl = self._move_position(position, instrument, order.side, trade)
        fees = self._world.rules.fees
        rate = fees.perpetual_maker if trade.liquidity is Liquidity.MAKER else fees.perpetual_taker
        fee = fee_amount(rate, instrument.notional(trade.quantity, trade.price))
        position.fee += fee
        position.realized_pnl += pnl
        position.updated_ms = self._world.now_ms
        currency = instrument.settle_currency
        if pnl:
            self._world.ledger.post(account, Entry(currency, pnl), House.CLEARING)
        self._world.ledger.post(account, Entry(currency, -fee), House.FEES)
        if not position.quantity:
            self.drop_position(account, position)
        return Settled(fee, currency, pnl, (Entry(currency, pnl - fee),), position)

    def _position(self, account: Account, key: PositionKey) -> Position:
        position = account.positions.get(key)
        if position is None:
            world = self._world
            position = Position(
                symbol=key.symbol,
                margin_mode=key.margin_mode,
                position_side=key.position_side,
                leverage=leverage_of(world, account, *key),
                number=world.next_position(),
                opened_ms=world.now_ms,
            )
            account.positions[key] = position
            world.holders[key.symbol][account.account_id, key] = position
        return position

    def _move_position(self, position: Position, instrument: Instrument, side: Side, trade: Trade) -> Decimal:
        held = position.quantity
        is_buy = side is Side.BUY
        closing = min(abs(held), trade.quantity) if held and (held > ZERO) is not is_buy else ZERO
        pnl = ZERO
        if closing:
            part = closing if held > ZERO else -closing
            pnl = round_to_user(profit(instrument, part, position.entry_price, trade.price))
            position.quantity = held - part
            position.entry_cost = entry_cost(instrument, abs(position.quantity), position.entry_price)
            position.margin -= (
                round_to_user(position.margin * closing / abs(held)) if position.quantity else position.margin
            )
        opening = trade.quantity - closing
        if opening:
            position.entry_cost += entry_cost(instrument, opening, trade.price)
            is_first = not position.quantity
            position.quantity += opening if is_buy else -opening
            # A quotient would be rounded; one price alone is what it is.
            position.entry_price = (
                trade.price if is_first else entry_average(instrument, abs(position.quantity), position.entry_cost)
            )
            if position.margin_mode is MarginMode.ISOLATED:
                position.margin += initial_margin(instrument, opening, trade.price, position.leverage)
        return pnl

    def drop_position(self, account: Account, position: Position) -> None:
        """Forget a position that is flat."""
        position.margin = ZERO
        del account.positions[position.key]
        del self._world.holders[position.symbol][account.account_id, position.key]

    def _note_fill(self, order: Order, instrument: Instrument, trade: Trade, settled: Settled) -> None:
        now_ms = self._world.now_ms
        is_first = not order.filled_quantity
        order.filled_quantity += trade.quantity
        order.filled_cost += entry_cost(instrument, trade.quantity, trade.price)
        order.average_price = (
            trade.price if is_first else entry_average(instrument, order.filled_quantity, order.filled_cost)
        )
        order.fee += settled.fee
        order.fee_currency = settled.fee_currency
        order.realized_pnl += settled.pnl
        order.updated_ms = now_ms
        is_last = order.filled_quantity >= order.target_quantity
        order.status = OrderStatus.FILLED if is_last else OrderStatus.PARTIALLY_FILLED
        fill = OrderFill(
            trade_id=trade.trade_id,
            price=trade.price,
            quantity=trade.quantity,
            fee=settled.fee,
            fee_currency=settled.fee_currency,
            liquidity=trade.liquidity,
            realized_pnl=settled.pnl,
            at_ms=now_ms,
        )
        order.fills.append(fill)
        self._world.events.append(
            OrderFilled(
                account_id=order.account_id,
                client_order_id=order.client_order_id,
                venue_order_id=order.venue_order_id,
                symbol=order.symbol,
                side=order.side,
                trade_id=fill.trade_id,
                price=fill.price,
                quantity=fill.quantity,
                filled_quantity=order.filled_quantity,
                fee=fill.fee,
                fee_currency=fill.fee_currency,
                liquidity=fill.liquidity,
                realized_pnl=fill.realized_pnl,
                is_last=is_last,
                at_ms=now_ms,
            ),
        )

    def report_changes(self, account: Account, order: Order, settled: Settled) -> None:
        """Report the cash that moved and the position as it is now."""
        is_liquidation = order.category is OrderCategory.LIQUIDATION
        reason = BalanceReason.LIQUIDATION if is_liquidation else BalanceReason.TRADE
        for entry in settled.changes:
            self.report_balance(account, entry, reason, symbol=order.symbol, venue_order_id=order.venue_order_id)
        if settled.position is not None:
            self.report_position(account, settled.position)

    def report_balance(
        self, account: Account, entry: Entry, reason: BalanceReason, *, symbol: str = "", venue_order_id: str = ""
    ) -> None:
        """Report cash that moved."""
        self._world.events.append(
            BalanceChanged(
                account_id=account.account_id,
                currency=entry.currency,
                change=entry.amount,
                total=account.totals.get(entry.currency, ZERO),
                reason=reason,
                symbol=symbol,
                venue_order_id=venue_order_id,
                at_ms=self._world.now_ms,
            ),
        )

    def report_position(self, account: Account, position: Position) -> None:
        """Report a position as it is now."""
        self._world.events.append(
            PositionChanged(
                account_id=account.account_id,
                symbol=position.symbol,
                margin_mode=position.margin_mode,
                position_side=position.position_side,
                quantity=position.quantity,
                entry_price=position.entry_price,
                margin=position.margin,
                leverage=position.leverage,
                realized_pnl=position.realized_pnl,
                at_ms=self._world.now_ms,
            ),
        )
