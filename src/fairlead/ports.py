"""Every shared seam on one page: what the order path needs from the world, and what the world may call."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from decimal import Decimal
from typing import Protocol

import msgspec

from fairlead.core.model.account import MarginMode, PositionMode, PositionSide
from fairlead.core.model.events import Event
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.market import Quote
from fairlead.core.model.order import ApprovedOrder, Order
from fairlead.core.model.reports import (
    AccountReport,
    CancelOutcome,
    ExecutionReport,
    FindOutcome,
    PlaceOutcome,
    Rejected,
    Unknown,
)
from fairlead.core.model.secret import Secret
from fairlead.core.model.state import State


class Clock(Protocol):
    """The only one who tells the time."""

    def now_ms(self) -> int:
        """UTC, in milliseconds."""
        ...

    def monotonic_s(self) -> float:
        """Seconds from an arbitrary start, never backwards: for durations only."""
        ...

    async def sleep_ms(self, duration_ms: int) -> None:
        """Wait."""
        ...


class VenueCapabilities(msgspec.Struct, frozen=True, kw_only=True):
    """What a venue can promise: decides how a doubt may be settled.

    ``late_arrivals``: a request that we lost sight of may still arrive, so that "no such order" proves nothing before
    its deadline has passed. False only where nothing lies between us and the venue.
    """

    deadlines: bool
    client_ids_lasting: bool
    long_short_mode: bool
    attached_protection: bool
    late_arrivals: bool = True


DeliverReports = Callable[[Sequence[ExecutionReport]], None]


class Venue(Protocol):
    """One account at a venue. Takes approved orders only; every answer is a value, never an exception."""

    @property
    def capabilities(self) -> VenueCapabilities:
        """What it can promise."""
        ...

    @property
    def position_mode(self) -> PositionMode:
        """Net or long/short, as the venue has it."""
        ...

    def listen(self, deliver: DeliverReports) -> None:
        """Hand every later execution report to ``deliver``, in the venue's order, on the event loop."""
        ...

    async def place_order(self, approved: ApprovedOrder) -> PlaceOutcome:
        """Send one order with its deadline (``approved.order.deadline_ms``)."""
        ...

    async def cancel_order(self, order: Order) -> CancelOutcome:
        """Ask the venue to cancel what is left of an order."""
        ...

    async def set_leverage(
        self,
        symbol: str,
        margin_mode: MarginMode,
        position_side: PositionSide,
        leverage: Decimal,
    ) -> Rejected | Unknown | None:
        """Set the leverage of an instrument; None is success."""
        ...

    async def find_order(self, order: Order) -> FindOutcome:
        """Ask what became of an order, by its client order id."""
        ...

    async def read_account(self) -> AccountReport | Unknown:
        """Balances, positions and open orders as the venue has them now."""
        ...


class MarketView(Protocol):
    """The newest quote of every instrument, and the instruments themselves."""

    @property
    def quotes(self) -> Mapping[str, Quote]:
        """Newest quote by symbol; a live view."""
        ...

    @property
    def instruments(self) -> Mapping[str, Instrument]:
        """Instruments by symbol; a live view."""
        ...


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the journal. ``key`` is unique per (tenant, kind of event) when set: it makes a repeat harmless."""

    tenant: str
    stream: str
    cause: str
    at_ms: int
    event: Event
    key: str | None = None


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One keyed blob that is kept beside the journal (a snapshot, a paper venue's books); ``body`` None deletes it."""

    space: str
    owner: str
    key: str
    body: bytes | None


class Unit(msgspec.Struct, frozen=True, kw_only=True):
    """What is committed together or not at all: facts, the states they change, records.

    Units of one ``chain`` build on each other: once one is refused, all later ones of that chain are refused too, until
    the chain is reopened, because they were decided on a state that never came to be.
    """

    facts: tuple[Fact, ...] = ()
    states: tuple[State, ...] = ()
    records: tuple[Record, ...] = ()
    chain: str = ""


class Committed(msgspec.Struct, frozen=True, kw_only=True):
    """The unit is durable; ``last_seq`` is the journal's newest row as of this unit."""

    last_seq: int


class DuplicateKey(msgspec.Struct, frozen=True, kw_only=True):
    """A fact with this kind and key was there already; nothing of the unit was stored and no version was used up."""

    kind: str
    key: str


class NotStored(msgspec.Struct, frozen=True, kw_only=True):
    """The store refused (disk full, locked, read-only, queue full); nothing of the unit was stored."""

    reason: str


AppendOutcome = Committed | DuplicateKey | NotStored


class JournalRow(msgspec.Struct, frozen=True, kw_only=True):
    """A stored fact."""

    seq: int
    tenant: str
    stream: str
    version: int
    kind: str
    key: str | None
    cause: str
    at_ms: int
    event: Event


class Journal(Protocol):
    """The list of facts. One writer, first in first out, many units per commit."""

    def append(self, unit: Unit, on_done: Callable[[AppendOutcome], None]) -> None:
        """Queue a unit; ``on_done`` is called once on the event loop, in queue order, after commit or refusal."""
        ...

    def commit(self, unit: Unit) -> Awaitable[AppendOutcome]:
        """Queue a unit and wait for its outcome."""
        ...

    def reopen(self, chain: str) -> None:
        """Take units of a chain again, after its owner was rebuilt from what is stored."""
        ...

    def read_after(self, seq: int) -> AsyncIterator[JournalRow]:
        """All rows with a greater seq, in order; short reads, no transaction kept open between pages."""
        ...

    async def read_records(self, space: str) -> Sequence[Record]:
        """All records of a space."""
        ...


class SealedPlace(msgspec.Struct, frozen=True, kw_only=True):
    """Where a sealed value belongs: whose it is, and in which field of which row it stands."""

    tenant: str
    table: str
    row_id: str
    field: str


class SecretBox(Protocol):
    """Seals what must be kept but not be readable where it is kept."""

    def seal(self, secret: Secret, place: SealedPlace) -> bytes:
        """Lock a secret up; it opens again only for the same place.

        Raises:
            ValueError: there is no key to do it with.
        """
        ...

    def open(self, sealed: bytes, place: SealedPlace) -> Secret:
        """Take a secret out.

        Raises:
            ValueError: it was sealed with another key or for another place, or somebody changed it.
        """
        ...
