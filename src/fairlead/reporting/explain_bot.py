"""The part of an explanation about the bot that asked: which decision, for which place in its ladder, and why."""

from __future__ import annotations

from collections.abc import Mapping

from fairlead.core.model.bots.events import BotDecided
from fairlead.core.model.request import CancelOrders, OrderRequest, SourceKind
from fairlead.reporting.bot_words import reason_text, slot_name
from fairlead.reporting.explanation import BotPart


def describe_bot(request: OrderRequest, decided: BotDecided | None, names: Mapping[str, str]) -> BotPart | None:
    """Tell which bot asked; None when it was none, or its decision is not there."""
    if request.source_kind is not SourceKind.BOT or decided is None:
        return None
    state = decided.state
    order = next((one for one in state.orders if one.request_id == request.request_id), None)
    return BotPart(
        bot_id=decided.bot_id,
        name=names.get(decided.bot_id, decided.bot_id),
        cycle=state.cycle,
        decision=state.version,
        settings_version=state.settings_version,
        slot="" if order is None else order.want.slot,
        what=_what(request) if order is None else slot_name(order.want.slot),
        price=decided.stimulus.price,
        at_ms=decided.at_ms,
        reasons=tuple(reason_text(reason) for reason in decided.reasons),
    )


def _what(request: OrderRequest) -> str:
    return "orders that it does not want any more" if isinstance(request.intent, CancelOrders) else ""
