"""The one simulated exchange of the process: moves its market, saves its books, and tells accounts what happened."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence
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

TICK_MS: Final = 250
ACCOUNT_SPACE: Final = "paper_account"
ORDER_SPACE: Final = "paper_order"
MARKET_SPACE: Final = "paper_market"
MARKET_SAVED_EVERY_TICKS: Final = 20
"""Five seconds: after a crash prices go on from at most that long ago."""
TRADE_NUMBERS_SKIPPED: Final = 1_000_000
"""More trades than an instrument can have between two saves of the market."""

_OrderNews = (
    sim.OrderOpened
    | sim.OrderFilled
    | sim.OrderCanceled
    | sim.OrderRejectedByEngine
    | sim.OrderAmended
    | sim.TriggerFired
)

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
        self._journal = journal
        self._on_quote = on_quote
        self._listeners: dict[str, DeliverReports] = {}
        self._unsaved = _Unsaved()
        self._saved: dict[str, Record] = {}
        self._saved_orders: dict[str, list[Record]] = {}
        self._opened_accounts: set[str] = set()
        self._ticks = 0
        self._saving: asyncio.Future[bool] | None = None

    async def load(self) -> None:
        """Read the saved books, so that accounts opened later go on where they were."""
        for record in await self._journal.read_records(MARKET_SPACE):
            if record.body is not None:
                self.exchange.records.load_market(_skip_trade_numbers(_MARKET.decode(record.body)))
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
            self._on_quote(self.exchange.markets.quote(symbol))
        self._ticks += 1
        self.publish()
        # The first time at once, so that no trade comes before the first save.
        if self._ticks % MARKET_SAVED_EVERY_TICKS == 1:
            self._save_market()

    def publish(self) -> asyncio.Future[bool]:
        """Save what the exchange did and then deliver it; the result is whether it was saved.

        What could not be saved is saved and delivered with the next call, so nothing is ever told that is not durable.
        """
        self._collect(self.exchange.drain_events())
        if not self._unsaved and self._saving is not None and not self._saving.done():
            return self._saving
        done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        unsaved, self._unsaved = self._unsaved, _Unsaved()
        if not unsaved:
            done.set_result(True)
            return done
        self._saving = done
        self._journal.append(Unit(records=tuple(self._records(unsaved))), partial(self._saved_now, unsaved, done))
        return done

    async def catch_up(self) -> bool:
        """Return when all that has happened is saved and told; False when it cannot be saved now."""
        while not (done := self.publish()).done():
            if not await done:
                return False
        return done.result()

    def _saved_now(self, unsaved: _Unsaved, done: asyncio.Future[bool], outcome: AppendOutcome) -> None:
        saved = isinstance(outcome, Committed)
        if saved:
            self._deliver(unsaved.reports)
        else:
            self._unsaved.accounts |= unsaved.accounts
            self._unsaved.orders |= unsaved.orders
            self._unsaved.reports[:0] = unsaved.reports
        if not done.done():
            done.set_result(saved)

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
        opened = {event.venue_order_id for event in events if isinstance(event, sim.OrderOpened)}
        for event in events:
            self._unsaved.accounts.add(event.account_id)
            report: ExecutionReport | None = None
            match event:
                case sim.OrderOpened():
                    report = self._opened(event)
                case sim.OrderFilled():
                    report = self._filled(event, opened)
                case sim.OrderCanceled():
                    order_id = self._note(event)
                    report = wire.canceled(order_id, event.reason.value, event.at_ms)
                case sim.OrderRejectedByEngine():
                    order_id = self._note(event)
                    report = wire.refused(order_id, event)
                case sim.OrderAmended() | sim.TriggerFired():
                    self._note(event)
                # What an order moved, a liquidation too, is in its fills.
                case sim.BalanceChanged() if not event.venue_order_id:
                    report = wire.adjusted(event)
                case _:
                    pass
            if report is not None:
                self._unsaved.reports.append((event.account_id, report))
        # What the exchange has forgotten is dropped from what is kept.
        self._unsaved.orders.update(self.exchange.records.drain_forgotten())

    def _filled(self, event: sim.OrderFilled, opened: Collection[str]) -> ExecutionReport | None:
        order_id = self._note(event)
        report = wire.filled(order_id, event.symbol, event, is_last=event.is_last)
        exits = self.exits_of(event.account_id, event.venue_order_id)
        if exits is None or exits.venue_order_id in opened:
            return report
        # The exchange has brought the protection of this order to the size of its fills.
        self._unsaved.reports += [(event.account_id, report), (event.account_id, wire.opened(exits, order_id))]
        return None

    def exits_of(self, account_id: str, venue_order_id: str) -> Order | None:
        """The order that protects what an order has filled, if it has one."""
        books = self.exchange.accounts
        order = books.find_venue_order(account_id, venue_order_id)
        return books.find_venue_order(account_id, order.exits_id) if order is not None and order.exits_id else None

    def _opened(self, event: sim.OrderOpened) -> ExecutionReport | None:
        self._note(event)
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
        for account_id in unsaved.accounts:
            body = _ENCODER.encode(self.exchange.records.dump_account(account_id))
            yield Record(space=ACCOUNT_SPACE, owner=account_id, key=account_id, body=body)
        for account_id, venue_order_id in unsaved.orders:
            order = self.exchange.records.dump_order(account_id, venue_order_id)
            story = None if order is None else _ENCODER.encode(order)
            yield Record(space=ORDER_SPACE, owner=account_id, key=venue_order_id, body=story)

    def _save_market(self) -> None:
        body = _ENCODER.encode(self.exchange.records.dump_market())
        record = Record(space=MARKET_SPACE, owner="", key="market", body=body)
        self._journal.append(Unit(records=(record,)), lambda _: None)


def _skip_trade_numbers(record: ExchangeRecord) -> ExchangeRecord:
    # Trades since the save are in the accounts' books: their numbers must not be given out again.
    markets = [
        msgspec.structs.replace(market, trade_number=market.trade_number + TRADE_NUMBERS_SKIPPED)
        for market in record.markets
    ]
    return msgspec.structs.replace(record, markets=tuple(markets))
