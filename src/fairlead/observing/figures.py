"""How the process stands at one moment: what metrics show beside what was counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec


class JournalFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What the journal's writer has done, and what waits for it."""

    units_waiting: int = 0
    commits: int = 0
    rows: int = 0


class DeskFigures(msgspec.Struct, frozen=True, kw_only=True):
    """All accounts together: none of them can be told from another."""

    accounts: Mapping[tuple[str, str], int] = {}
    accounts_halted: int = 0
    accounts_in_drift: int = 0
    protections: Mapping[str, int] = {}
    orders_open: Mapping[str, int] = {}
    unknown_age_s: float = 0.0
    requests_waiting: int = 0


class LimitFigures(msgspec.Struct, frozen=True, kw_only=True):
    """One rate limit of a venue, whoever is counted: used and usable of the fullest, waiting and refused of all."""

    endpoint: str
    used: int
    usable: int
    waiting: int = 0
    refused: int = 0


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is read when somebody asks; ages in seconds, ``accounts`` by (adapter, mode)."""

    journal: JournalFigures = JournalFigures()
    desks: DeskFigures = DeskFigures()
    requests_unfinished: int = 0
    requests_unfinished_limit: int = 0
    alerts_unhandled: int = 0
    quote_ages_s: Mapping[str, float] = {}
    instruments_silent: int = 0
    limits: Sequence[LimitFigures] = ()
    tasks: int = 0
    log_lines_dropped: int = 0
    log_lines_failed: int = 0
    log_lines_waiting: int = 0
    is_healthy: bool = True
    is_ready: bool = True
