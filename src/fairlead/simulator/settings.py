"""Settings of an account and cash changed by hand."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from fairlead.core.model.account import MarginMode, PositionSide
from fairlead.core.model.money import ONE, ZERO
from fairlead.simulator.events import BalanceReason, LeverageChanged
from fairlead.simulator.funds import keep_rate, read_pool, unrealized
from fairlead.simulator.ledger import Entry, House
from fairlead.simulator.margin import initial_margin
from fairlead.simulator.orders import Done, OrderStatus, Refused
from fairlead.simulator.refusals import Code, refuse

if TYPE_CHECKING:
    from fairlead.core.model.account import PositionMode
    from fairlead.simulator.account import Account, Position, PositionKey
    from fairlead.simulator.settlement import Settlement
    from fairlead.simulator.world import World


class Settings:
    """Changes how an account trades, and what it has."""

    def __init__(self, world: World, settlement: Settlement) -> None:
        """Work on this world."""
        self._world = world
        self._settlement = settlement

    def set_position_mode(self, account: Account, position_mode: PositionMode) -> Done | Refused:
        """Switch between net and long/short; refused while anything is open."""
        if position_mode is account.position_mode:
            return Done()
        if account.positions or account.pending:
            return refuse(Code.SETTING_BLOCKED)
        account.position_mode = position_mode
        account.leverages.clear()
        return Done()

    def set_leverage(self, account: Account, key: PositionKey, leverage: Decimal) -> Done | Refused:
        """Set the leverage of an instrument; margin of positions follows."""
        market = self._world.markets.get(key.symbol)
        if market is None or market.instrument.is_spot:
            return refuse(Code.INSTRUMENT_UNKNOWN)
        if leverage < ONE or key.margin_mode is MarginMode.CASH:
            return refuse(Code.PARAMETER_WRONG, name="lever")
        if leverage > market.instrument.leverage_max:
            return refuse(Code.LEVERAGE_ABOVE_MAX)
        key = account.leverage_key(*key)
        if account.leverages.get(key) == leverage:
            return Done()
        refusal = _check_orders(account, key) or self._move_margin(account, key, leverage)
        if refusal is not None:
            return refusal
        account.leverages[key] = leverage
        self._world.touched[account.account_id] = account
        self._world.events.append(
            LeverageChanged(
                account_id=account.account_id,
                symbol=key.symbol,
                margin_mode=key.margin_mode,
                position_side=key.position_side,
                leverage=leverage,
                at_ms=self._world.now_ms,
            ),
        )
        return Done()

    def _move_margin(self, account: Account, key: PositionKey, leverage: Decimal) -> Refused | None:
        positions = [position for position in account.positions.values() if _uses(account, position, key)]
        if not positions:
            return None
        instrument = self._world.markets[key.symbol].instrument
        currency = instrument.settle_currency
        pool = read_pool(self._world, account, currency)
        if key.margin_mode is MarginMode.CROSS:
            more = sum((self._cross_margin_more(position, leverage) for position in positions), ZERO)
            if more > max(ZERO, pool.free_margin):
                return refuse(Code.LEVERAGE_EQUITY_SHORT)
        else:
            refusal = self._move_isolated(positions[0], leverage, pool.available)
            if refusal is not None:
                return refusal
        for position in positions:
            position.leverage = leverage
            self._settlement.report_position(account, position)
        return None

    def _cross_margin_more(self, position: Position, leverage: Decimal) -> Decimal:
        market = self._world.markets[position.symbol]
        value = market.instrument.notional(abs(position.quantity), market.mark)
        return value / leverage - value / position.leverage

    def _move_isolated(self, position: Position, leverage: Decimal, available: Decimal) -> Refused | None:
        market = self._world.markets[position.symbol]
        instrument = market.instrument
        margin = initial_margin(instrument, position.quantity, position.entry_price, leverage)
        if margin - position.margin > available:
            return refuse(Code.LEVERAGE_EQUITY_SHORT)
        keep = instrument.notional(abs(position.quantity), market.mark) * keep_rate(self._world, instrument)
        if margin + unrealized(market, position) <= keep:
            return refuse(Code.LEVERAGE_MARGIN_SHORT)
        position.margin = margin
        return None

    def deposit(self, account: Account, currency: str, amount: Decimal) -> Done | Refused:
        """Add cash by hand."""
        if amount <= ZERO:
            return refuse(Code.PARAMETER_WRONG, name="amt")
        self._move_cash(account, Entry(currency, amount), BalanceReason.DEPOSIT)
        return Done()

    def withdraw(self, account: Account, currency: str, amount: Decimal) -> Done | Refused:
        """Take available cash out by hand."""
        if amount <= ZERO:
            return refuse(Code.PARAMETER_WRONG, name="amt")
        if amount > read_pool(self._world, account, currency).available:
            return refuse(Code.CASH_SHORT, currency=currency)
        self._move_cash(account, Entry(currency, -amount), BalanceReason.WITHDRAWAL)
        return Done()

    def _move_cash(self, account: Account, entry: Entry, reason: BalanceReason) -> None:
        self._world.ledger.post(account, entry, House.OUTSIDE)
        self._world.touched[account.account_id] = account
        self._settlement.report_balance(account, entry, reason)


def _uses(account: Account, position: Position, key: PositionKey) -> bool:
    return account.leverage_key(position.symbol, position.margin_mode, position.position_side) == key


def _check_orders(account: Account, key: PositionKey) -> Refused | None:
    # Orders hold margin at the leverage they were placed with.
    for order in account.pending.values():
        wish = order.wish
        is_here = (wish.symbol, wish.margin_mode) == (key.symbol, key.margin_mode)
        is_side = key.position_side in {PositionSide.NET, wish.position_side}
        if is_here and is_side and order.status is not OrderStatus.WAITING and order.reserved:
            is_cross = key.margin_mode is MarginMode.CROSS
            return refuse(Code.LEVERAGE_CROSS_ORDERS if is_cross else Code.LEVERAGE_ISOLATED_ORDERS)
    return None
