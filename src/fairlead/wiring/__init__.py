"""The one place that knows which implementation is used: builds the process, starts it, and takes it down.

What it offers is imported when it is first asked for: most commands need one small part, and the whole is a server.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fairlead.wiring.lifetime import Plugs, Running, running, serve
    from fairlead.wiring.replaying import instruments_of_accounts, journal_fold, known_instruments, record_kinds
    from fairlead.wiring.trading import Trading, TradingPlan

__all__ = [
    "Plugs",
    "Running",
    "Trading",
    "TradingPlan",
    "instruments_of_accounts",
    "journal_fold",
    "known_instruments",
    "record_kinds",
    "running",
    "serve",
]

_HOMES: Final[Mapping[str, str]] = {
    **dict.fromkeys(("Plugs", "Running", "running", "serve"), "fairlead.wiring.lifetime"),
    **dict.fromkeys(("Trading", "TradingPlan"), "fairlead.wiring.trading"),
    **dict.fromkeys(
        ("instruments_of_accounts", "journal_fold", "known_instruments", "record_kinds"), "fairlead.wiring.replaying"
    ),
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        message = f"module {__name__} has no attribute {name}"
        raise AttributeError(message)
    return getattr(import_module(_HOMES[name]), name)
