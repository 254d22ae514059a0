"""A webhook source with the real journal and store behind it, and a door that remembers what came through."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from fairlead.accounts.directory import Directory, LiveDirectory
from fairlead.accounts.tokens import hash_token
from fairlead.clock import VirtualClock
from fairlead.core.model.account import ExecutionMode, MarginMode, PositionMode, PositionSide, VenueAccount
from fairlead.core.model.events import OrderRequested
from fairlead.core.model.ids import alert_id
from fairlead.core.model.instrument import Instrument, InstrumentKind
from fairlead.core.model.order import Order
from fairlead.core.model.request import OrderRequest, OrderType, Side, TimeInForce
from fairlead.core.model.state import RequestState, RequestStatus, State
from fairlead.core.rules.symbols import SymbolMaster
from fairlead.ports import AppendOutcome, Committed, Fact, Journal, NotStored, Unit
from fairlead.simulator.instruments import DEFAULT_INSTRUMENTS
from fairlead.sources.webhook.inbox import AlertCall
from fairlead.sources.webhook.intake import AlertIntake, Answered, Refusal
from fairlead.sources.webhook.json_text import parse_body
from fairlead.sources.webhook.seams import UnreadableError, WebhookTools
from fairlead.sources.webhook.stored_alerts import StoredAlerts
from fairlead.store.journal import StoredJournal
from fairlead.store.queries.groups import Group
from fairlead.store.queries.hooks import Hook
from fairlead.store.queries.users import Role, User
from fairlead.store.session import Session, Store
from tests.servers.clean import clean_sqlite

TENANT = "acme"
TOKEN = "flh_" + "Qx7" * 14
START_MS = 1_767_323_045_000
ALERT: dict[str, object] = {
    "authToken": TOKEN,
    "exchange": "okx",
    "symbol": "BTC-USDT-SWAP",
    "type": "perps",
    "side": "buy",
    "qty": "0.1",
    "marginMode": "cross",
    "leverage": 5,
}


def make_account(label: str, **changes: object) -> VenueAccount:
    account = VenueAccount(
        account_id=f"id-{label}",
        tenant=TENANT,
        label=label,
        exchange="okx",
        kind="paper",
        mode=ExecutionMode.PAPER,
        position_mode=PositionMode.NET,
        risk_profile="standard",
    )
    return msgspec.structs.replace(account, **changes)


def make_hook(**changes: object) -> Hook:
    hook = Hook(
        hook_id="hook-1",
        tenant=TENANT,
        owner="u1",
        name="chart",
        token_hash=hash_token(TOKEN),
        token_hint="",
        target="default",
        risk_profile="alert",
        created_ms=0,
    )
    return msgspec.structs.replace(hook, **changes)


OWNER = User(
    user_id="u1",
    tenant=TENANT,
    username="ann",
    password_hash="",
    role=Role.OWNER,
    time_zone="UTC",
    enabled=True,
    created_ms=0,
)
ACCOUNTS = (make_account("main"), make_account("second"), make_account("third"))
ELSEWHERE = Instrument(
    symbol="BTC-USDT",
    kind=InstrumentKind.SPOT,
    base_currency="BTC",
    quote_currency="USDT",
    settle_currency="USDT",
    tick_size=Decimal("0.1"),
    lot_size=Decimal("0.0001"),
    quantity_min=Decimal("0.0001"),
    limit_quantity_max=Decimal(10),
    market_quantity_max=Decimal(10),
)


class MoodyJournal:
    """The real journal, which can be told to refuse or to break."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.refuses = False
        self.breaks = False

    def append(self, unit: Unit, on_done: Callable[[AppendOutcome], None]) -> None:
        if self.breaks:
            raise RuntimeError("the journal broke")
        if self.refuses:
            asyncio.get_running_loop().call_soon(on_done, NotStored(reason="disk full"))
        else:
            self._journal.append(unit, on_done)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._journal, name)


