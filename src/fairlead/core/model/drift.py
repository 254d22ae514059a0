"""Where our record of an account and its venue's differ, and what a person may do about it."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import msgspec

from fairlead.core.model.account import PositionSide
from fairlead.core.model.money import ZERO, format_amount
from fairlead.core.model.reports import ReportBorn


class DriftKind(StrEnum):
    """What differs."""

    BALANCE = "balance"
    POSITION = "position"
    OUTSIDE_ORDER = "outside_order"
    MISSING_ORDER = "missing_order"


class DriftCause(StrEnum):
    """What most likely made it differ; a guess, for whoever decides."""

    OUTSIDE_ORDER = "outside_order"
    OUTSIDE_POSITION = "outside_position"
    MANUAL_BALANCE = "manual_balance"
    MISSED_FILL = "missed_fill"
    FUNDING = "funding"
    LIQUIDATION = "liquidation"


class DriftWay(StrEnum):
    """How a drift is settled: take the venue's view for ours, live with it, or undo it at the venue."""

    ADOPT = "adopt"
    IGNORE = "ignore"
    CLOSE = "close"


DriftPlace = tuple[DriftKind, str, PositionSide]


class Drift(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One difference of one amount: when the amount changes, it is another drift.

    ``subject`` is a currency, a symbol or an order id; ``ours`` and ``theirs`` are cash, or contracts (signed in net
    mode), as they were when it was found at ``since_ms``. ``order`` describes an outside order as its venue does.
    """

    drift_id: str
    kind: DriftKind
    cause: DriftCause
    subject: str
    since_ms: int
    ours: Decimal = ZERO
    theirs: Decimal = ZERO
    position_side: PositionSide = PositionSide.NET
    order: ReportBorn | None = None
    is_ignored: bool = False

    @property
    def place(self) -> DriftPlace:
        """What can differ only once at a time."""
        return (self.kind, self.subject, self.position_side)

    @property
    def change(self) -> Decimal:
        """How much the venue has more than we."""
        return self.theirs - self.ours

    @property
    def text(self) -> str:
        """One line, ours first."""
        match self.kind:
            case DriftKind.BALANCE:
                return f"balance {self.subject}: {format_amount(self.ours)}, venue {format_amount(self.theirs)}"
            case DriftKind.POSITION:
                numbers = f"{format_amount(self.ours)}, venue {format_amount(self.theirs)}"
                return f"position {self.subject} {self.position_side}: {numbers}"
            case DriftKind.OUTSIDE_ORDER:
                return f"order {self.subject}: not ours, open at the venue"
            case DriftKind.MISSING_ORDER:
                return f"order {self.subject}: open here, the venue does not have it"


class DriftDecision(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody decided about a drift; ``outcome`` is empty until a server has tried it."""

    drift_id: str
    tenant: str
    account_id: str
    way: DriftWay
    decided_by: str
    reason: str
    created_ms: int
    outcome: str = ""
