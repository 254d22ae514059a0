"""What an account can spend: cash, what is held of it, and the margin of its positions at the mark."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from fairlead.core.model.account import MarginMode
from fairlead.core.model.money import ZERO, ceil_to_step
from fairlead.simulator.margin import AMOUNT_STEP, profit

if TYPE_CHECKING:
    from fairlead.core.model.account import PositionSide
    from fairlead.core.model.instrument import Instrument
    from fairlead.simulator.account import Account, Position
    from fairlead.simulator.market import Market
    from fairlead.simulator.world import World


class Pool(NamedTuple):
    """One currency of one account. ``cross_keep`` is the maintenance margin plus closing fee of its cross positions."""

    total: Decimal
    reserved: Decimal
    isolated_margin: Decimal
    isolated_pnl: Decimal
    cross_initial: Decimal
    cross_keep: Decimal
    cross_pnl: Decimal

    @property
    def free_margin(self) -> Decimal:
        """What new positions may use; open cross profit counts."""
        return self.total - self.reserved - self.isolated_margin - self.cross_initial + self.cross_pnl

    @property
    def available(self) -> Decimal:
        """What may be spent or withdrawn; open profit does not count, open loss does."""
        return max(ZERO, self.free_margin - max(ZERO, self.cross_pnl))

    @property
    def cross_equity(self) -> Decimal:
        """What stands behind the cross positions."""
        return self.total - self.reserved - self.isolated_margin + self.cross_pnl

    @property
    def equity(self) -> Decimal:
        """Cash with all open profit and loss."""
        return self.total + self.isolated_pnl + self.cross_pnl


def read_pool(world: World, account: Account, currency: str) -> Pool:
    """Add up one currency of an account."""
    isolated_margin = isolated_pnl = cross_initial = cross_keep = cross_pnl = ZERO
    for position in account.positions.values():
        market = world.markets[position.symbol]
        instrument = market.instrument
        if instrument.settle_currency != currency:
            continue
        gain = profit(instrument, position.quantity, position.entry_price, market.mark)
        if position.margin_mode is MarginMode.ISOLATED:
            isolated_margin += position.margin
            isolated_pnl += gain
        else:
            value = instrument.notional(abs(position.quantity), market.mark)
            cross_initial += ceil_to_step(value / position.leverage, AMOUNT_STEP)
            cross_keep += value * keep_rate(world, instrument)
            cross_pnl += gain
    return Pool(
        account.totals.get(currency, ZERO),
        account.reserved.get(currency, ZERO),
        isolated_margin,
        isolated_pnl,
        cross_initial,
        cross_keep,
        cross_pnl,
    )


def keep_rate(world: World, instrument: Instrument) -> Decimal:
    """Fraction of a position's value below which its margin may not fall: maintenance rate + fee of closing."""
    return instrument.maintenance_margin_rate + world.rules.fees.perpetual_taker


def unrealized(market: Market, position: Position) -> Decimal:
    """P&L of a position at the mark."""
    return profit(market.instrument, position.quantity, position.entry_price, market.mark)


def leverage_of(
    world: World,
    account: Account,
    symbol: str,
    margin_mode: MarginMode,
    position_side: PositionSide,
) -> Decimal:
    """Leverage that counts for new orders."""
    key = account.leverage_key(symbol, margin_mode, position_side)
    chosen = account.leverages.get(key)
    if chosen is None:
        return min(world.rules.leverage_default, world.markets[symbol].instrument.leverage_max)
    return chosen


def margin_rate(world: World, leverage: Decimal) -> Decimal:
    """Part of the notional that an opening order needs: initial margin and the fee."""
    return 1 / leverage + world.rules.fees.perpetual_taker
