"""Whether the process is alive, and whether it should be sent alerts: two questions with two answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import msgspec

# Every feed of prices sends more often than this.
QUOTE_AGE_S_MAX: Final = 30.0


class Reason(StrEnum):
    """Why not; a closed list, because anybody may read it."""

    JOURNAL = "journal"
    NOT_RECOVERED = "not_recovered"
    DRAINING = "draining"
    DESKS_CLOSED = "desks_closed"
    MARKET_STALE = "market_stale"
    KILL_SWITCH = "kill_switch"


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """One answer: all is well when there are no reasons. ``details`` are numbers and texts for whoever operates it."""

    reasons: tuple[Reason, ...] = ()
    details: Mapping[str, object] = {}

    @property
    def is_well(self) -> bool:
        """Whether nothing is wrong."""
        return not self.reasons


@dataclass(frozen=True, slots=True, kw_only=True)
class Desks:
    """How many accounts there are, and how many of them take no orders now."""

    accounts: int
    halted: int


class Readiness:
    """What the parts of the process say about themselves."""

    def __init__(
        self,
        *,
        journal_trouble: Callable[[], str],
        desks: Callable[[], Desks],
        newest_quote_age_s: Callable[[], float],
        is_platform_stopped: Callable[[], bool],
        details: Callable[[], Mapping[str, object]],
    ) -> None:
        """Ask these; ``is_platform_stopped`` is whether a kill switch covers everybody."""
        self.is_recovered = False
        self.is_draining = False
        self._journal_trouble = journal_trouble
        self._desks = desks
        self._newest_quote_age_s = newest_quote_age_s
        self._is_platform_stopped = is_platform_stopped
        self._details = details

    def check_health(self) -> Condition:
        """Alive, and able to keep what it is told: if not, it should be restarted, or given a disk."""
        trouble = self._journal_trouble()
        details = {**self._details(), **({"journal": trouble} if trouble else {})}
        return Condition(reasons=(Reason.JOURNAL,) if trouble else (), details=details)

    def check_ready(self) -> Condition:
        """Able to do what it is told: if not, send alerts elsewhere, or look why.

        Accounts that are closed for themselves (their venue is away) do not count while others are open.
        """
        desks = self._desks()
        age_s = self._newest_quote_age_s()
        wrong = {
            Reason.JOURNAL: bool(self._journal_trouble()),
            Reason.NOT_RECOVERED: not self.is_recovered,
            Reason.DRAINING: self.is_draining,
            Reason.DESKS_CLOSED: desks.accounts > 0 and desks.halted >= desks.accounts,
            Reason.MARKET_STALE: age_s > QUOTE_AGE_S_MAX,
            Reason.KILL_SWITCH: self._is_platform_stopped(),
        }
        details = {**self._details(), "newest_quote_age_s": round(age_s, 3)}
        return Condition(reasons=tuple(reason for reason, is_wrong in wrong.items() if is_wrong), details=details)
