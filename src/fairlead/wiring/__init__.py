"""The one place that knows which implementation is used: builds the process, starts it, and takes it down."""

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