class MoodyReader(StoredAlerts):
    """The real reader, whose database can be told to be away."""

    is_away = False

    @asynccontextmanager
    async def _session(self, tenant: str) -> AsyncIterator[Session]:
        async with super()._session(tenant) as session:
            if self.is_away:
                raise UnreadableError("OperationalError")
            yield session


class RememberingDoor:
    """A door that stores what comes through and leaves the outcome to the test."""

    def __init__(self, journal: Journal) -> None:
        self.unfinished_max = 100
        self.states: dict[str, RequestState] = {}
        self.orders: dict[tuple[str, str], Order] = {}
        self.refusals = 0
        self.fault: Exception | None = None
        self.settles_as: RequestStatus | None = None
        self._journal = journal
        self._changed = asyncio.Event()
        self._pending: set[str] = set()
        self.asked = asyncio.Event()

    @property
    def unfinished(self) -> int:
        return len(self._pending)

    async def submit(
        self,
        cause: tuple[Fact, ...],
        requests: Sequence[OrderRequest],
        *,
        states: tuple[State, ...] = (),
    ) -> AppendOutcome:
        if self.fault is not None:
            raise self.fault
        if self.refusals:
            self.refusals -= 1
            return NotStored(reason="disk full")
        facts = [_file(request) for request in requests]
        rows = [RequestState(request=request) for request in requests]
        outcome = await self._journal.commit(Unit(facts=(*cause, *facts), states=(*states, *rows)))
        if isinstance(outcome, Committed):
            for row in rows:
                self.states[row.request.request_id] = row
                self._pending.add(row.request.request_id)
                if self.settles_as is not None:
                    self.settle(row.request.request_id, self.settles_as)
            self.asked.set()
        return outcome

    def place(self, request_id: str) -> str:
        """Give a request an order that is only in memory; returns the venue's id of it."""
        state = self.states[request_id]
        order = Order(
            order_id=f"order-{request_id}",
            request_id=request_id,
            tenant=state.request.tenant,
            account_id=state.request.account_id,
            symbol=state.request.symbol,
            side=Side.BUY,
            position_side=PositionSide.NET,
            margin_mode=MarginMode.CROSS,
            leverage=Decimal(5),
            order_type=OrderType.MARKET,
            time_in_force=TimeInForce.GTC,
            quantity=Decimal("0.1"),
            deadline_ms=1,
            created_ms=0,
            updated_ms=0,
            venue_order_id=f"venue-{request_id}",
        )
        self.orders[order.account_id, order.order_id] = order
        self.states[request_id] = msgspec.structs.replace(state, order_ids=(order.order_id,))
        return order.venue_order_id

    def settle(self, request_id: str, status: RequestStatus, *, reason_code: str = "", message: str = "") -> None:
        state = self.states[request_id]
        filled = Decimal("0.1") if status is RequestStatus.FILLED else Decimal(0)
        self.states[request_id] = msgspec.structs.replace(
            state, status=status, reason_code=reason_code, message=message, filled_quantity=filled
        )
        if not self.states[request_id].is_pending:
            self._pending.discard(request_id)
        self._changed.set()

    async def wait_settled(self, request_ids: Sequence[str], wait_ms: int) -> None:
        try:
            async with asyncio.timeout(wait_ms / 1000):
                while any(self.states[request_id].is_pending for request_id in request_ids):
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return

    def find_state(self, request_id: str) -> RequestState | None:
        return self.states.get(request_id)

    def find_order(self, account_id: str, order_id: str) -> Order | None:
        return self.orders.get((account_id, order_id))


def _file(request: OrderRequest) -> Fact:
    return Fact(
        tenant=request.tenant,
        stream=f"account:{request.account_id}",
        cause=request.cause,
        at_ms=request.cause_at_ms,
        event=OrderRequested(request=request),
        key=request.request_id,
    )


