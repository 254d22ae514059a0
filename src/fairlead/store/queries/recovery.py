"""Everything that start-up needs to rebuild the books of accounts, read in a handful of queries for all of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, TypeVar

from sqlalchemy import ColumnElement, Table, select, true

from fairlead.core.model.account import Balance, Position, SubPosition, VenueAccount
from fairlead.core.model.ids import PROTECTION, child_order_id
from fairlead.core.model.money import ZERO
from fairlead.core.model.order import Order
from fairlead.core.model.state import RequestState, State
from fairlead.core.rules.account_book import RECENT_ORDERS_MAX
from fairlead.core.rules.book_rebuild import BookRows
from fairlead.store.projections import read_as
from fairlead.store.queries.states import IS_OPEN, IS_PENDING
from fairlead.store.session import Session
from fairlead.store.tables import balances, orders, positions, records, requests, sub_positions

IDS_PER_QUERY_MAX: Final = 500
S = TypeVar("S", bound=State)
T = TypeVar("T")


async def load_book_rows(
    system: Session,
    accounts: Sequence[VenueAccount],
    *,
    header_space: str,
    recent_since_ms: int,
) -> Mapping[str, BookRows]:
    """Read what is stored about accounts and still matters, by account id; needs a system session.

    ``header_space`` is where desks keep their headers (key = account id); ``recent_since_ms`` is how far back orders
    are remembered, by the time in their ids (UTC milliseconds).
    """
    chosen = [account.account_id for account in accounts]
    opened = await _load(system, orders, Order, IS_OPEN, _of(orders, chosen))
    pending = await _load(system, requests, RequestState, IS_PENDING, _of(requests, chosen))
    known = {state.request.request_id for state in pending}
    asked = {order.request_id for order in opened if order.request_id} - known
    wanted = [*pending, *await _load_by_id(system, requests, RequestState, asked)]
    legs = {order_id for state in wanted for order_id in state.order_ids}
    # A protection that has ended is told again with the story of its parent, and must be known then.
    legs |= {child_order_id(order_id, PROTECTION) for order_id in legs}
    ended = await _load_by_id(system, orders, Order, legs - {order.order_id for order in opened})
    recent = await _load(system, orders, Order, orders.c.order_id >= f"{recent_since_ms:011x}", _of(orders, chosen))
    held = await _load(system, positions, Position, positions.c.quantity != ZERO, _of(positions, chosen))
    shares = await _load(
        system, sub_positions, SubPosition, sub_positions.c.quantity != ZERO, _of(sub_positions, chosen)
    )
    cash = await _load(system, balances, Balance, _of(balances, chosen))
    headers = await load_records(system, header_space)
    open_by, ended_by, recent_by = (_by(_account_of, rows) for rows in (opened, ended, recent))
    held_by, shares_by, cash_by = (_by(_account_of, held), _by(_account_of, shares), _by(_account_of, cash))
    wanted_by = _by(lambda state: state.request.account_id, wanted)
    return {
        account.account_id: BookRows(
            tenant=account.tenant,
            account_id=account.account_id,
            header=headers.get(account.account_id),
            orders=open_by[account.account_id],
            requests=wanted_by[account.account_id],
            ended_legs=ended_by[account.account_id],
            recent=recent_by[account.account_id][-RECENT_ORDERS_MAX:],
            positions=held_by[account.account_id],
            balances=cash_by[account.account_id],
            sub_positions=shares_by[account.account_id],
        )
        for account in accounts
    }


async def load_requests_with_orders(
    system: Session, request_ids: Iterable[str]
) -> tuple[Sequence[RequestState], Sequence[Order]]:
    """How requests stand, and every order of theirs; needs a system session."""
    wanted = await _load_by_id(system, requests, RequestState, request_ids)
    legs = {order_id for state in wanted for order_id in state.order_ids}
    return wanted, await _load_by_id(system, orders, Order, legs)


async def load_shares(system: Session) -> Mapping[str, Sequence[SubPosition]]:
    """What every source holds of every account, by source; needs a system session."""
    return _by(
        lambda share: share.source_id,
        await _load(system, sub_positions, SubPosition, sub_positions.c.quantity != ZERO),
    )


async def _load(system: Session, table: Table, kind: type[S], *conditions: ColumnElement[bool]) -> list[S]:
    query = select(table.c.body).where(*conditions).order_by(*table.primary_key.columns)
    return [read_as(kind, row.body) for row in await system.fetch_all(query)]


async def _load_by_id(system: Session, table: Table, kind: type[S], ids: Iterable[str]) -> list[S]:
    (key,) = table.primary_key.columns
    ordered = sorted(ids)
    found: list[S] = []
    for start in range(0, len(ordered), IDS_PER_QUERY_MAX):
        found += await _load(system, table, kind, key.in_(ordered[start : start + IDS_PER_QUERY_MAX]))
    return found


async def load_records(system: Session, space: str) -> dict[str, bytes]:
    """Bodies of the records of a space, by key; needs a system session."""
    query = select(records.c.key, records.c.body).where(records.c.space == space)
    return {row.key: row.body for row in await system.fetch_all(query)}


# One account is looked up; many are read in one go, and rows of others are left aside.
def _of(table: Table, chosen: Sequence[str]) -> ColumnElement[bool]:
    return table.c.account_id.in_(chosen) if len(chosen) <= IDS_PER_QUERY_MAX else true()


def _account_of(state: Order | Position | SubPosition | Balance) -> str:
    return state.account_id


def _by(key: Callable[[T], str], rows: Iterable[T]) -> Mapping[str, tuple[T, ...]]:
    found: defaultdict[str, list[T]] = defaultdict(list)
    for row in rows:
        found[key(row)].append(row)
    return defaultdict(tuple, {name: tuple(group) for name, group in found.items()})
