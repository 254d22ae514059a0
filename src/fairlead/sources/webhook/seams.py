"""What the webhook source needs from the rest of the house."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import msgspec

from fairlead.accounts.directory import LiveDirectory
from fairlead.core.model.events import AlertHandled, AlertReceived
from fairlead.core.model.order import Order
from fairlead.core.model.request import OrderRequest
from fairlead.core.model.state import AlertState, RequestState, State
from fairlead.core.rules.symbols import SymbolMaster
from fairlead.ports import AppendOutcome, Clock, Fact, Journal

WAIT_MS_DEFAULT: Final = 2_500


class Door(Protocol):
    """The one way to an order."""

    unfinished_max: int

    @property
    def unfinished(self) -> int:
        """Requests whose outcome is open."""
        ...

    async def submit(
        self,
        cause: tuple[Fact, ...],
        requests: Sequence[OrderRequest],
        *,
        states: tuple[State, ...] = (),
    ) -> AppendOutcome:
        """Store the cause with its requests, all or nothing, and wake the desks."""
        ...

    async def wait_settled(self, request_ids: Sequence[str], wait_ms: int) -> None:
        """Return when all are settled, or after ``wait_ms`` milliseconds."""
        ...

    def find_state(self, request_id: str) -> RequestState | None:
        """The newest state of a recent request."""
        ...

    def find_order(self, account_id: str, order_id: str) -> Order | None:
        """The newest state of a recent order of an account."""
        ...


class UnreadableError(Exception):
    """The store cannot be read now. What it holds is safe, and is acted on all the same."""


class StoredAlert(msgspec.Struct, frozen=True, kw_only=True):
    """An alert as it was stored, for whoever takes it up after a restart."""

    tenant: str
    received: AlertReceived


class AlertReader(Protocol):
    """Reads what is stored; every question but the start-up ones is one tenant's, and may raise UnreadableError."""

    async def find_alert(self, tenant: str, alert_id: str) -> AlertState | None:
        """One alert by its id."""
        ...

    async def find_alert_by_key(self, tenant: str, duplicate_key: str) -> AlertState | None:
        """The alert that holds a duplicate key."""
        ...

    async def find_verdict(self, tenant: str, alert_id: str) -> AlertHandled | None:
        """What became of an alert at the edge."""
        ...

    async def find_requests(self, tenant: str, request_ids: Sequence[str]) -> Sequence[RequestState]:
        """Requests by their ids."""
        ...

    async def find_orders(self, tenant: str, order_ids: Sequence[str]) -> Sequence[Order]:
        """Orders by their ids."""
        ...

    async def read_recent(self, since_ms: int) -> Sequence[AlertState]:
        """Alerts of all tenants since a moment, oldest first."""
        ...

    async def read_unhandled(self, since_ms: int) -> Sequence[StoredAlert]:
        """Alerts of all tenants since a moment that have no verdict yet, oldest first."""
        ...


@dataclass(frozen=True, kw_only=True)
class WebhookTools:
    """Everything the webhook source works with.

    ``symbols`` is a live view of the symbol master of every exchange that may be named. ``report_fault`` hears the id
    of an alert whose handling broke; it stays unhandled until the next start. ``wait_ms`` is how long a hook in wait
    mode waits for its orders.
    """

    journal: Journal
    door: Door
    reader: AlertReader
    directory: LiveDirectory
    symbols: Mapping[str, SymbolMaster]
    clock: Clock
    report_fault: Callable[[str, BaseException], None]
    wait_ms: int = WAIT_MS_DEFAULT
