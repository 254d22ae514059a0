"""Sends what waits for one channel: at its pace, joined when there is much, again when it failed, and not for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final, assert_never

import msgspec
import structlog
from msgspec.structs import replace
from sqlalchemy.exc import SQLAlchemyError

from fairlead.notify.courier import Courier
from fairlead.notify.lanes import Lanes
from fairlead.notify.message import Message, Parcel
from fairlead.notify.outcome import Delivered, Failed, Outcome, Postponed, Refused
from fairlead.notify.retries import AGE_MS_MAX, ATTEMPTS_MAX, retry_ms
from fairlead.ports import Clock
from fairlead.store.queries.notifications import (
    DEAD,
    SENT,
    NotifyChannel,
    OutboxRow,
    load_due,
    next_due_ms,
    save_rows,
)
from fairlead.store.session import Store

# More than this many at once are joined into one, so that a burst is one sound and stays within the channel's limits.
BURST_MAX: Final = 5
JOINED_MAX: Final = 100
# Whatever a library promises, no try takes longer.
SEND_S_MAX: Final = 30.0
IDLE_MS: Final = 60_000
STORE_RETRY_MS: Final = 5_000
POSTPONED_MS_MAX: Final = 3_600_000
REASON_LENGTH_MAX: Final = 300
_MS_PER_SECOND: Final = 1_000

_decoder: Final = msgspec.json.Decoder(Message)
_log = structlog.get_logger("fairlead.notify")


class ChannelSender:
    """The only one who sends through a channel. A channel that hangs keeps nobody waiting but its own messages."""

    def __init__(self, *, channel: NotifyChannel, courier: Courier, store: Store, clock: Clock, lanes: Lanes) -> None:
        """Send nothing yet; ``run`` does."""
        self._channel = channel
        self._courier = courier
        self._store = store
        self._clock = clock
        self._lanes = lanes
        self._woken = asyncio.Event()
        self._failures = 0
        self._paused_until_ms = 0
        self._is_ending = False

    def wake(self) -> None:
        """Look again: something was put out."""
        self._woken.set()

    async def run(self) -> None:
        """Send for ever, beginning with what waited before."""
        try:
            while not self._is_ending:
                await self._rest(await self._step_or_wait())
        finally:
            await self._courier.close()

    def end(self) -> None:
        """Stop after what is being sent now."""
        self._is_ending = True
        self.wake()

    async def step(self) -> int:
        """Send the next message, or several joined; returns how long nothing is to do (milliseconds).

        Raises:
            sqlalchemy.exc.SQLAlchemyError: the database refused; what was sent may be sent again.
        """
        now_ms = self._clock.now_ms()
        if now_ms < self._paused_until_ms:
            return self._paused_until_ms - now_ms
        async with self._store.system_session() as session:
            due = await load_due(session, self._channel.channel_id, now_ms, JOINED_MAX)
            next_ms = None if due else await next_due_ms(session, self._channel.channel_id)
        if not due:
            return IDLE_MS if next_ms is None else max(1, min(IDLE_MS, next_ms - now_ms))
        dead, parcels = _unpack(due, now_ms)
        fresh = [row for row in due if row.message_id in parcels]
        sent = await self._send(fresh, [parcels[row.message_id] for row in fresh]) if fresh else []
        await self._save([*dead, *sent])
        return 0

    async def _step_or_wait(self) -> int:
        self._woken.clear()
        try:
            return await self.step()
        except SQLAlchemyError as error:
            _log.warning("outbox_not_used", channel=self._channel.name, error=type(error).__name__)
            return STORE_RETRY_MS

    async def _send(self, due: Sequence[OutboxRow], parcels: Sequence[Parcel]) -> list[OutboxRow]:
        fitting = self._courier.count_fitting(parcels) if len(parcels) > BURST_MAX else 1
        now_ms = self._clock.monotonic_s() * _MS_PER_SECOND
        await self._clock.sleep_ms(self._lanes.reserve(self._courier.distances_ms, now_ms))
        outcome = await self._try(parcels[:fitting])
        return self._judge(due[:fitting], outcome)

    async def _try(self, parcels: Sequence[Parcel]) -> Outcome:
        try:
            async with asyncio.timeout(SEND_S_MAX):
                return await self._courier.send(parcels)
        except TimeoutError:
            return Failed(reason=f"no answer within {SEND_S_MAX:g} s")

    def _judge(self, rows: Sequence[OutboxRow], outcome: Outcome) -> list[OutboxRow]:
        now_ms = self._clock.now_ms()
        match outcome:
            case Delivered():
                self._failures = 0
                return [
                    replace(row, status=SENT, attempts=row.attempts + 1, changed_ms=now_ms, reason="") for row in rows
                ]
            case Postponed(wait_ms=wait_ms, reason=reason):
                self._paused_until_ms = now_ms + min(wait_ms, POSTPONED_MS_MAX)
                return [
                    replace(row, due_ms=self._paused_until_ms, changed_ms=now_ms, reason=_clip(reason)) for row in rows
                ]
            case Failed(reason=reason):
                self._failures += 1
                self._paused_until_ms = now_ms + retry_ms(self._channel.channel_id, self._failures)
                return [self._try_later(row, now_ms, reason) for row in rows]
            case Refused(reason=reason):
                return [_bury(replace(row, attempts=row.attempts + 1), now_ms, reason) for row in rows]
            case _:
                assert_never(outcome)

    def _try_later(self, row: OutboxRow, now_ms: int, reason: str) -> OutboxRow:
        attempts = row.attempts + 1
        tried = replace(row, attempts=attempts)
        if attempts >= ATTEMPTS_MAX:
            return _bury(tried, now_ms, f"given up after {attempts} tries: {reason}")
        return replace(
            tried, due_ms=now_ms + retry_ms(row.message_id, attempts), changed_ms=now_ms, reason=_clip(reason)
        )

    async def _save(self, rows: Sequence[OutboxRow]) -> None:
        async with self._store.system_session(writes=True) as session:
            await save_rows(session, rows)
        dead = [row for row in rows if row.status == DEAD]
        if dead:
            _log.warning("notifications_dead", channel=self._channel.name, messages=len(dead), reason=dead[0].reason)

    async def _rest(self, wait_ms: int) -> None:
        if wait_ms <= 0 or self._is_ending or self._woken.is_set():
            await self._clock.sleep_ms(0)
            return
        sleeping = asyncio.ensure_future(self._clock.sleep_ms(wait_ms))
        waking = asyncio.ensure_future(self._woken.wait())
        try:
            await asyncio.wait((sleeping, waking), return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            waking.cancel()


def _unpack(due: Sequence[OutboxRow], now_ms: int) -> tuple[list[OutboxRow], dict[str, Parcel]]:
    """Messages that can be sent, by id, and rows that cannot: too old, or of a form that is not known here."""
    dead: list[OutboxRow] = []
    parcels: dict[str, Parcel] = {}
    for row in due:
        if now_ms - row.created_ms > AGE_MS_MAX:
            dead.append(_bury(row, now_ms, f"not sent within {AGE_MS_MAX // 3_600_000} hours"))
            continue
        try:
            message = _decoder.decode(row.body)
        except msgspec.DecodeError:
            dead.append(_bury(row, now_ms, "written by another version, and not readable by this one"))
            continue
        parcels[row.message_id] = Parcel(message_id=row.message_id, message=message, is_silent=row.is_silent)
    return dead, parcels


def _bury(row: OutboxRow, now_ms: int, reason: str) -> OutboxRow:
    return replace(row, status=DEAD, changed_ms=now_ms, reason=_clip(reason))


def _clip(text: str) -> str:
    return text if len(text) <= REASON_LENGTH_MAX else f"{text[: REASON_LENGTH_MAX - 1]}…"
