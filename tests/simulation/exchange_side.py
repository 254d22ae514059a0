"""The other end of the network: an exchange that outlives every crash, and all that it ever said."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from fairlead.core.model.account import VenueAccount
from fairlead.core.model.market import Quote
from fairlead.core.model.order import ApprovedOrder
from fairlead.core.model.reports import ExecutionReport, PlaceOutcome, ReportAdjusted
from fairlead.ports import Clock, VenueCapabilities
from fairlead.simulator.exchange import Exchange
from fairlead.simulator.instruments import DEFAULT_INSTRUMENTS
from fairlead.simulator.orders import Order
from fairlead.simulator.rules import VenueRules
from fairlead.venues.paper.house import PaperHouse
from fairlead.venues.paper.venue import PaperVenue
from tests.crash.exchange_process import OpenBooks
from tests.venues.paper_world import approve

SPOT, LINEAR, ETHER, INVERSE = "BTC-USDT", "BTC-USDT-SWAP", "ETH-USDT-SWAP", "BTC-USD-SWAP"
SYMBOLS: Final = (LINEAR, ETHER, INVERSE, SPOT)
INSTRUMENTS: Final = tuple(one for one in DEFAULT_INSTRUMENTS if one.symbol in SYMBOLS)
# More orders and ids than an account has in any storm.
RULES: Final = VenueRules(
    step_ms=1_000,
    steps_caught_up_max=1,
    book_levels=4,
    finished_orders_kept_max=200,
    client_ids_kept_max=200,
)
# For venues that take a request however late it comes.
NO_DEADLINE_MS: Final = 2**52

Hear = Callable[[Sequence[ExecutionReport]], None]


class VenueKind(msgspec.Struct, frozen=True):
    """What a venue promises: whether it refuses late requests, and whether a client order id is taken for ever."""

    name: str
    deadlines: bool
    client_ids_lasting: bool

    @property
    def capabilities(self) -> VenueCapabilities:
        """The same in the words of the port."""
        return VenueCapabilities(
            deadlines=self.deadlines,
            client_ids_lasting=self.client_ids_lasting,
            late_arrivals=True,
            long_short_mode=True,
            attached_protection=True,
        )


OKX_LIKE: Final = VenueKind("deadlines", deadlines=True, client_ids_lasting=False)
SAFEST: Final = VenueKind("deadlines and lasting ids", deadlines=True, client_ids_lasting=True)
LASTING: Final = VenueKind("lasting ids", deadlines=False, client_ids_lasting=True)
NEITHER: Final = VenueKind("neither", deadlines=False, client_ids_lasting=False)


class Tape:
    """What the exchange tells about one account: cash that moved without a fill is kept, by key."""

    def __init__(self) -> None:
        """Begin with nobody who listens."""
        self.adjustments: dict[str, ReportAdjusted] = {}
        self.hear: Hear | None = None

    def note(self, reports: Sequence[ExecutionReport]) -> None:
        self.adjustments.update((report.key, report) for report in reports if isinstance(report, ReportAdjusted))
        if self.hear is not None:
            self.hear(reports)


class ExchangeSide:
    """One exchange with its members, its market and its clock, which is right."""

    def __init__(self, kind: VenueKind, seed: int, clock: Clock, rules: VenueRules = RULES) -> None:
        """Open it; chance is in its prices only."""
        rules = msgspec.structs.replace(rules, client_ids_lasting=kind.client_ids_lasting)
        self.kind = kind
        self.quotes: dict[str, Quote] = {}
        self.exchange = Exchange(instruments=INSTRUMENTS, seed=seed, now_ms=clock.now_ms(), rules=rules)
        self.house = PaperHouse(
            exchange=self.exchange,
            journal=OpenBooks(),
            clock=clock,
            on_quote=lambda quote: self.quotes.__setitem__(quote.symbol, quote),
        )
        self.venues: dict[str, PaperVenue] = {}
        self.tapes: dict[str, Tape] = {}
        self.house.tick()

    def open(self, account: VenueAccount) -> None:
        """Open an account with its first cash."""
        account_id = account.account_id
        self.venues[account_id] = PaperVenue(account, self.house)
        tape = self.tapes[account_id] = Tape()
        self.venues[account_id].listen(tape.note)

    async def place(self, account_id: str, approved: ApprovedOrder) -> PlaceOutcome:
        """Take an order, or refuse it when its deadline has passed and deadlines count here."""
        if not self.kind.deadlines:
            approved = approve(msgspec.structs.replace(approved.order, deadline_ms=NO_DEADLINE_MS))
        return await self.venues[account_id].place_order(approved)

    def orders(self, account_id: str) -> list[Order]:
        """Every order that the account has or had."""
        books = self.exchange.accounts
        return [*books.finished_orders(account_id), *books.open_orders(account_id)]

    async def settle(self) -> None:
        """Return when everything that happened is told."""
        await self.house.catch_up()
        await asyncio.sleep(0)