class World:
    """One running process; ``restart`` ends it, as abruptly as wished, and starts the next on the same database."""

    def __init__(self, folder: Path) -> None:
        self.url = clean_sqlite(folder)
        self.clock = VirtualClock(START_MS)
        self.hook = make_hook()
        self.accounts: tuple[VenueAccount, ...] = ACCOUNTS
        self.groups: tuple[Group, ...] = ()
        self.faults: list[tuple[str, BaseException]] = []
        self.wait_ms = 2_500
        self._calls = 0

    async def start(self) -> int:
        self._real_journal = await StoredJournal.open(self.url, on_death=self._die)
        self.journal = MoodyJournal(self._real_journal)
        self.store = Store(self.url)
        self.reader = MoodyReader(self.store)
        self.door = RememberingDoor(self._real_journal)
        self.directory = LiveDirectory(self._load)
        await self.directory.reload()
        self.intake = AlertIntake(self._gather_tools())
        return await self.intake.start()

    async def stop(self) -> None:
        await self.intake.drain(wait_ms=1_000)
        await self.kill()

    async def kill(self) -> None:
        """End without letting anything finish."""
        await self.intake.drain(wait_ms=0)
        await self._real_journal.close()
        await self.store.close()

    async def restart(self) -> int:
        await self.kill()
        return await self.start()

    async def configure(
        self,
        *,
        hook: Hook | None = None,
        accounts: tuple[VenueAccount, ...] | None = None,
        groups: tuple[Group, ...] | None = None,
    ) -> None:
        self.hook = hook or self.hook
        self.accounts = accounts if accounts is not None else self.accounts
        self.groups = groups if groups is not None else self.groups
        await self.directory.reload()

    async def send(
        self, changes: Mapping[str, object] | None = None, *, raw: bytes | None = None
    ) -> Answered | Refusal:
        self._calls += 1
        body = raw if raw is not None else json.dumps({**ALERT, **(changes or {})}).encode()
        now_ms = self.clock.now_ms()
        call = AlertCall(
            call_id=alert_id(received_at_ms=now_ms, hook_id=self.hook.hook_id, nonce=str(self._calls)),
            token=TOKEN,
            body=body,
            content_type="application/json",
            source_address="52.89.214.238",
            received_ms=now_ms,
        )
        return await self.intake.receive(call, self.hook, parse_body(body))

    async def answer(self, changes: Mapping[str, object] | None = None) -> Answered:
        answered = await self.send(changes)
        assert isinstance(answered, Answered), answered
        return answered

    async def refuse(self, changes: Mapping[str, object] | None = None) -> Refusal:
        refusal = await self.send(changes)
        assert isinstance(refusal, Refusal), refusal
        return refusal

    async def settle_down(self) -> None:
        """Let everything that was kept be handled, and everything that was noted be stored."""
        await self.intake.drain(wait_ms=5_000)
        await self.store_all()

    async def store_all(self) -> None:
        """Let everything that the journal was given be stored."""
        await self._real_journal.commit(Unit())

    async def read_requests(self) -> list[OrderRequest]:
        """Every order request that was ever stored, over all restarts."""
        await self.settle_down()
        return [event.request for event in await self.read_events(OrderRequested)]

    async def read_events(self, kind: type) -> list[Any]:
        return [row.event async for row in self._real_journal.read_after(0) if isinstance(row.event, kind)]

    def _gather_tools(self) -> WebhookTools:
        return WebhookTools(
            journal=self.journal,
            door=self.door,
            reader=self.reader,
            directory=self.directory,
            symbols={"okx": SymbolMaster(DEFAULT_INSTRUMENTS), "elsewhere": SymbolMaster([ELSEWHERE])},
            clock=self.clock,
            report_fault=lambda alert, error: self.faults.append((alert, error)),
            wait_ms=self.wait_ms,
        )

    async def _load(self) -> Directory:
        return Directory(users=[OWNER], accounts=self.accounts, groups=self.groups, hooks=[self.hook])

    def _die(self, error: BaseException) -> None:
        raise AssertionError("the journal died") from error
