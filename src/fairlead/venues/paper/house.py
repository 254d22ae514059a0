"""The one simulated exchange of the process: moves its market, saves its books, and tells accounts what happened."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import msgspec

from fairlead.core.model.account import VenueAccount
from fairlead.core.model.market import Quote
from fairlead.core.model.reports import ExecutionReport
from fairlead.ports import AppendOutcome, Clock, Committed, DeliverReports, Journal, Record, Unit
from fairlead.simulator import events as sim
from fairlead.simulator.exchange import Exchange
from fairlead.simulator.orders import Order
from fairlead.simulator.records import AccountRecord, ExchangeRecord
from fairlead.venues.paper import wire
from fairlead.venues.paper.history import PaperHistory

TICK_MS: Final = 250
ACCOUNT_SPACE: Final = "paper_account"
ORDER_SPACE: Final = "paper_order"
MARKET_SPACE: Final = "paper_market"
MARKET_SAVED_EVERY_TICKS: Final = 20
"""Five seconds: after a crash prices go on from at most that long ago."""
NUMBERS_SKIPPED: Final = 1_000_000
"""More trades, orders and positions than there can be between two saves of the market."""

_OrderNews = sim.OrderFilled | sim.OrderCanceled | sim.OrderRejectedByEngine | sim.OrderAmended

_ENCODER: Final = msgspec.json.Encoder()
_ACCOUNT: Final = msgspec.json.Decoder(AccountRecord)
_ORDER: Final = msgspec.json.Decoder(Order)
_MARKET: Final = msgspec.json.Decoder(ExchangeRecord)


@dataclass(slots=True)
class _Unsaved:
    """What the exchange has done since its books were last written."""

    accounts: set[str] = field(default_factory=set)
    orders: set[tuple[str, str]] = field(default_factory=set)
    reports: list[tuple[str, ExecutionReport]] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.accounts or self.orders or self.reports)


class PaperHouse:
    """Owner of the exchange. Nobody hears of an event before the books that contain it are durable."""

    def __init__(
        self,
        *,
        exchange: Exchange,
        journal: Journal,
        clock: Clock,
        on_quote: Callable[[Quote], None],
    ) -> None:
        """Take an exchange whose market is loaded; accounts are opened one by one."""
        self.exchange = exchange
        self.clock = clock
        self.history = PaperHistory(exchange, clock)
        self._journal = journal
        self._on_quote = on_quote
        self._listeners: dict[str, DeliverReports] = {}
        self._unsaved = _Unsaved()
        self._saved: dict[str, Record] = {}
        self._saved_orders: dict[str, list[Record]] = {}
        self._opened_accounts: set[str] = set()
        self._ticks = 0
        # Who is told when the newest books on their way are durable, and who when those are that are not yet written.
        self._saving: list[asyncio.Future[bool]] | None = None
        self._asking: list[asyncio.Future[bool]] = []

    async def load(self) -> None:
        """Read the saved books, so that accounts opened later go on where they were."""
        for record in await self._journal.read_records(MARKET_SPACE):
            if record.body is not None:
                self.exchange.records.load_market(_skip_numbers(_MARKET.decode(record.body)))
        self._saved = {record.key: record for record in await self._journal.read_records(ACCOUNT_SPACE)}
        for record in await self._journal.read_records(ORDER_SPACE):
            self._saved_orders.setdefault(record.owner, []).append(record)

    def open_account(self, account: VenueAccount) -> None:
        """Open an account from its saved books, or new with its opening cash; again is harmless."""
        account_id = account.account_id
        if account_id in self._opened_accounts:
            return
        self._opened_accounts.add(account_id)
        saved = self._saved.pop(account_id, None)
        if saved is not None and saved.body is not None:
            orders = [_ORDER.decode(record.body) for record in self._saved_orders.pop(account_id, []) if record.body]
            finished = sorted((order for order in orders if not order.is_pending), key=lambda order: order.number)
            self.exchange.records.load_account(_ACCOUNT.decode(saved.body), finished)
            return
        self._collect(self.exchange.drain_events())
        self.exchange.open_account(
            account_id,
            balances=account.opening_balances,
            position_mode=account.position_mode,
        )
        # The opening cash is part of what an account's desk reads first, so it is not reported as a deposit too.
        self.exchange.drain_events()
        self._unsaved.accounts.add(account_id)
        self.publish()

    def listen(self, account_id: str, deliver: DeliverReports) -> None:
        """Deliver an account's reports here from now on."""
        self._listeners[account_id] = deliver

    async def run(self) -> None:
        """Move the market for ever."""
        while True:
            self.tick()
            await self.clock.sleep_ms(TICK_MS)

    def tick(self) -> None:
        """Move the market to now, publish quotes and whatever that made happen."""
        self.exchange.advance(self.clock.now_ms())
        for symbol in self.exchange.instruments:
            quote = self.exchange.markets.quote(symbol)
            self.history.note(quote)
            self._on_quote(quote)
        self._ticks += 1
        self.publish()
        # The first time at once, so that no trade comes before the first save.
        if self._ticks % MARKET_SAVED_EVERY_TICKS == 1:
            self._save_market()

    def publish(self) -> asyncio.Future[bool]:
        """Save what the exchange did and then deliver it; the result is whether it was saved.

        All that happens in one turn of the event loop is saved together. What could not be saved is saved and delivered
        with the next call, so nothing is ever told that is not durable.
        """
        loop = asyncio.get_running_loop()
        if not self._asking:
            loop.call_soon(self._save)
        # One for each who asks: whoever is cancelled while waiting takes nobody else along.
        told: asyncio.Future[bool] = loop.create_future()
        self._asking.append(told)
        return told

    async def catch_up(self) -> bool:
        """Return when all that has happened is saved and told; False when it cannot be saved now."""
        return await self.publish()

    def _save(self) -> None:
        asking, self._asking = self._asking, []
        self._collect(self.exchange.drain_events())
        unsaved, self._unsaved = self._unsaved, _Unsaved()
        if unsaved:
            self._saving = asking
            self._journal.append(Unit(records=tuple(self._records(unsaved))), partial(self._saved_now, unsaved, asking))
        elif self._saving is not None:
            self._saving += asking
        else:
            _tell(asking, saved=True)

    def _saved_now(self, unsaved: _Unsaved, asking: list[asyncio.Future[bool]], outcome: AppendOutcome) -> None:
        saved = isinstance(outcome, Committed)
        if self._saving is asking:
            self._saving = None
        if saved:
            self._deliver(unsaved.reports)
        else:
            self._unsaved.accounts |= unsaved.accounts
            self._unsaved.orders |= unsaved.orders
            self._unsaved.reports[:0] = unsaved.reports
        _tell(asking, saved=saved)

    def _deliver(self, reports: Sequence[tuple[str, ExecutionReport]]) -> None:
        by_account: dict[str, list[ExecutionReport]] = {}
        for account_id, report in reports:
            by_account.setdefault(account_id, []).append(report)
        for account_id, batch in by_account.items():
            deliver = self._listeners.get(account_id)
            # An account whose desk is not open yet asks for the whole story of its orders when it opens.
            if deliver is not None:
                deliver(batch)

    def _collect(self, events: Sequence[sim.ExchangeEvent]) -> None:
        unsaved = self._unsaved
        born = {event.venue_order_id for event in events if isinstance(event, sim.OrderOpened) and event.parent_id}
        for event in events:
            account_id = event.account_id
            unsaved.accounts.add(account_id)
            match event:
                case sim.OrderOpened():
                    self._report(account_id, self._opened(event))
                case sim.OrderFilled():
                    order_id = self._note(event)
                    self._report(account_id, wire.filled(order_id, event.symbol, event, is_last=event.is_last))
                    exits = self.exchange.accounts.find_exits(account_id, event.venue_order_id)
                    if exits is not None and exits.venue_order_id not in born:
                        # The exchange has brought the protection of this order to the size of its fills.
                        self._report(account_id, wire.opened(exits, order_id))
                # What an order moved, a liquidation too, is in its fills.
                case sim.BalanceChanged() if not event.venue_order_id:
                    self._report(account_id, wire.adjusted(event))
                case sim.OrderCanceled():
                    self._report(account_id, wire.canceled(self._note(event), event.reason.value, event.at_ms))
                case sim.OrderRejectedByEngine():
                    self._report(account_id, wire.refused(self._note(event), event))
                case sim.OrderAmended():
                    self._note(event)
                case _:
                    pass
        # What the exchange has forgotten is dropped from what is kept.
        unsaved.orders.update(self.exchange.records.drain_forgotten())

    def _report(self, account_id: str, report: ExecutionReport | None) -> None:
        if report is not None:
            self._unsaved.reports.append((account_id, report))

    def _opened(self, event: sim.OrderOpened) -> ExecutionReport | None:
        if event.client_order_id and not event.parent_id:
            return wire.accepted(event)
        order = self.exchange.accounts.find_venue_order(event.account_id, event.venue_order_id)
        return None if order is None else wire.opened(order, self.parent_order_id(event.account_id, order.parent_id))

    def parent_order_id(self, account_id: str, venue_parent_id: str) -> str:
        """Our id of the order that an attached order belongs to, or empty."""
        parent = self.exchange.accounts.find_venue_order(account_id, venue_parent_id) if venue_parent_id else None
        return "" if parent is None else wire.order_id_of(parent)

    def _note(self, event: _OrderNews) -> str:
        """Mark an order as changed; returns our id of it."""
        self._unsaved.orders.add((event.account_id, event.venue_order_id))
        if event.client_order_id:
            return event.client_order_id
        order = self.exchange.accounts.find_venue_order(event.account_id, event.venue_order_id)
        return "" if order is None else wire.order_id_of(order)

    def _records(self, unsaved: _Unsaved) -> Iterable[Record]:
        books = self.exchange.records
        for account_id in unsaved.accounts:
            body = books.encode_account(account_id)
            yield Record(space=ACCOUNT_SPACE, owner=account_id, key=account_id, body=body)
        for account_id, venue_order_id in unsaved.orders:
            story = books.encode_finished(account_id, venue_order_id)
            yield Record(space=ORDER_SPACE, owner=account_id, key=venue_order_id, body=story)

    def _save_market(self) -> None:
        body = _ENCODER.encode(self.exchange.records.dump_market())
        record = Record(space=MARKET_SPACE, owner="", key="market", body=body)
        self._journal.append(Unit(records=(record,)), lambda _: None)


def _tell(asking: Iterable[asyncio.Future[bool]], *, saved: bool) -> None:
    for told in asking:
        if not told.done():
            told.set_result(saved)


def _skip_numbers(record: ExchangeRecord) -> ExchangeRecord:
    # What came since the save is in the accounts' books, which are opened one by one: the first must not be given the
    # numbers of the last.
    markets = [
        msgspec.structs.replace(market, trade_number=market.trade_number + NUMBERS_SKIPPED) for market in record.markets
    ]
    return msgspec.structs.replace(
        record,
        orders_taken=record.orders_taken + NUMBERS_SKIPPED,
        positions_opened=record.positions_opened + NUMBERS_SKIPPED,
        markets=tuple(markets),
    )
