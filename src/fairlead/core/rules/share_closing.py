"""Closes that mean one source's or strategy's share of a holding, and leave the shares of others alone."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from msgspec.structs import replace

from fairlead.core.model.account import MarginMode, Position, PositionMode, PositionSide
from fairlead.core.model.money import ONE, ZERO
from fairlead.core.model.order import Order
from fairlead.core.model.request import Close, CloseScope, Side
from fairlead.core.rules.closing import SIDES, Holding, at_once, closing_quantity, pending_closes
from fairlead.core.rules.draft import Draft, Terms
from fairlead.core.rules.holds import only_reduces
from fairlead.core.rules.plan import Nothing, Plan, PlanReason, Refusal
from fairlead.core.rules.sizing import show_in
from fairlead.core.rules.spot_orders import WHOLE, sell_spot


class _Share(NamedTuple):
    position_side: PositionSide
    signed: Decimal

    @property
    def direction(self) -> PositionSide:
        return PositionSide.LONG if self.signed > ZERO else PositionSide.SHORT


def close_share(draft: Draft, intent: Close) -> Plan | Nothing | Refusal:
    """Close what the source or strategy of the request holds; nothing held is a success."""
    shares = [share for share in _shares(draft, intent) if intent.position_side in {None, share.direction}]
    if not shares:
        message = f"{_whose(draft, intent)} has no share of {draft.instrument.symbol}"
        return draft.nothing(PlanReason.NO_POSITION, message)
    if draft.instrument.is_spot:
        return _sell_share(draft, intent, shares[0])
    legs: list[Order] = []
    more = False
    for share in shares:
        built = _close_one(draft, intent, share, after=len(legs))
        if isinstance(built, Refusal):
            return built
        legs += built[0]
        more = more or built[1]
    if not legs:
        message = f"open orders already close the share of {_whose(draft, intent)}; cancel them to close it now"
        return draft.nothing(PlanReason.ALREADY_CLOSING, message)
    return replace(draft.plan(legs), more=more)


def _close_one(draft: Draft, intent: Close, share: _Share, *, after: int) -> tuple[list[Order], bool] | Refusal:
    side = Side.SELL if share.signed > ZERO else Side.BUY
    held = abs(share.signed)
    draft.note("share", f"{share.direction} held by {_whose(draft, intent)}", show_in(held, draft.unit))
    free = held - _pending(draft, intent, side, share.position_side)
    position = draft.view.book.positions.get((draft.instrument.symbol, share.position_side))
    at_venue = ZERO
    if position is not None and position.signed_quantity * share.signed > ZERO:
        at_venue = abs(position.quantity) - pending_closes(draft, position)
    if share.position_side is not PositionSide.NET:
        free = min(free, at_venue)
    if free < draft.instrument.lot_size:
        return [], False
    quantity = closing_quantity(draft, Holding(side, held, free), intent.size)
    if isinstance(quantity, Refusal):
        return quantity
    first, more = at_once(draft, quantity, intent.size)
    reduces = first <= at_venue
    if not reduces:
        draft.note("plain order", "the account's own position is smaller or the other way", "not reduce-only")
    built = draft.build_legs(_terms(draft, side, share, position, reduces=reduces), first, after=after)
    return built if isinstance(built, Refusal) else (built, more)


def _sell_share(draft: Draft, intent: Close, share: _Share) -> Plan | Nothing | Refusal:
    held = share.signed
    draft.note("share", f"held by {_whose(draft, intent)}", show_in(held, draft.unit))
    if held < max(draft.instrument.quantity_min, draft.instrument.lot_size):
        message = f"the {show_in(held, draft.unit)} of {_whose(draft, intent)} are dust, less than the least order"
        return draft.nothing(PlanReason.NO_POSITION, message)
    free = held - _pending(draft, intent, Side.SELL, PositionSide.NET)
    return sell_spot(draft, intent.size or WHOLE, is_close=True, most=max(ZERO, free))


def _shares(draft: Draft, intent: Close) -> list[_Share]:
    request, books = draft.request, draft.view.book.sub_books
    strategy = request.strategy_id if intent.scope is CloseScope.STRATEGY else None
    found = []
    for side in SIDES:
        held = books.share_of((draft.instrument.symbol, side), request.source_id, strategy)
        if held:
            found.append(_Share(side, -held if side is PositionSide.SHORT else held))
    return found


def _pending(draft: Draft, intent: Close, side: Side, position_side: PositionSide) -> Decimal:
    """What open orders of the same owner close already; resting ones too, for the venue would not take them back."""
    request, pending = draft.request, ZERO
    for order in draft.view.book.orders.values():
        same = order.symbol == request.symbol and order.position_side is position_side and order.side is side
        mine = order.source_id == request.source_id and (
            intent.scope is CloseScope.SOURCE or order.strategy_id == request.strategy_id
        )
        closes = order.close_scope is not None or only_reduces(order) or draft.instrument.is_spot
        if same and mine and closes and not order.origin:
            pending += order.leaves_quantity
    if pending:
        draft.note("already closing", f"{_whose(draft, intent)}, in open orders", show_in(pending, draft.unit))
    return pending


def _terms(draft: Draft, side: Side, share: _Share, position: Position | None, *, reduces: bool) -> Terms:
    book, symbol = draft.view.book, draft.instrument.symbol
    asked = draft.request.margin_mode
    mode = MarginMode.ISOLATED if asked is MarginMode.ISOLATED else MarginMode.CROSS
    mode = mode if position is None else position.margin_mode
    known = book.leverages.get(book.leverage_key(symbol, mode, share.position_side))
    leverage = position.leverage if position is not None else known
    return Terms(
        side=side,
        position_side=share.position_side,
        margin_mode=mode,
        leverage=leverage or ONE,
        reduce_only=reduces or book.position_mode is not PositionMode.NET,
        is_close=True,
    )


def _whose(draft: Draft, intent: Close) -> str:
    source = f"source {draft.request.source_id}"
    if intent.scope is CloseScope.SOURCE:
        return source
    return f"strategy {draft.request.strategy_id or '(none)'} of {source}"
