"""Positions of perpetuals as the venue keeps them for a replayed account, and which fills closed them.

Bots keep a ledger each; the venue nets what they hold of an instrument. Losing streaks and pauses after an exit count
from closes of that, as ``core/rules/trade_log.py`` hears them live.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from fairlead.backtest.account import Holder
from fairlead.backtest.checks.risk_view import ACCOUNT, TENANT, Held
from fairlead.backtest.liquidation import LIQUIDATED
from fairlead.backtest.result import Fill
from fairlead.core.model.account import MarginMode, Position, PositionSide
from fairlead.core.model.bots.deal import Deal
from fairlead.core.model.money import ONE, ZERO
from fairlead.core.model.request import Side
from fairlead.core.model.trades import ClosedTrade
from fairlead.core.rules.position_state import apply_fill
from fairlead.core.rules.trade_log import closes_with_loss


class Closes:
    """Follows the fills of an account's bots, each before its bot books it."""

    def __init__(self, bots: Sequence[Holder]) -> None:
        """Follow these, which may still join."""
        self._bots = bots
        self._positions: dict[str, Position] = {}

    def hear(self, fill: Fill) -> ClosedTrade | None:
        """What a fill of a perpetual closed; None: nothing.

        Its time is that of the candle. Every order of a replay is a request of its own, so none is a further leg of
        the one that closed.
        """
        instrument = self._bots[fill.bot].instrument
        before = self._positions.get(instrument.symbol) or self._begin(instrument.symbol)
        side = Side.BUY if fill.is_buy else Side.SELL
        after, _ = apply_fill(before, side, fill.price, fill.quantity, fill.fee, instrument)
        self._positions[instrument.symbol] = after
        is_loss = closes_with_loss(before, after, fill.fee)
        if is_loss is None:
            return None
        return ClosedTrade(
            at_ms=fill.at_ms,
            asset=instrument.base_currency,
            request_id="",
            is_loss=is_loss,
            by_stop=fill.slot == LIQUIDATED,
        )

    def _begin(self, symbol: str) -> Position:
        """What bots hold before the first fill: some go on from where they stood."""
        held = net_holding(symbol, [one for one in self._bots if one.instrument.symbol == symbol])
        return Position(
            tenant=TENANT,
            account_id=ACCOUNT,
            symbol=symbol,
            position_side=PositionSide.NET,
            margin_mode=MarginMode.CROSS,
            leverage=ONE,
            quantity=held.quantity,
            entry_price=held.entry_price,
        )


def signed(deal: Deal) -> Decimal:
    """What a deal holds, with the sign of its direction."""
    return deal.quantity if deal.is_long else -deal.quantity


def net_holding(symbol: str, bots: Sequence[Holder]) -> Held:
    """What bots hold together; the venue nets it into one position at the average of all entries."""
    quantity = sum((signed(one.deal) for one in bots), ZERO)
    instrument = bots[0].instrument
    if instrument.is_spot or not quantity:
        return Held(symbol, quantity)
    cost = sum((one.deal.cost if one.deal.is_long else -one.deal.cost for one in bots), ZERO)
    size = quantity * instrument.contract_value
    return Held(symbol, quantity, abs(size / cost if instrument.is_inverse else cost / size) if cost else ZERO)
