"""What whoever asks should be told beside the result: nothing here stops or changes an order."""

from __future__ import annotations

from decimal import Decimal

from fairlead.core.model.account import PositionSide
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.money import ZERO
from fairlead.core.model.request import Close, CloseScope, OrderRequest, TargetPosition
from fairlead.core.rules.account_view import AccountView
from fairlead.core.rules.closing import SIDES, entries_against
from fairlead.core.rules.sizing import show_in
from fairlead.core.rules.spot_orders import WHOLE

_DIRECTIONS = {PositionSide.LONG: TargetPosition.LONG, PositionSide.SHORT: TargetPosition.SHORT}


def cautions_of(request: OrderRequest, view: AccountView) -> tuple[str, ...]:
    """Warnings about a request as the account stands when it is decided."""
    instrument = view.instruments.get(request.symbol)
    if instrument is None:
        return ()
    found = (_unexpected_position(request, view, instrument), _entries_left(request, view, instrument))
    return tuple(text for text in found if text)


def _unexpected_position(request: OrderRequest, view: AccountView, instrument: Instrument) -> str:
    """Say where the sender believes to hold something else than there is: an earlier alert may have been missed."""
    expected = request.expected_position
    if expected is None:
        return ""
    held = _held(request, view, instrument)
    is_right = not held if expected is TargetPosition.FLAT else expected in {_DIRECTIONS[side] for side in held}
    if is_right:
        return ""
    shown = " and ".join(f"{side} {show_in(amount, instrument.quantity_unit)}" for side, amount in held.items())
    return f"the sender expected to be {expected} in {request.symbol} before this, but {shown or 'nothing'} is held"


def _held(request: OrderRequest, view: AccountView, instrument: Instrument) -> dict[PositionSide, Decimal]:
    """Absolute quantities that the request's scope holds, by direction; what is too small to sell is nothing."""
    intent, book = request.intent, view.book
    scope = intent.scope if isinstance(intent, Close) else CloseScope.ACCOUNT
    strategy = request.strategy_id if scope is CloseScope.STRATEGY else None
    held: dict[PositionSide, Decimal] = {}
    for side in SIDES:
        key = (request.symbol, side)
        if scope is not CloseScope.ACCOUNT:
            signed = book.sub_books.share_of(key, request.source_id, strategy)
        elif instrument.is_spot:
            balance = book.balances.get(instrument.base_currency)
            signed = ZERO if balance is None or side is not PositionSide.NET else balance.total
        else:
            position = book.positions.get(key)
            signed = ZERO if position is None else position.quantity
        if side is PositionSide.SHORT:
            signed = -signed
        if abs(signed) >= instrument.quantity_min:
            held[PositionSide.LONG if signed > ZERO else PositionSide.SHORT] = abs(signed)
    return held


def _entries_left(request: OrderRequest, view: AccountView, instrument: Instrument) -> str:
    """Name the open entries that a close leaves because it is only about a part."""
    intent = request.intent
    if not isinstance(intent, Close) or intent.size in {None, WHOLE}:
        return ""
    entries = entries_against(request, view, instrument, also_of_part=True)
    ids = ", ".join(order.order_id for order in entries)
    return f"open entries of {request.symbol} stay, because only a part is closed: {ids}" if ids else ""
