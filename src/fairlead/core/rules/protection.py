"""Whether what an account has open would be safe if Fairlead were gone now, and what is not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from fairlead.core.model.account import MarginMode, Position, PositionSide
from fairlead.core.model.ids import PROTECTION
from fairlead.core.model.money import ZERO
from fairlead.core.model.order import OUTSIDE, Order, OrderStatus
from fairlead.core.model.protection import Protection
from fairlead.core.model.request import OrderType, Side, TimeInForce
from fairlead.core.rules.account_book import AccountBook

REASONS_MAX: Final = 3
_STOPS: Final = frozenset({OrderType.STOP_MARKET, OrderType.STOP_LIMIT})
_TRIGGERED: Final = frozenset({*_STOPS, OrderType.TAKE_PROFIT, OrderType.TRAILING_STOP})
# One whose fate is not known yet is not counted on.
_AT_VENUE: Final = frozenset({OrderStatus.ACCEPTED, OrderStatus.PARTIALLY_FILLED})


class Judgement(msgspec.Struct, frozen=True):
    """The state of an account, and what keeps it from being protected on the exchange."""

    state: Protection
    reasons: tuple[str, ...] = ()


def judge_protection(book: AccountBook, *, is_switch_armed: bool, is_heard: bool) -> Judgement:
    """Judge by the weakest of what is open.

    ``is_switch_armed``: the venue cancels our resting orders when it does not hear of us; ``is_heard``: we hear now
    what happens on the account, and so could act.
    """
    reasons = tuple(dict.fromkeys([*_bare_positions(book), *_bare_entries(book, is_switch_armed=is_switch_armed)]))
    if reasons:
        state = Protection.BY_FAIRLEAD if is_heard else Protection.UNPROTECTED
        hidden = len(reasons) - REASONS_MAX
        more = (f"and {hidden} more",) if hidden > 0 else ()
        return Judgement(state, (*reasons[:REASONS_MAX], *more))
    is_open = bool(book.positions) or is_switch_armed or any(map(_may_rest, book.orders.values()))
    return Judgement(Protection.ON_EXCHANGE if is_open else Protection.NOTHING_OPEN)


def without_fairlead(state: Protection) -> Protection:
    """What a state is worth while no process of ours runs."""
    return Protection.UNPROTECTED if state is Protection.BY_FAIRLEAD else state


def _bare_positions(book: AccountBook) -> Iterator[str]:
    stops = [order for order in book.orders.values() if _is_stop(order)]
    for position in book.positions.values():
        covered = sum((stop.leaves_quantity for stop in stops if _closes(stop, position)), ZERO)
        if covered < abs(position.quantity):
            what = "a stop for a part of it only" if covered else "no stop"
            yield f"{_name(position)} has {what} at the exchange"


def _bare_entries(book: AccountBook, *, is_switch_armed: bool) -> Iterable[str]:
    for order in book.orders.values():
        if _reduces(order) or not _may_rest(order):
            continue
        is_in_book = order.order_type is OrderType.LIMIT
        if is_in_book and order.stop_loss_price is not None:
            continue
        # The switch takes back what rests in the book with our tag: no triggers, and nobody else's orders.
        if not is_in_book or order.origin == OUTSIDE:
            yield f"an entry of {order.symbol} rests without a stop, out of reach of the dead man's switch"
        elif not is_switch_armed:
            yield f"an entry of {order.symbol} rests without a stop, and the dead man's switch is not armed"


def _is_stop(order: Order) -> bool:
    if order.status not in _AT_VENUE or not _reduces(order):
        return False
    return order.order_type in _STOPS or (order.origin == PROTECTION and order.stop_loss_price is not None)


def _closes(stop: Order, position: Position) -> bool:
    is_same = (stop.symbol, stop.position_side) == (position.symbol, position.position_side)
    return is_same and (stop.side is Side.SELL) == (position.signed_quantity > 0)


def _may_rest(order: Order) -> bool:
    if order.order_type in _TRIGGERED:
        return True
    return order.order_type is OrderType.LIMIT and order.time_in_force is TimeInForce.GTC


def _reduces(order: Order) -> bool:
    if order.reduce_only or order.origin == PROTECTION:
        return True
    if order.margin_mode is MarginMode.CASH:
        return order.side is Side.SELL
    closing = {PositionSide.LONG: Side.SELL, PositionSide.SHORT: Side.BUY}.get(order.position_side)
    return order.side is closing


def _name(position: Position) -> str:
    side = position.position_side
    return position.symbol if side is PositionSide.NET else f"{position.symbol} {side.value}"
