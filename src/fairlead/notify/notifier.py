"""Reads the journal from its own cursor and puts out, for every channel, what its reader wants to know.

It runs beside the order path and shares nothing with it but the journal: nobody waits for it, and it waits for nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec
import structlog
from sqlalchemy.exc import SQLAlchemyError

from fairlead.accounts.directory import LiveDirectory
from fairlead.core.model.account import VenueAccount
from fairlead.core.model.ids import derive_id
from fairlead.core.model.order import Order
from fairlead.core.model.state import AlertState, RequestState
from fairlead.notify.account_news import tell_news
from fairlead.notify.compose import Facts, compose_cause, compose_order, is_settled
from fairlead.notify.message import Told
from fairlead.notify.tracker import OpenCause, Tracker
from fairlead.ports import Clock, Journal, JournalRow, MarketView
from fairlead.store.queries import states
from fairlead.store.queries.notifications import (
    CURSOR,
    Level,
    NotifyChannel,
    OutboxRow,
    begin_reading,
    find_known,
    forget_reader_state,
    prune_outbox,
    put_out,
    read_newest,
    read_reader_state,
)
from fairlead.store.session import Session, Store

READ_EVERY_MS: Final = 250
# A cursor that moved without news is written this often: what is read again after a crash is told once all the same.
WRITE_EVERY_MS: Final = 2_000
ROWS_PER_STEP_MAX: Final = 250
CAUSES_PER_TURN_MAX: Final = 20
# After this long people hear that an alert is still being worked on, and again when it is settled.
SETTLE_MS_MAX: Final = 60_000
RETRY_MS: Final = 5_000
PRUNE_EVERY_MS: Final = 3_600_000
KEPT_MS: Final = 7 * 24 * 3_600_000
IDS_PER_QUERY_MAX: Final = 500

_encode: Final = msgspec.json.Encoder().encode
_log = structlog.get_logger("fairlead.notify")


class Notifier:
    """The one reader of the journal for all channels of a process."""

    def __init__(
        self,
        *,
        journal: Journal,
        store: Store,
        clock: Clock,
        market: MarketView,
        directory: LiveDirectory,
        wake: Callable[[str], None],
    ) -> None:
        """Read for nobody yet; ``wake`` hears the id of every channel that got something to send."""
        self._journal = journal
        self._store = store
        self._clock = clock
        self._market = market
        self._directory = directory
        self._wake = wake
        self._channels: Sequence[NotifyChannel] = ()
        self._tracker: Tracker | None = None
        self._written_ms = 0
        self._pruned_ms = 0

    def configure(self, channels: Sequence[NotifyChannel]) -> None:
        """Tell these channels from now on."""
        self._channels = tuple(channel for channel in channels if channel.enabled)

    def forget(self) -> None:
        """Forget what was read and not stored; the next step reads it again."""
        self._tracker = None

    async def run(self) -> None:
        """Read and put out for ever; a database that refuses is asked again from where it stands."""
        while True:
            pause_ms = READ_EVERY_MS
            try:
                if await self.step():
                    pause_ms = 0
            except SQLAlchemyError as error:
                # Nothing of the step was stored, so what was read in it is read again.
                self.forget()
                pause_ms = RETRY_MS
                _log.warning("notifications_not_stored", error=type(error).__name__)
            await self._clock.sleep_ms(pause_ms)

    async def step(self) -> bool:
        """Read what is new and, once as far as the tables, put it out; returns whether more is to be read.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: the database refused; nothing of the step was stored.
        """
        if not self._channels:
            await self._rest()
            return False
        tracker = self._tracker or await self._load()
        await self._prune()
        async with self._store.system_session() as session:
            # From its first question on, this session sees the tables as they were made by exactly these rows.
            newest = await read_newest(session)
            rows = await self._read(tracker.seq, newest)
            late = self._find_late(tracker)
            if not rows and not late and not tracker.touched_causes:
                return False
            await self._teach(session, tracker, rows)
            for row in rows:
                tracker.apply(row)
            if tracker.seq < newest:
                # The tables are further than what was read: what they say now cannot be told yet.
                return True
            told = await self._settle(session, tracker, late)
            out = await self._address(session, told)
        await self._write(tracker, out)
        return False

    async def _rest(self) -> None:
        # Nobody is there to be told, so whoever comes later is told from then on.
        if self._tracker is not None or not self._written_ms:
            async with self._store.system_session(writes=True) as session:
                await forget_reader_state(session)
            self._tracker = None
            self._written_ms = self._clock.now_ms()

    async def _load(self) -> Tracker:
        async with self._store.system_session() as session:
            state = await read_reader_state(session)
        if CURSOR not in state:
            async with self._store.system_session(writes=True) as session:
                await begin_reading(session)
                state = await read_reader_state(session)
        self._tracker = tracker = Tracker(self._market.instruments)
        tracker.restore(state)
        return tracker

    async def _read(self, seq: int, newest: int) -> list[JournalRow]:
        rows: list[JournalRow] = []
        if seq >= newest:
            return rows
        async for row in self._journal.read_after(seq):
            if row.seq > newest:
                break
            rows.append(row)
            if len(rows) >= ROWS_PER_STEP_MAX:
                break
        return rows

    def _find_late(self, tracker: Tracker) -> list[str]:
        before_ms = self._clock.now_ms() - SETTLE_MS_MAX
        return [
            cause.cause for cause in tracker.causes.values() if not cause.is_announced and cause.since_ms <= before_ms
        ]

    async def _teach(self, session: Session, tracker: Tracker, rows: Sequence[JournalRow]) -> None:
        strangers = tracker.find_strangers(rows)
        for start in range(0, len(strangers), IDS_PER_QUERY_MAX):
            tracker.teach(await states.load_orders(session, strangers[start : start + IDS_PER_QUERY_MAX]))

    async def _settle(self, session: Session, tracker: Tracker, late: Sequence[str]) -> list[Told]:
        asked = [
            cause for name in {**tracker.touched_causes, **dict.fromkeys(late)} if (cause := tracker.causes.get(name))
        ]
        orders = list(tracker.touched_orders)
        news = list(tracker.news)
        tracker.touched_causes.clear()
        tracker.touched_orders.clear()
        tracker.news.clear()
        if not (asked or orders or news):
            return []
        accounts = {account.account_id: account for account in self._directory.current.list_all_accounts()}
        told = [tell_news(row, accounts) for row in news]
        # A few at a time, so that between two questions others have their turn.
        for start in range(0, len(asked), CAUSES_PER_TURN_MAX):
            some = asked[start : start + CAUSES_PER_TURN_MAX]
            told += await self._settle_causes(session, tracker, some, set(late), accounts)
        told += await self._settle_orders(session, tracker, orders, accounts)
        return told

    async def _settle_causes(
        self,
        session: Session,
        tracker: Tracker,
        asked: Sequence[OpenCause],
        late: set[str],
        accounts: Mapping[str, VenueAccount],
    ) -> list[Told]:
        wanted = [request_id for cause in asked for request_id in cause.request_ids]
        requests = {state.request.request_id: state for state in await _load_requests(session, wanted)}
        orders = await _load_orders(session, [one for state in requests.values() for one in state.order_ids])
        told = []
        for cause in asked:
            own = [requests[request_id] for request_id in cause.request_ids if request_id in requests]
            legs = {one: orders[one] for state in own for one in state.order_ids if one in orders}
            is_over = is_settled(own)
            if not is_over and (cause.cause not in late or cause.is_announced):
                continue
            alert = await states.find_alert(session, cause.cause) if cause.verdict else None
            facts = Facts(
                accounts=accounts,
                requests=own,
                orders=legs,
                sums=tracker.sums,
                alert=alert,
                source=self._name_source(alert),
            )
            message = compose_cause(cause, facts, self._market)
            subject = f"{cause.cause}:settled" if cause.is_announced else cause.cause
            told.append(Told(tenant=cause.tenant, subject=subject, message=message))
            _file_cause(tracker, cause, legs, is_over=is_over)
        return told

    def _name_source(self, alert: AlertState | None) -> str:
        hook = None if alert is None else self._directory.current.find_hook(alert.tenant, alert.hook_id)
        return hook.name if hook is not None else ""

    async def _settle_orders(
        self,
        session: Session,
        tracker: Tracker,
        order_ids: Sequence[str],
        accounts: Mapping[str, VenueAccount],
    ) -> list[Told]:
        told = []
        for order in (await _load_orders(session, order_ids)).values():
            if not order.is_terminal:
                continue
            facts = Facts(accounts=accounts, sums=tracker.sums)
            message = compose_order(order, facts, self._market)
            if message is not None:
                told.append(Told(tenant=order.tenant, subject=order.order_id, message=message))
            tracker.forget_fills(order.order_id)
        return told

    async def _address(self, session: Session, told: Sequence[Told]) -> list[OutboxRow]:
        now_ms = self._clock.now_ms()
        # A millisecond apart, so that those of one step keep their order.
        rows = [
            _row_for(channel, one, now_ms, now_ms + number)
            for number, one in enumerate(told)
            for channel in self._channels
            if one.tenant in {"", channel.tenant}
            and one.message.at_ms >= channel.created_ms
            and channel.level_of(one.message.kind) is not Level.OFF
        ]
        known = await find_known(session, [row.message_id for row in rows]) if rows else frozenset()
        return list({row.message_id: row for row in rows if row.message_id not in known}.values())

    async def _write(self, tracker: Tracker, rows: Sequence[OutboxRow]) -> None:
        now_ms = self._clock.now_ms()
        if not rows and now_ms - self._written_ms < WRITE_EVERY_MS:
            return
        state = tracker.drain()
        # One transaction: the database has one writer, and orders come first.
        async with self._store.system_session(writes=True) as session:
            await put_out(session, rows, state)
        self._written_ms = now_ms
        for channel_id in {row.channel_id for row in rows}:
            self._wake(channel_id)

    async def _prune(self) -> None:
        now_ms = self._clock.now_ms()
        if now_ms - self._pruned_ms >= PRUNE_EVERY_MS:
            async with self._store.system_session(writes=True) as session:
                await prune_outbox(session, now_ms - KEPT_MS)
            self._pruned_ms = now_ms


def _file_cause(tracker: Tracker, cause: OpenCause, orders: Mapping[str, Order], *, is_over: bool) -> None:
    if not is_over:
        tracker.announce(cause)
        return
    tracker.close(cause)
    for order in orders.values():
        if order.is_terminal:
            tracker.forget_fills(order.order_id)


def _row_for(channel: NotifyChannel, told: Told, now_ms: int, created_ms: int) -> OutboxRow:
    message = told.message
    return OutboxRow(
        # The unique key of the row, and nothing else: telling it again is then known to be the same.
        message_id=derive_id(channel.created_ms, "message", channel.channel_id, told.subject, message.kind.value),
        tenant=channel.tenant,
        channel_id=channel.channel_id,
        subject=told.subject,
        kind=message.kind,
        is_silent=channel.level_of(message.kind) is Level.SILENT,
        body=_encode(message),
        created_ms=created_ms,
        due_ms=now_ms,
        changed_ms=now_ms,
    )


async def _load_requests(session: Session, request_ids: Sequence[str]) -> list[RequestState]:
    found: list[RequestState] = []
    for start in range(0, len(request_ids), IDS_PER_QUERY_MAX):
        found += await states.load_requests(session, request_ids[start : start + IDS_PER_QUERY_MAX])
    return found


async def _load_orders(session: Session, order_ids: Sequence[str]) -> dict[str, Order]:
    found: list[Order] = []
    for start in range(0, len(order_ids), IDS_PER_QUERY_MAX):
        found += await states.load_orders(session, order_ids[start : start + IDS_PER_QUERY_MAX])
    return {order.order_id: order for order in found}
