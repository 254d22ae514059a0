"""States that the journal's facts add up to: each is one row of a table, and can be rebuilt."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import msgspec

from fairlead.core.model.account import Balance, Position, SubPosition
from fairlead.core.model.money import ZERO
from fairlead.core.model.order import Order
from fairlead.core.model.preview import Preview
from fairlead.core.model.request import OrderRequest


class RequestStatus(StrEnum):
    """How far a request has come; the first two are pending, the rest final (docs/alerts.md results)."""

    QUEUED = "queued"
    WORKING = "working"
    FILLED = "filled"
    ACCEPTED = "accepted"
    DENIED = "denied"
    REJECTED = "rejected"
    UNKNOWN = "unknown"
    SKIPPED = "skipped"
    EXPIRED = "expired"


PENDING_STATUSES = frozenset({RequestStatus.QUEUED, RequestStatus.WORKING})


class RequestState(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """One request and what came of it.

    ``accepted`` is final for the sender (a limit order rests) though its orders live on; so is ``unknown`` until
    settled.
    ``more`` is set while further legs will be planned once the present ones are terminal. ``preview`` is what a dry run
    would have sent.
    """

    request: OrderRequest
    status: RequestStatus = RequestStatus.QUEUED
    order_ids: tuple[str, ...] = ()
    more: bool = False
    filled_quantity: Decimal = ZERO
    reason_code: str = ""
    message: str = ""
    updated_ms: int = 0
    warnings: tuple[str, ...] = ()
    preview: Preview | None = None

    @property
    def is_pending(self) -> bool:
        """Whether the sender should still wait."""
        return self.status in PENDING_STATUSES


class AlertState(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """One received alert and its verdict; ``received`` until handled."""

    alert_id: str
    tenant: str
    hook_id: str
    duplicate_key: str
    explicit_key: bool
    received_ms: int
    verdict: str = "received"
    reason_code: str = ""
    request_ids: tuple[str, ...] = ()


State = AlertState | RequestState | Order | Position | SubPosition | Balance
