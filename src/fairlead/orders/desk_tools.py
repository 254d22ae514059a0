"""What every desk of a process shares, and the one thing a desk shows to those who work for it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Protocol

from fairlead.core.model.account import VenueAccount
from fairlead.core.model.events import AccountEvent
from fairlead.core.model.loss import LossLimits
from fairlead.core.model.order import Order
from fairlead.core.model.policy import Policing
from fairlead.core.model.request import OrderRequest
from fairlead.core.model.risk import RiskLimits, UserExposure
from fairlead.core.model.state import RequestState, State
from fairlead.core.rules.account_book import AccountBook
from fairlead.ports import Clock, Journal, MarketView, Venue


class RecordingDesk(Protocol):
    """A desk as its dispatcher and its reconciler see it."""

    account: VenueAccount
    book: AccountBook
    venue: Venue
    market: MarketView
    halt_reason: str

    def record(self, events: Sequence[AccountEvent], then: Callable[[], None] | None = None) -> None:
        """Apply events, append what changed, call ``then`` once durable."""
        ...

    def wake(self) -> None:
        """Ask for a turn."""
        ...

    def stop_waiting(self, order: Order) -> None:
        """Let others go on although this order is in doubt."""
        ...

    def halt(self, reason: str) -> None:
        """Stop until rebuilt."""
        ...


def no_policies(_account: VenueAccount, _request: OrderRequest) -> Policing:
    """For whoever has none."""
    return Policing()


def wants_no_quotes(_account: VenueAccount, _symbols: Sequence[str]) -> Awaitable[None] | None:
    """For markets that have every price already."""
    return None


def hears_nothing(_account: VenueAccount, _states: Sequence[State]) -> None:
    """For whoever does not listen."""


@dataclass(frozen=True, slots=True)
class DeskTools:
    """What desks share: all of it but the ``market``, which is that of the account's venue.

    ``limits`` merges the limits that apply to a request on an account and names their profile; ``loss_limits`` are the
    account's own, whoever asks; ``zone`` is where its user's days begin; ``others`` sums up the tenant's other
    accounts; ``latches`` lists the kill switches that cover a request or an order on an account, as they are at this
    moment; ``settled`` hears of each request whose sender need not wait any longer; ``wake`` puts a desk on the floor's
    list; ``spawn`` runs a supervised task whose failure halts the desk; ``halted`` hears of a desk to be rebuilt;
    ``policing`` finds the policies that cover a request, as they are at this moment; ``live_enabled``: whether this
    installation may trade live; ``want_quotes`` has prices of instruments come, and is awaited for the first;
    ``heard`` is told of every state of an account that changed, once that is durable.
    """

    journal: Journal
    market: MarketView
    clock: Clock
    limits: Callable[[VenueAccount, OrderRequest], tuple[RiskLimits, str]]
    loss_limits: Callable[[VenueAccount], LossLimits]
    zone: Callable[[VenueAccount], tzinfo]
    others: Callable[[VenueAccount], UserExposure | None]
    latches: Callable[[VenueAccount, OrderRequest | Order], tuple[str, ...]]
    settled: Callable[[RequestState], None]
    wake: Callable[[RecordingDesk], None]
    spawn: Callable[[RecordingDesk, Coroutine[None, None, None]], None]
    halted: Callable[[RecordingDesk], None]
    policing: Callable[[VenueAccount, OrderRequest], Policing] = no_policies
    live_enabled: bool = False
    want_quotes: Callable[[VenueAccount, Sequence[str]], Awaitable[None] | None] = wants_no_quotes
    heard: Callable[[VenueAccount, Sequence[State]], None] = hears_nothing
