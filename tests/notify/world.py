"""The whole order path with a notifier behind it: real journal, real tables, real couriers, virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from fairlead.accounts.directory import Directory, LiveDirectory
from fairlead.accounts.registry import ChannelRegistry, ChannelWish, Refused
from fairlead.accounts.registry.channels import secret_place
from fairlead.clock import VirtualClock
from fairlead.core.model.events import AlertHandled, AlertReceived
from fairlead.core.rules.alert_state import finish, receive
from fairlead.notify.courier import Courier, Style
from fairlead.notify.lanes import Lanes
from fairlead.notify.message import Message
from fairlead.notify.notifier import Notifier
from fairlead.notify.opening import CourierTools, open_courier
from fairlead.notify.sender import ChannelSender
from fairlead.ports import Fact, Unit
from fairlead.store.queries import notifications as rows
from fairlead.store.queries import users as user_rows
from fairlead.store.queries.hooks import Hook
from fairlead.store.queries.notifications import Level, MessageKind, NotifyChannel, OutboxRow, Target, TelegramTarget
from fairlead.store.queries.users import Role, User
from fairlead.store.session import Store
from fairlead.store.urls import sqlite_path
from fairlead.vault.box import VaultBox
from fairlead.vault.key_sources import KeyFile
from tests.notify.servers import TOKEN
from tests.orders.trading_world import TradingWorld, account

TENANT = "t1"
PUBLIC_URL = "https://fairlead.example"
OWNER = User(
    user_id="u1",
    tenant=TENANT,
    username="ann",
    password_hash="",
    role=Role.OWNER,
    time_zone="Europe/Berlin",
    enabled=True,
    created_ms=0,
)
HOOK = Hook(
    hook_id="h1",
    tenant=TENANT,
    owner="u1",
    name="chart <1>",
    token_hash=b"",
    token_hint="",
    target="default",
    risk_profile="alert",
    created_ms=0,
)


class NotifyWorld:
    """A trading world, one owner, and channels that the test adds."""

    def __init__(self, trading: TradingWorld, store: Store) -> None:
        self.trading = trading
        self.store = store
        self.lanes = Lanes()
        self.sending = VirtualClock(trading.clock.now_ms())
        self.directory = LiveDirectory(self._load)
        self.telegram_url = "http://127.0.0.1:9"
        self.allow_private = True
        self.notifier: Notifier
        self.woken: list[str] = []
        self.registry = ChannelRegistry(store, trading.clock)
        self.folder = sqlite_path(trading.url).parent
        self.box = VaultBox(KeyFile(self.folder / "vault.key"))

    @classmethod
    @asynccontextmanager
    async def running(cls, folder: Path) -> AsyncIterator[NotifyWorld]:
        trading = TradingWorld.make(folder)
        await trading.start(account("first"), account("second"), account("third"))
        store = Store(trading.url)
        world = cls(trading, store)
        async with store.session(TENANT, writes=True) as session:
            await user_rows.add_user(session, OWNER)
        await world.directory.reload()
        yield world
        await store.close()
        await trading.stop()
        assert trading.problems() == ()

    async def _load(self) -> Directory:
        return Directory(users=[OWNER], accounts=self.trading.accounts, hooks=[HOOK])

    # --- channels

    async def add_channel(
        self,
        target: Target | None = None,
        *,
        name: str = "phone",
        secret: str = TOKEN,
        levels: Mapping[MessageKind, Level] | None = None,
    ) -> NotifyChannel:
        wish = ChannelWish(
            name=name, target=target or TelegramTarget(chat="42"), secret=secret, levels=dict(levels or {})
        )
        added = await self.registry.add(TENANT, wish, self.box)
        assert not isinstance(added, Refused), added
        # What was received before a channel was there is not told to it.
        await self.trading.run_ms(1_000)
        return added

    def courier(self, channel: NotifyChannel, zone: str = "Europe/Berlin") -> Courier:
        secret = self.box.open(channel.secret, secret_place(TENANT, channel.channel_id)).reveal()
        tools = CourierTools(clock=self.trading.clock, telegram_url=self.telegram_url, allow_private=self.allow_private)
        return open_courier(channel, secret, Style(zone=ZoneInfo(zone), public_url=PUBLIC_URL), tools)

    @asynccontextmanager
    async def sender(self, channel: NotifyChannel) -> AsyncIterator[ChannelSender]:
        self._catch_up()
        courier = self.courier(channel)
        sender = ChannelSender(channel=channel, courier=courier, store=self.store, clock=self.sending, lanes=self.lanes)
        try:
            yield sender
        finally:
            await courier.close()

    # --- reading

    async def start(self, *channels: NotifyChannel) -> None:
        """Start a notifier as a process does, and let it find the journal's end if it never ran."""
        self.notifier = self._make()
        self.notifier.configure(channels)
        await self.read()

    def _make(self) -> Notifier:
        return Notifier(
            journal=self.trading.journal,
            store=self.store,
            clock=self.trading.clock,
            market=self.trading.trading.hub,
            directory=self.directory,
            wake=self.woken.append,
        )

    async def read(self) -> None:
        """Read everything that is there."""
        while await self.notifier.step():
            pass

    async def reader_state(self) -> Mapping[str, bytes]:
        async with self.store.system_session() as session:
            return await rows.read_reader_state(session)

    async def restore_reader_state(self, state: Mapping[str, bytes]) -> None:
        async with self.store.system_session(writes=True) as session:
            await rows.forget_reader_state(session)
            await rows.put_out(session, [], state)

    async def outbox(self, status: str = rows.WAITING) -> list[OutboxRow]:
        async with self.store.system_session() as session:
            return list(await rows.list_outbox(session, status, 10_000))

    async def messages(self, status: str = rows.WAITING) -> list[Message]:
        return [msgspec.json.decode(row.body, type=Message) for row in await self.outbox(status)]

    # --- sending

    async def send(self, sender: ChannelSender, within_ms: int = 0) -> None:
        """Let a sender work until nothing is due, for as long as it takes, and ``within_ms`` further."""
        self._catch_up()
        clock = self.sending
        end_ms = clock.now_ms() + within_ms
        while True:
            step = asyncio.ensure_future(sender.step())
            while not step.done():
                await asyncio.sleep(0.001)
                # Nobody but the sender sleeps on this clock, so an answer that takes its time moves nothing.
                if (wake_ms := clock.next_wake_ms) is not None and not step.done():
                    clock.advance_ms(wake_ms - clock.now_ms())
            wait_ms = step.result()
            if wait_ms and clock.now_ms() + wait_ms > end_ms:
                break
            clock.advance_ms(wait_ms)
        self.trading.clock.advance_ms(
            max(0, clock.now_ms() - self.trading.clock.now_ms(), end_ms - self.trading.clock.now_ms())
        )
        await self.trading.quiet()

    def _catch_up(self) -> None:
        self.sending.advance_ms(max(0, self.trading.clock.now_ms() - self.sending.now_ms()))

    # --- what happens

    async def alert(self, *requests: Any, received_before_ms: int = 250, **changes: Any) -> str:  # noqa: ANN401
        """One alert from the hook, with its requests, until nothing more happens; its id."""
        world = self.trading
        now_ms = world.clock.now_ms()
        alert_id = requests[0].cause if requests else f"alert-without-requests-{now_ms}"
        received = AlertReceived(
            alert_id=alert_id,
            hook_id="h1",
            duplicate_key=alert_id,
            explicit_key=True,
            body=b"{}",
            content_type="application/json",
            source_address="192.0.2.1",
            received_ms=now_ms - received_before_ms,
        )
        state = receive(received, TENANT)
        fact = Fact(
            tenant=TENANT, stream="hook:h1", cause=alert_id, at_ms=received.received_ms, event=received, key=alert_id
        )
        await world.journal.commit(Unit(facts=(fact,), states=(state,)))
        handled = AlertHandled(
            alert_id=alert_id,
            verdict=changes.get("verdict", "accepted"),
            reason_code=changes.get("reason_code", ""),
            detail=changes.get("detail", ""),
            mapping=("BTCUSDT", requests[0].symbol if requests else "BTC-USDT-SWAP"),
            warnings=(),
            request_ids=tuple(request.request_id for request in requests),
            at_ms=now_ms,
        )
        verdict = Fact(tenant=TENANT, stream="hook:h1", cause=alert_id, at_ms=now_ms, event=handled, key=alert_id)
        await world.trading.door.submit((verdict,), requests, states=(finish(state, handled),))
        await world.quiet()
        return alert_id

    def requests(self, *account_ids: str, **changes: object) -> Sequence[Any]:
        """The same wish for several accounts, from one cause."""
        cause = f"{self.trading.clock.now_ms():011x}{len(account_ids):016x}"
        return [self.trading.request(account_id, cause=cause, **changes) for account_id in account_ids or ("first",)]


def details_of(message: Message) -> dict[str, str]:
    return {detail.name: detail.value for detail in message.details}


__all__ = ["TENANT", "Decimal", "NotifyWorld", "details_of"]
