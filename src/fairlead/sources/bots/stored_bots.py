"""Reads what is stored of bots, for their runner."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import TypeVar

from fairlead.core.model.account import SubPosition
from fairlead.core.model.bots.bot import BotState, Settings
from fairlead.core.model.money import ZERO
from fairlead.core.model.order import Order
from fairlead.core.model.state import RequestState
from fairlead.core.rules.account_book import AccountBook
from fairlead.sources.bots.seams import StoredOrders
from fairlead.store.queries import bots as queries
from fairlead.store.queries.recovery import load_requests_with_orders, load_shares
from fairlead.store.session import Store

T = TypeVar("T")
Shares = Mapping[str, Sequence[SubPosition]]


def _no_book(_account_id: str) -> AccountBook | None:
    return None


class StoredBots:
    """The database, as bots see it."""

    def __init__(self, store: Store, book_of: Callable[[str], AccountBook | None] = _no_book) -> None:
        """Read from this store; what the book of an account has in memory already is taken from there."""
        self._store = store
        self._book_of = book_of

    async def load_states(self) -> Mapping[str, BotState]:
        """How every bot stands, by bot id."""
        async with self._store.system_session() as system:
            return await queries.load_states(system)

    async def load_settings(self, wanted: Mapping[str, int]) -> Mapping[str, Settings]:
        """Settings of the versions that are wanted, by bot id."""
        async with self._store.system_session() as system:
            return await queries.load_settings(system, wanted)

    async def load_orders(self, states: Sequence[BotState]) -> Mapping[str, StoredOrders]:
        """What became of the live requests of bots, by bot id."""
        wanted = {order.request_id: state.bot_id for state in states for order in state.orders}
        async with self._store.system_session() as system:
            before = await load_shares(system)
            requests, orders = await load_requests_with_orders(system, wanted)
            shares = await load_shares(system)
        asked: dict[str, list[RequestState]] = {state.bot_id: [] for state in states}
        legs: dict[str, list[Order]] = {state.bot_id: [] for state in states}
        for request in requests:
            name, book = request.request.request_id, self._book_of(request.request.account_id)
            asked[wanted[name]].append(_once(request, None if book is None else book.requests.get(name)))
        for order in orders:
            book = self._book_of(order.account_id)
            legs[wanted[order.request_id]].append(
                _once(order, None if book is None else book.orders.get(order.order_id))
            )
        return {
            state.bot_id: StoredOrders(
                tuple(asked[state.bot_id]),
                tuple(legs[state.bot_id]),
                _quiet_share(before, shares, state),
            )
            for state in states
        }


def _once(read: T, known: T | None) -> T:
    return known if known is not None and known == read else read


def _quiet_share(before: Shares, after: Shares, state: BotState) -> Decimal | None:
    """What a bot holds, unless a fill came between the reads: then its orders may tell of other fills."""
    first, second = (_share(shares.get(state.bot_id, ()), state.symbol) for shares in (before, after))
    return first if first == second else None


def _share(shares: Sequence[SubPosition], symbol: str) -> Decimal:
    return sum((abs(share.quantity) for share in shares if share.symbol == symbol), ZERO)
