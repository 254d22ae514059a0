"""Rebuilds an account's book from the rows that were stored with its facts."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

import msgspec

from fairlead.core.model.account import Balance, MarginMode, Position, PositionMode, PositionSide, SubPosition
from fairlead.core.model.drift import Drift
from fairlead.core.model.events import AccountRecovered
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.loss import LossState
from fairlead.core.model.order import Order
from fairlead.core.model.protection import ProtectionChanged
from fairlead.core.model.state import RequestState
from fairlead.core.model.trades import TradeMemory
from fairlead.core.rules.account_book import AccountBook, RecentOrder


class BookHeader(msgspec.Struct, frozen=True, kw_only=True):
    """What a book holds beside its rows."""

    position_mode: PositionMode
    is_adopted: bool
    drift: tuple[str, ...]
    leverages: tuple[tuple[str, MarginMode, PositionSide, Decimal], ...]
    adjustments: tuple[str, ...]
    losses: LossState = LossState()
    trades: TradeMemory = TradeMemory()
    drifts: tuple[Drift, ...] = ()
    recovery: AccountRecovered | None = None
    protection: ProtectionChanged | None = None


class BookRows(msgspec.Struct, frozen=True, kw_only=True):
    """All that is stored about one account and still matters.

    ``orders`` are the open ones, ``requests`` those pending or with open orders, ``ended_legs`` what is done of the
    orders of these requests and of their protections, ``recent`` the orders approved lately; oldest first.
    """

    tenant: str
    account_id: str
    header: bytes | None
    orders: tuple[Order, ...]
    requests: tuple[RequestState, ...]
    ended_legs: tuple[Order, ...]
    recent: tuple[Order, ...]
    positions: tuple[Position, ...]
    balances: tuple[Balance, ...]
    sub_positions: tuple[SubPosition, ...] = ()


_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder(BookHeader)


def book_header(book: AccountBook) -> bytes:
    """Write down what a book holds beside its rows."""
    header = BookHeader(
        position_mode=book.position_mode,
        is_adopted=book.is_adopted,
        drift=book.drift,
        leverages=tuple((*key, leverage) for key, leverage in book.leverages.items()),
        adjustments=tuple(book.adjustments),
        losses=book.losses,
        trades=book.trades.dump(),
        drifts=tuple(book.drifts.values()),
        recovery=book.recovery,
        protection=book.protection,
    )
    return _ENCODER.encode(header)


def rebuild_book(rows: BookRows, instruments: Mapping[str, Instrument]) -> AccountBook:
    """Make of the rows the very book that wrote them, but for its memory of what ended long ago."""
    book = AccountBook(tenant=rows.tenant, account_id=rows.account_id)
    if rows.header is not None:
        _take_header(book, _DECODER.decode(rows.header))
    # A protection outlives the request of its parent and does not keep it open.
    working = {order.request_id for order in rows.orders if not order.origin}
    for request in rows.requests:
        if request.is_pending or request.request.request_id in working:
            book.ledger.open[request.request.request_id] = request
    for order in sorted(rows.recent, key=_age):
        if order.is_terminal:
            book.shelf.put(order)
    for order in sorted((*rows.ended_legs, *rows.orders), key=_age):
        book.shelf.put(order)
        book.ledger.remember_leg(order)
    book.holdings.restore(
        balances=rows.balances,
        positions=rows.positions,
        orders=rows.orders,
        instruments=instruments,
    )
    book.sub_books.restore(rows.sub_positions)
    for order in sorted(rows.recent, key=_age):
        if not order.origin:
            book.recent.append(RecentOrder.of(order))
    return book


def _age(order: Order) -> tuple[int, str]:
    return order.created_ms, order.order_id


def _take_header(book: AccountBook, header: BookHeader) -> None:
    book.position_mode = header.position_mode
    book.is_adopted = header.is_adopted
    book.drift = header.drift
    book.drifts = {drift.drift_id: drift for drift in header.drifts}
    book.recovery = header.recovery
    book.protection = header.protection
    book.losses = header.losses
    book.trades.restore(header.trades)
    book.leverages.update({(symbol, mode, side): leverage for symbol, mode, side, leverage in header.leverages})
    book.adjustments.update(dict.fromkeys(header.adjustments))
