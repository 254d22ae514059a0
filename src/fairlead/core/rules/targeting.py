"""Orders that make a position equal to a target, whatever it is now, so that a missed alert repairs itself."""

from __future__ import annotations

from decimal import Decimal

from msgspec.structs import replace

from fairlead.core.model.account import PositionSide
from fairlead.core.model.money import ZERO
from fairlead.core.model.request import Close, SetTarget, Side, Size, SizeUnit, TargetPosition
from fairlead.core.rules.closing import close, close_positions, direction_of, held_positions
from fairlead.core.rules.draft import Draft
from fairlead.core.rules.perpetual_orders import open_position
from fairlead.core.rules.plan import Nothing, Plan, PlanReason, Refusal
from fairlead.core.rules.sizing import show_in, to_native
from fairlead.core.rules.spot_orders import buy_spot, sell_spot


def reach_target(draft: Draft, intent: SetTarget) -> Plan | Nothing | Refusal:
    """Plan the next step to a target.

    A flip is two steps: the holding of the other direction is closed first, and when that is done the request is
    planned again. A percentage says how much to open; a position that is there already is not brought up to it.
    """
    if intent.target is TargetPosition.FLAT:
        return close(draft, Close())
    if draft.instrument.is_spot:
        return _reach_spot(draft, intent)
    wanted = PositionSide.LONG if intent.target is TargetPosition.LONG else PositionSide.SHORT
    positions = held_positions(draft)
    opposite = [position for position in positions if direction_of(position) is not wanted]
    if opposite:
        first = close_positions(draft, opposite, None)
        return replace(first, more=True) if isinstance(first, Plan) else first
    held = sum((abs(position.quantity) for position in positions), ZERO)
    step = _step(draft, intent, held)
    if isinstance(step, Nothing | Refusal):
        return step
    if step.amount < ZERO:
        return close_positions(draft, positions, Size(amount=-step.amount, unit=SizeUnit.NATIVE))
    return open_position(draft, _opening_side(intent), step)


def _reach_spot(draft: Draft, intent: SetTarget) -> Plan | Nothing | Refusal:
    if intent.target is TargetPosition.SHORT:
        message = f"{draft.instrument.symbol} is spot and cannot be held short; the target flat sells what is held"
        return draft.refuse(PlanReason.TARGET_NOT_POSSIBLE, message)
    balance = draft.view.book.balances.get(draft.instrument.base_currency)
    total = ZERO if balance is None else balance.total
    # Dust is no position.
    held = total if total >= draft.instrument.quantity_min else ZERO
    step = _step(draft, intent, held)
    if isinstance(step, Nothing | Refusal):
        return step
    if step.amount < ZERO:
        return sell_spot(draft, Size(amount=-step.amount, unit=SizeUnit.NATIVE), is_close=True)
    return buy_spot(draft, step)


def _step(draft: Draft, intent: SetTarget, held: Decimal) -> Size | Nothing | Refusal:
    """Size of the next order: negative where less must be held."""
    instrument, size, target = draft.instrument, intent.size, intent.target
    if held and (size is None or size.unit is SizeUnit.PERCENT):
        message = f"already {target} with {show_in(held, draft.unit)}"
        return draft.nothing(PlanReason.TARGET_REACHED, message)
    if size is None:
        return draft.refuse(PlanReason.SIZE_MISSING, f"the target {target} needs a size, because nothing is held")
    if size.unit is SizeUnit.PERCENT:
        return size
    side = _opening_side(intent)
    refusal = draft.check_price(side)
    if refusal is not None:
        return refusal
    wish = to_native(instrument, size, draft.price(side))
    if wish is None:
        return draft.refuse(PlanReason.SIZE_INVALID, f"{instrument.symbol} is not counted in {size.unit.value}")
    goal = wish.lots_down(instrument)
    draft.note("target", wish.formula, show_in(goal, draft.unit))
    refusal = draft.check_least(goal, draft.price(side))
    if refusal is not None:
        return refusal
    if goal > held:
        # The target itself shrinks: else each repeat of the alert would come nearer to the whole.
        goal = max(held, draft.scale_for_losses(goal, instrument.lot_size, draft.unit))
    missing = goal - held
    draft.note("difference", f"{show_in(held, draft.unit)} held", show_in(missing, draft.unit))
    if abs(missing) < max(instrument.quantity_min, instrument.lot_size):
        message = f"already {target} with {show_in(held, draft.unit)}, the target is {show_in(goal, draft.unit)}"
        return draft.nothing(PlanReason.TARGET_REACHED, message)
    return Size(amount=missing, unit=SizeUnit.NATIVE)


def _opening_side(intent: SetTarget) -> Side:
    return Side.BUY if intent.target is TargetPosition.LONG else Side.SELL
