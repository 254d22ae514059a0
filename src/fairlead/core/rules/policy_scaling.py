"""Makes the orders of a plan smaller, as a policy wants it, with a line that says how it came about."""

from __future__ import annotations

from decimal import Decimal

from msgspec.structs import replace

from fairlead.core.model.events import SizingLine
from fairlead.core.model.money import ONE, ZERO, floor_to_step, format_amount
from fairlead.core.model.order import Order
from fairlead.core.model.request import SetTarget, Side
from fairlead.core.rules.plan import Nothing, Plan, PlanReason, Refusal
from fairlead.core.rules.policy_facts import PolicyCase
from fairlead.core.rules.risk_checks.facts import effect_of
from fairlead.core.rules.sizing import QUOTE_STEP, show, show_in, split_quantity


def scale_plan(case: PolicyCase, factor: Decimal, why: str) -> Plan | Nothing | Refusal:
    """Keep ``factor`` of what would be opened, rounded down; what only reduces stays as it is.

    A target is scaled itself, so that asking for it again does not come closer to the whole; what is held already
    beyond the scaled target is kept.
    """
    plan, opening, instrument = case.plan, case.opening, case.instrument
    if factor == ONE or not opening:
        return plan
    first = opening[0]
    price = first.reference_price if first.in_quote else ONE
    step = QUOTE_STEP if first.in_quote else instrument.lot_size
    unit = instrument.quote_currency if first.in_quote else case.instrument.quantity_unit
    total = sum((leg.quantity for leg in opening), ZERO)
    held = _held(case, first) * price
    wished = floor_to_step(max(ZERO, factor * (held + total) - held), step)
    share = f"{show_in(total, unit)} × {format_amount(factor)}"
    formula = (
        f"({show(held)} held + {show_in(total, unit)}) × {format_amount(factor)} - {show(held)}" if held else share
    )
    line = SizingLine(label="policy", formula=f"{formula} ({why})", result=show_in(wished, unit))
    lines = (*plan.sizing, line)
    if held and not wished:
        message = f"policy {why} scales the target to what is held, or less"
        return Nothing(reason_code=PlanReason.TARGET_REACHED.value, message=message, lines=lines)
    least = instrument.quantity_min * price
    if wished < least or not wished:
        bounds = f"{show_in(wished, unit)} is below the least order of {show_in(least, unit)}"
        return Refusal(
            reason_code=PlanReason.BELOW_MIN_SIZE.value,
            message=f"scaled by policy {why}, {bounds}",
            numbers={"quantity": format_amount(wished), "quantity_min": format_amount(least)},
            lines=lines,
        )
    parts = split_quantity(wished, step=step, least=least, greatest=max(leg.quantity for leg in opening))
    kept = [leg for leg in plan.legs if leg not in opening]
    smaller = [replace(leg, quantity=part) for leg, part in zip(opening, parts, strict=False)]
    return replace(plan, legs=(*kept, *smaller), sizing=lines)


def _held(case: PolicyCase, leg: Order) -> Decimal:
    """What a target counts as held already, in the direction of the order."""
    if not isinstance(case.request.intent, SetTarget):
        return ZERO
    held = effect_of(leg, case.instrument, case.view, case.pending).held
    return max(ZERO, held if leg.side is Side.BUY else -held)
