"""The exchange: what a member can ask of it, and the passing of time."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from fairlead.core.model.account import MarginMode, PositionMode, PositionSide
from fairlead.core.model.money import ZERO
from fairlead.core.model.request import Side
from fairlead.simulator.account import Account, PositionKey
from fairlead.simulator.amending import Amending, Amendment
from fairlead.simulator.exits import AttachedExits
from fairlead.simulator.funding import Funding
from fairlead.simulator.gate import Gate
from fairlead.simulator.ledger import House
from fairlead.simulator.liquidation import Liquidation
from fairlead.simulator.listing import Listing
from fairlead.simulator.orders import (
    Amended,
    Canceled,
    CancelReason,
    Done,
    NewOrder,
    Order,
    OrderStatus,
    OrderType,
    Placed,
    Refused,
    reduces,
)
from fairlead.simulator.records import Records
from fairlead.simulator.refusals import Code, refuse
from fairlead.simulator.rules import VenueRules
from fairlead.simulator.settings import Settings
from fairlead.simulator.settlement import Settlement
from fairlead.simulator.steps import Steps
from fairlead.simulator.trading import Trading
from fairlead.simulator.triggers import Triggers
from fairlead.simulator.views import AccountViews, MarketViews
from fairlead.simulator.world import World

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fairlead.core.model.instrument import Instrument, InstrumentState
    from fairlead.core.model.market import Candle
    from fairlead.simulator.events import ExchangeEvent


class Exchange:
    """An exchange in process: no I/O, no clock, no chance but its seed.

    ``accounts`` answers questions about an account, ``markets`` about prices, ``records`` saves and loads, ``listing``
    changes what is listed.
    Times are UTC milliseconds; a time earlier than one already seen counts as that one.
    """

    def __init__(
        self,
        *,
        instruments: Sequence[Instrument],
        seed: int,
        now_ms: int,
        rules: VenueRules | None = None,
    ) -> None:
        """Open for trading."""
        world = World(instruments=instruments, seed=seed, now_ms=now_ms, rules=rules or VenueRules())
        settlement = Settlement(world)
        trading = Trading(world, settlement)
        self._world = world
        self._settlement = settlement
        self._trading = trading
        self._gate = Gate(world)
        self._settings = Settings(world, settlement)
        self._triggers = Triggers(world, self._gate, trading)
        trading.grow_exits = AttachedExits(world, trading, self._triggers).grow
        self._amending = Amending(world, trading, self._triggers)
        funding = Funding(world, settlement)
        liquidation = Liquidation(world, settlement, trading)
        self._steps = Steps(world, trading=trading, triggers=self._triggers, funding=funding, liquidation=liquidation)
        self.accounts = AccountViews(world)
        self.markets = MarketViews(world, funding)
        self.listing = Listing(world)
        self.records = Records(world, triggers=self._triggers, funding=funding)

    @property
    def instruments(self) -> dict[str, Instrument]:
        """Everything listed, by symbol."""
        return {symbol: market.instrument for symbol, market in self._world.markets.items()}

    @property
    def account_ids(self) -> list[str]:
        """All open accounts."""
        return list(self._world.accounts)

    def open_account(
        self,
        account_id: str,
        *,
        balances: Mapping[str, Decimal],
        position_mode: PositionMode = PositionMode.NET,
    ) -> None:
        """Open an account with cash.

        Raises:
            ValueError: it is open already.
        """
        world = self._world
        if account_id in world.accounts or account_id.startswith("~"):
            message = f"account {account_id!r} is open already, or a name of the house"
            raise ValueError(message)
        account = Account(account_id, position_mode)
        world.accounts[account_id] = account
        for currency, amount in balances.items():
            if amount > ZERO:
                self._settings.deposit(account, currency, amount)

    def place(self, account_id: str, wish: NewOrder, *, now_ms: int) -> Placed | Refused:
        """Take an order; its fills and its end are in the events."""
        world = self._world
        world.observe(now_ms)
        account = world.accounts[account_id]
        refusal = self._gate.check(account, wish)
        if refusal is not None:
            return refusal
        order = self._trading.take_in(account, wish)
        crosses = wish.post_only and wish.limit_price is not None
        takes = crosses and world.markets[wish.symbol].book.crosses(wish.side, wish.limit_price or ZERO)
        if not takes or world.rules.post_only_opens:
            self._trading.report_opened(order)
        if order.status is OrderStatus.WAITING:
            self._triggers.arm(order)
        else:
            self._trading.run(order)
        return Placed(venue_order_id=order.venue_order_id)

    def cancel(
        self, account_id: str, *, now_ms: int, client_order_id: str = "", venue_order_id: str = ""
    ) -> Canceled | Refused:
        """Cancel what is left of an order; the exchange's id wins when both are given."""
        self._world.observe(now_ms)
        order = self._pending(account_id, client_order_id, venue_order_id)
        if order is None:
            return refuse(Code.CANCEL_ORDER_GONE)
        self._trading.cancel(order, CancelReason.USER)
        return Canceled(venue_order_id=order.venue_order_id)

    def amend(
        self,
        account_id: str,
        change: Amendment,
        *,
        now_ms: int,
        client_order_id: str = "",
        venue_order_id: str = "",
    ) -> Amended | Refused:
        """Change a pending order."""
        self._world.observe(now_ms)
        order = self._pending(account_id, client_order_id, venue_order_id)
        if order is None:
            return refuse(Code.AMEND_ORDER_GONE)
        return self._amending.amend(self._world.accounts[account_id], order, change)

    def cancel_all(self, account_id: str, *, now_ms: int, symbol: str = "") -> list[Canceled]:
        """Cancel all pending orders, of one instrument or of all."""
        self._world.observe(now_ms)
        canceled = []
        for order in list(self._world.accounts[account_id].pending.values()):
            if symbol in {"", order.symbol} and order.is_pending:
                self._trading.cancel(order, CancelReason.USER)
                canceled.append(Canceled(venue_order_id=order.venue_order_id))
        return canceled

    def close_position(
        self, account_id: str, key: PositionKey, *, now_ms: int, auto_cancel: bool = False, client_order_id: str = ""
    ) -> Placed | Refused:
        """Close a position at market; ``auto_cancel`` first cancels the closing orders that stand in the way."""
        account = self._world.accounts[account_id]
        position = account.positions.get(key)
        if position is None:
            return refuse(Code.POSITION_MISSING)
        if auto_cancel:
            for order in list(account.pending.values()):
                wish = order.wish
                if (wish.symbol, wish.margin_mode, wish.position_side) == key and reduces(wish):
                    self._trading.cancel(order, CancelReason.USER)
        wish = NewOrder(
            client_order_id=client_order_id,
            symbol=key.symbol,
            side=Side.SELL if position.quantity > ZERO else Side.BUY,
            order_type=OrderType.MARKET,
            quantity=abs(position.quantity),
            reduce_only=key.position_side is PositionSide.NET,
            margin_mode=key.margin_mode,
            position_side=key.position_side,
        )
        return self.place(account_id, wish, now_ms=now_ms)

    def set_leverage(
        self,
        account_id: str,
        symbol: str,
        leverage: Decimal,
        *,
        margin_mode: MarginMode,
        position_side: PositionSide = PositionSide.NET,
    ) -> Done | Refused:
        """Set the leverage of an instrument."""
        key = PositionKey(symbol, margin_mode, position_side)
        return self._settings.set_leverage(self._world.accounts[account_id], key, leverage)

    def set_position_mode(self, account_id: str, position_mode: PositionMode) -> Done | Refused:
        """Switch between net and long/short."""
        return self._settings.set_position_mode(self._world.accounts[account_id], position_mode)

    def deposit(self, account_id: str, currency: str, amount: Decimal) -> Done | Refused:
        """Add cash by hand."""
        return self._settings.deposit(self._world.accounts[account_id], currency, amount)

    def withdraw(self, account_id: str, currency: str, amount: Decimal) -> Done | Refused:
        """Take cash out by hand."""
        return self._settings.withdraw(self._world.accounts[account_id], currency, amount)

    def advance(self, now_ms: int) -> None:
        """Let time pass: prices, makers, others' trades, triggers, liquidation, funding."""
        self._steps.advance(now_ms)

    def drain_events(self) -> list[ExchangeEvent]:
        """Facts since the last call, in order."""
        return self._world.drain()

    def feed_price(self, symbol: str, price: Decimal, *, now_ms: int) -> None:
        """Pin an instrument to a price from outside (paper trading on live prices), and act on it at once."""
        self._world.observe(now_ms)
        market = self._world.markets[symbol]
        market.feed(price)
        if market.is_live:
            self._steps.make_quotes(market)
        market.note_last(price)
        self._steps.wake()

    def replay(self, symbol: str, candles: Sequence[Candle]) -> None:
        """Let an instrument follow candles from now on."""
        self._world.markets[symbol].replay(candles)

    def set_state(self, symbol: str, state: InstrumentState) -> None:
        """Suspend an instrument or take it back into trading."""
        market = self._world.markets[symbol]
        market.instrument = msgspec.structs.replace(market.instrument, state=state)

    def house_balance(self, house: House, currency: str) -> Decimal:
        """What an account of the exchange itself holds."""
        return self._world.ledger.balance(house, currency)

    def _pending(self, account_id: str, client_order_id: str, venue_order_id: str) -> Order | None:
        account = self._world.accounts[account_id]
        if venue_order_id:
            return account.pending.get(venue_order_id)
        return account.pending_by_client.get(client_order_id)
