"""Saving and loading: accounts without their finished orders, finished orders one by one, and the market."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

import msgspec

from fairlead.core.model.account import MarginMode, PositionMode, PositionSide
from fairlead.core.rules.matching import Resting
from fairlead.simulator.account import Account, Position, PositionKey
from fairlead.simulator.ledger import House
from fairlead.simulator.market import MarketRecord
from fairlead.simulator.orders import Order, OrderStatus
from fairlead.simulator.trading import is_solo
from fairlead.simulator.views import copy_order

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fairlead.simulator.funding import Funding
    from fairlead.simulator.triggers import Triggers
    from fairlead.simulator.world import World


_ENCODER: Final = msgspec.json.Encoder()


class LeverageRecord(msgspec.Struct, frozen=True):
    """One chosen leverage."""

    symbol: str
    margin_mode: MarginMode
    position_side: PositionSide
    leverage: Decimal


class AccountRecord(msgspec.Struct, frozen=True, kw_only=True):
    """An account as it can be written down; what its orders hold is part of the orders."""

    account_id: str
    position_mode: PositionMode
    totals: dict[str, Decimal]
    positions: tuple[Position, ...]
    leverages: tuple[LeverageRecord, ...]
    pending: tuple[Order, ...]
    client_ids_used: tuple[str, ...] = ()


_ACCOUNT: Final = msgspec.json.Decoder(AccountRecord)


class WalkRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Price walk of one base currency."""

    base_currency: str
    offset: int
    dice_state: int


class ExchangeRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Prices, counters and the books of the house; accounts are not in it."""

    now_ms: int
    stepped_ms: int
    orders_taken: int
    positions_opened: int
    walks: tuple[WalkRecord, ...]
    markets: tuple[MarketRecord, ...]
    house: dict[House, dict[str, Decimal]]


class Records:
    """Writes down and takes up state. Load the market first, then accounts, then finished orders."""

    def __init__(self, world: World, *, triggers: Triggers, funding: Funding) -> None:
        """Work on this world."""
        self._world = world
        self._triggers = triggers
        self._funding = funding

    def dump_market(self) -> ExchangeRecord:
        """Write down what does not belong to an account."""
        world = self._world
        return ExchangeRecord(
            now_ms=world.now_ms,
            stepped_ms=world.stepped_ms,
            orders_taken=world.orders_taken,
            positions_opened=world.positions_opened,
            walks=tuple(
                WalkRecord(base_currency=base, offset=walk.offset, dice_state=walk.dice_state)
                for base, walk in world.walks.items()
            ),
            markets=tuple(market.dump() for market in world.markets.values()),
            house={name: dict(books) for name, books in world.ledger.house.items()},
        )

    def load_market(self, record: ExchangeRecord) -> None:
        """Continue prices and counters; instruments that are no longer listed are passed over."""
        world = self._world
        world.now_ms, world.stepped_ms = record.now_ms, record.stepped_ms
        world.orders_taken = record.orders_taken
        world.positions_opened = record.positions_opened
        world.ledger.house.update({name: dict(books) for name, books in record.house.items()})
        for saved in record.walks:
            walk = world.walks.get(saved.base_currency)
            if walk is not None:
                walk.resume(offset=saved.offset, dice_state=saved.dice_state)
        for row in record.markets:
            market = world.markets.get(row.symbol)
            if market is not None:
                market.load(row)
        self._funding.restart()

    def encode_account(self, account_id: str) -> bytes:
        """Write down an account without its finished orders, as the JSON of an ``AccountRecord``."""
        account = self._world.accounts[account_id]
        # Parts of the living account, which is why nobody but the encoder sees the record.
        record = AccountRecord(
            account_id=account_id,
            position_mode=account.position_mode,
            totals=account.totals,
            positions=tuple(account.positions.values()),
            leverages=tuple(LeverageRecord(*key, leverage) for key, leverage in account.leverages.items()),
            pending=tuple(account.pending.values()),
            client_ids_used=tuple(account.client_ids_used),
        )
        return _ENCODER.encode(record)

    def dump_account(self, account_id: str) -> AccountRecord:
        """Copy an account without its finished orders."""
        return _ACCOUNT.decode(self.encode_account(account_id))

    def load_account(self, record: AccountRecord, finished: Iterable[Order] = ()) -> None:
        """Take up an account that is not open here; its orders are back in the books, behind those already there.

        Raises:
            ValueError: the account is open already.
        """
        world = self._world
        if record.account_id in world.accounts:
            message = f"account {record.account_id} is open already"
            raise ValueError(message)
        account = Account(record.account_id, record.position_mode)
        world.accounts[record.account_id] = account
        account.totals.update(record.totals)
        account.client_ids_used.update(dict.fromkeys(record.client_ids_used))
        for chosen in record.leverages:
            key = PositionKey(chosen.symbol, chosen.margin_mode, chosen.position_side)
            account.leverages[key] = chosen.leverage
        for saved in record.positions:
            position = msgspec.structs.replace(saved)
            account.positions[position.key] = position
            world.holders[position.symbol][account.account_id, position.key] = position
            world.positions_opened = max(world.positions_opened, position.number)
        for order in finished:
            self.load_order(order)
        for pending in sorted(record.pending, key=lambda order: order.number):
            self._load_pending(account, copy_order(pending))
        world.touched[account.account_id] = account

    def dump_order(self, account_id: str, venue_order_id: str) -> Order | None:
        """Copy one order, pending or finished."""
        account = self._world.accounts[account_id]
        order = account.finished.get(venue_order_id) or account.pending.get(venue_order_id)
        return None if order is None else copy_order(order)

    def encode_finished(self, account_id: str, venue_order_id: str) -> bytes | None:
        """Write down a finished order as the JSON of an ``Order``; None while it is pending, and once it is forgotten.

        Pending orders are part of their account.
        """
        order = self._world.accounts[account_id].finished.get(venue_order_id)
        return None if order is None else _ENCODER.encode(order)

    def drain_forgotten(self) -> list[tuple[str, str]]:
        """Account and venue order id of finished orders that are known no longer, since the last call.

        Whoever keeps what ``encode_finished`` wrote must drop theirs too, or what is kept grows without end.
        """
        return self._world.drain_forgotten()

    def load_order(self, order: Order) -> None:
        """Remember a finished order again; its account must be open."""
        assert not order.is_pending, order
        world = self._world
        account = world.accounts[order.account_id]
        world.remember(account, copy_order(order))
        world.orders_taken = max(world.orders_taken, order.number)

    def _load_pending(self, account: Account, order: Order) -> None:
        world = self._world
        world.orders_taken = max(world.orders_taken, order.number)
        account.pending[order.venue_order_id] = order
        if order.client_order_id:
            account.pending_by_client[order.client_order_id] = order
        if order.status is OrderStatus.WAITING:
            self._triggers.arm(order)
            return
        assert order.limit_price is not None, order
        held, currency = order.reserved, order.reserved_currency
        order.reserved_currency = ""
        account.hold(order, currency, held)
        world.resting[order.venue_order_id] = order
        market = world.markets[order.symbol]
        # The price may have passed the order meanwhile: the makers step aside, the next step trades with it.
        market.maker.withdraw_for(order.side, order.limit_price)
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
