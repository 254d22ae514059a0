"""Bots as rows of tables, and their values as plain ones."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fairlead.accounts.registry.bots import KnownBot


def bot_row(found: KnownBot) -> dict[str, object]:
    """One bot in a table."""
    from fairlead.core.model.money import ZERO, format_amount

    state = found.state
    realized = ZERO if state is None else state.deal.realized + state.deal.realized_before
    return {
        "name": found.bot.name,
        "account": found.account,
        "symbol": found.bot.symbol,
        "status": status_of(found),
        "cycle": 0 if state is None else state.cycle,
        "held": "0" if state is None else format_amount(state.deal.quantity),
        "realized": format_amount(round(realized, 8)),
        "orders": 0 if state is None else len(state.orders),
        "note": note_of(found),
    }


def status_of(found: KnownBot) -> str:
    """Where it is, and where its owner wants it to be if that is not there yet."""
    from fairlead.core.model.bots.bot import Wish

    state, wish = found.state, found.bot.wish
    if state is None:
        return "starting" if wish is Wish.RUN else wish.value.replace("_", " ")
    return state.status.value


def note_of(found: KnownBot) -> str:
    """What it says about itself, or what troubles its orders."""
    state = found.state
    if state is None:
        return ""
    return state.note or "; ".join(f"{one.slot}: {one.message or one.reason}" for one in state.troubles)


def plain(value: Any) -> Any:  # noqa: ANN401  # whatever TOML may hold
    """The same with every exact number as text."""
    from fairlead.core.model.money import format_amount

    if isinstance(value, Decimal):
        return format_amount(value)
    if isinstance(value, dict):
        return {name: plain(part) for name, part in value.items()}
    return [plain(part) for part in value] if isinstance(value, list) else value
