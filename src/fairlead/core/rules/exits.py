"""Which attached stops and take-profits have outlived what they protect, so that they could only do harm."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from fairlead.core.model.ids import PROTECTION
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.money import ZERO
from fairlead.core.model.order import Order
from fairlead.core.model.request import Side
from fairlead.core.rules.account_book import AccountBook


def outlived_exits(book: AccountBook, instruments: Mapping[str, Instrument]) -> tuple[Order, ...]:
    """Protection whose owner holds nothing more that it would close: the position was closed or flipped by others.

    A venue takes back the reduce-only ones of a position that ends, but not those that a flip leaves on the wrong side,
    and nothing on spot: they would act on whatever is held later. While its order still fills, protection stays.
    """
    exits = [order for order in book.orders.values() if order.origin == PROTECTION]
    return tuple(order for order in exits if _is_outlived(order, book, instruments[order.symbol]))


def _is_outlived(exit_order: Order, book: AccountBook, instrument: Instrument) -> bool:
    parent = book.shelf.find(exit_order.parent_id)
    if parent is not None and not parent.is_terminal:
        return False
    if not instrument.is_spot:
        held = _held_by_owner(exit_order, book)
        return held <= ZERO if exit_order.side is Side.SELL else held >= ZERO
    # What buys back a spot sale protects nothing that is held.
    least = max(instrument.quantity_min, instrument.lot_size)
    return exit_order.side is Side.SELL and _held_by_owner(exit_order, book, instrument) < least


def _held_by_owner(exit_order: Order, book: AccountBook, spot: Instrument | None = None) -> Decimal:
    """Signed quantity of the share that the protection is about; of the whole holding when nobody asked for it."""
    key = (exit_order.symbol, exit_order.position_side)
    if exit_order.source_id:
        share = book.sub_books.shares(key).get((exit_order.source_id, exit_order.strategy_id))
        return ZERO if share is None else share.signed_quantity
    if spot is not None:
        balance = book.balances.get(spot.base_currency)
        return ZERO if balance is None else balance.total
    position = book.positions.get(key)
    return ZERO if position is None else position.signed_quantity
