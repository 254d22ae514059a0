"""Shows the replayed account to the risk gate, and follows the loss ladder where it matters."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import numpy as np

from fairlead.backtest.account import Holder, ReplayAccount
from fairlead.backtest.book import OrderBook
from fairlead.backtest.checks.closes import Closes, net_holding, signed
from fairlead.backtest.checks.risk_gate import RiskGate
from fairlead.backtest.checks.risk_view import AccountNow, Picture, Resting
from fairlead.backtest.result import Fill
from fairlead.core.model.bots.decision import Want
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.money import ONE, ZERO
from fairlead.core.model.request import Side
from fairlead.market.candles.series import Floats, Ticks


class AccountGate:
    """The gate of one run.

    ``is_careful`` follows the loss ladder from close to close. Without it nothing is believed to be lost, and whoever
    made the run asks ``RiskGate.losses.matters`` of its equity afterwards.
    """

    def __init__(self, gate: RiskGate, account: ReplayAccount, *, is_careful: bool) -> None:
        """Judge for the bots of an account, which join it in the order of their numbers."""
        self.gate = gate
        self._account = account
        self._bots = account.holders
        self._is_careful = is_careful
        self._closes = Closes(account.holders)
        self._seen_ms = 0

    @property
    def may_enter(self) -> bool:
        """Whether anything may be opened: after a halt that only a person ends nothing may, and nothing rests."""
        return not self._is_careful or not self.gate.losses.is_halted

    def scaled(self, quantity: Decimal, instrument: Instrument) -> Decimal:
        """What the loss ladder leaves of a quantity that opens, in whole lots."""
        factor = self.gate.losses.standing.size_factor
        return quantity if factor >= ONE else instrument.round_quantity_down(quantity * factor)

    def follow(self, until_ms: int) -> None:
        """See the account's equity at every close until a time, with what its bots hold now."""
        if not self._is_careful or until_ms <= self._seen_ms:
            return
        closes = [one.series.closed_ms for one in self._bots]
        spans = [
            own[np.searchsorted(own, self._seen_ms, "right") : np.searchsorted(own, until_ms, "right")]
            for own in closes
        ]
        times = spans[0] if len(spans) == 1 else np.unique(np.concatenate(spans))
        equity = np.full(len(times), float(self._account.cash))
        for bot, own in zip(self._bots, closes, strict=True):
            equity += _worths(bot, np.searchsorted(own, times, "right") - 1)
        self.gate.losses.follow(times, equity)
        self._seen_ms = until_ms

    def check(self, bot: int, want: Want, quantity: Decimal, at_ms: int) -> str:
        """Why an order may not be, in words; empty when it may."""
        return self.gate.check(bot, want, quantity, self.now(bot), at_ms)

    def hear(self, fill: Fill) -> None:
        """Remember what a fill closes of a perpetual; of spot nothing is known, as live."""
        if self._bots[fill.bot].instrument.is_spot:
            return
        closed = self._closes.hear(fill)
        if closed is not None:
            self.gate.note_close(closed)

    def now(self, bot: int) -> AccountNow:
        """The account at this moment, for a bot that decides."""
        own = self._bots[bot]
        symbol, deal = own.instrument.symbol, own.deal
        if len(self._bots) == 1:
            held = signed(deal)
            value = held * own.instrument.contract_value * own.price
            exits, resting = _exits(own.book), len(own.book.orders)
            gross, prices = abs(value), {symbol: own.price}
        else:
            same = [one for one in self._bots if one.instrument.symbol == symbol]
            held = sum((signed(one.deal) for one in same), ZERO)
            exits = sum((_exits(one.book) for one in same), ZERO)
            resting = sum(len(one.book.orders) for one in self._bots)
            prices = {one.instrument.symbol: one.price for one in self._bots}
            gross = sum(
                (abs(one.instrument.notional_in_quote(one.deal.quantity, one.price)) for one in self._bots), ZERO
            )
        return AccountNow(
            cash=self._account.cash,
            equity=self._account.equity,
            gross=gross,
            prices=prices,
            resting=resting,
            held=held,
            free=abs(held) - exits,
            picture=self._picture,
            entry_price=ZERO if own.instrument.is_spot else self._entry(symbol),
        )

    def _entry(self, symbol: str) -> Decimal:
        return next((one.entry_price for one in self._picture().held if one.symbol == symbol), ZERO)

    def _picture(self) -> Picture:
        held = tuple(net_holding(symbol, bots) for symbol, bots in self._by_symbol().items())
        resting = [
            Resting(
                number,
                one.want.slot,
                one.want.side is Side.BUY,
                one.want.opens,
                one.quantity,
                one.price,
            )
            for number, bot in enumerate(self._bots)
            for one in bot.book.orders.values()
        ]
        return Picture(tuple(one for one in held if one.quantity), resting)

    def _by_symbol(self) -> Mapping[str, list[Holder]]:
        found: dict[str, list[Holder]] = {}
        for bot in self._bots:
            found.setdefault(bot.instrument.symbol, []).append(bot)
        return found


def _worths(bot: Holder, candles: Ticks) -> Floats:
    """What closing would add to cash at the closes of some candles; before the first one, at its open."""
    deal, instrument = bot.deal, bot.instrument
    if not deal.quantity:
        return np.zeros(len(candles))
    price = bot.series.close[np.maximum(candles, 0)].astype(np.float64) * float(bot.series.tick)
    size = float(deal.quantity * instrument.contract_value)
    value: Floats = size / price if instrument.is_inverse else size * price
    if instrument.is_spot:
        return value
    cost = float(deal.cost)
    return value - cost if deal.is_long is not instrument.is_inverse else cost - value


def _exits(book: OrderBook) -> Decimal:
    return sum((one.quantity for one in book.orders.values() if not one.want.opens), ZERO)
