"""Does what kill switches ask beyond stopping: cancels resting entries, closes what is held, and lifts when asked.

Stopping needs nothing of this: the order path asks the latches itself before each order. Everything here goes through
the one door, as requests whose ids derive from the latch, so a crash in the middle repeats nothing and forgets nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import msgspec

from fairlead.core.model import events as ev
from fairlead.core.model import ids
from fairlead.core.model.latch import Aim, Latch, LatchScope
from fairlead.core.model.request import Close, OrderRequest, SourceKind
from fairlead.core.rules.latches import Action, actions_on, covers, subject_of
from fairlead.orders.account_desk import AccountDesk
from fairlead.orders.desk_tools import RecordingDesk
from fairlead.orders.floor import TradingFloor
from fairlead.orders.submit import OrderDoor
from fairlead.ports import Clock, Committed, DuplicateKey, Fact, Journal, Record, Unit

KILL_STREAM: Final = "kill"
LATCH_SPACE: Final = "latch"
"""Records of the latches that are set, beside the file: a file that was deleted comes back at the next start."""
SOURCE: Final = "kill_switch"
PROFILE: Final = "platform"
LOOK_EVERY_MS: Final = 100
# A close that filled only in part, or was refused, is asked for again; after this many rounds a person must look.
ROUNDS_MAX: Final = 100
ROUND_EVERY_MS: Final = 1_000
REQUEST_LIFE_MS: Final = 30_000


class Latches(Protocol):
    """Where the latches are kept, whatever else is down."""

    def current(self) -> tuple[Latch, ...]:
        """Every latch that is set now."""
        ...

    def restore(self, latches: Iterable[Latch]) -> None:
        """Set those that are not set, as they were; raises OSError when they cannot be written."""
        ...

    def remove(self, latch_id: str) -> None:
        """Lift one; raises OSError when it cannot be written."""
        ...


@dataclass(frozen=True, slots=True)
class KillTools:
    """What the kill switch works with.

    ``user_of`` tells which user owns a source, empty if nobody; ``compare`` asks a venue for its view of an account and
    notes differences, and says whether it answered; ``lift`` hears of a latch that is about to be lifted; ``warn``
    tells an operator.
    """

    latches: Latches
    journal: Journal
    floor: TradingFloor
    door: OrderDoor
    clock: Clock
    user_of: Callable[[str], str]
    compare: Callable[[RecordingDesk], Awaitable[bool]]
    lift: Callable[[Latch], None]
    warn: Callable[[str], None]


class _Asked(msgspec.Struct):
    """One action: how often it was asked for, when last, and by which request."""

    rounds: int = 0
    at_ms: int = 0
    request_id: str = ""


class KillSwitch:
    """Watches the latches and works them off."""

    def __init__(self, tools: KillTools) -> None:
        """Know nothing yet; ``start`` reads what is stored."""
        self._tools = tools
        self._known: dict[str, Latch] = {}
        self._asked: dict[tuple[str, ...], _Asked] = {}

    async def start(self) -> None:
        """Put back what the journal knows and the file has lost."""
        records = await self._tools.journal.read_records(LATCH_SPACE)
        stored = [msgspec.json.decode(record.body, type=Latch) for record in records if record.body is not None]
        self._known = {latch.latch_id: latch for latch in stored}
        self._tools.latches.restore(stored)

    async def run(self) -> None:
        """Look ten times a second, for ever."""
        told = ""
        while True:
            try:
                await self.look()
            except OSError as error:
                # The order path is stopped by it already; what is open waits until the file can be changed again.
                if str(error) != told:
                    told = str(error)
                    self._tools.warn(told)
            await self._tools.clock.sleep_ms(LOOK_EVERY_MS)

    async def look(self) -> None:
        """Work off what the latches ask now."""
        latches = self._tools.latches.current()
        # A latch that only says that the file cannot be read was set by nobody.
        if not all(latch.set_ms for latch in latches):
            return
        await self._follow_losses(latches)
        for latch in latches:
            if self._known.get(latch.latch_id) != latch:
                await self._note_set(latch)
            if latch.clearing:
                await self._clear(latch)
            elif latch.level.cancels:
                for desk in list(self._tools.floor.desks):
                    await self._work(latch, desk)

    async def _follow_losses(self, latches: Sequence[Latch]) -> None:
        """Forget latches that a stronger one has replaced; put back those that were lost with the file."""
        present = {latch.latch_id for latch in latches}
        missing = [latch for latch in self._known.values() if latch.latch_id not in present]
        subjects = {subject_of(latch) for latch in latches}
        for latch in missing:
            if subject_of(latch) in subjects:
                await self._note_cleared(msgspec.structs.replace(latch, clearing="a stronger one took its place"))
        self._tools.latches.restore(latch for latch in missing if subject_of(latch) not in subjects)

    async def _note_set(self, latch: Latch) -> None:
        now_ms = self._tools.clock.now_ms()
        fact = _fact(latch, ev.KillSwitchSet(latch=latch, at_ms=now_ms), f"{latch.latch_id}:{latch.clearing}")
        record = _record(latch, msgspec.json.encode(latch))
        outcome = await self._tools.journal.commit(Unit(facts=(fact,), records=(record,)))
        # Refused: it is stopped all the same, and noted when the store is back.
        if isinstance(outcome, Committed | DuplicateKey):
            self._known[latch.latch_id] = latch

    async def _work(self, latch: Latch, desk: AccountDesk) -> None:
        if desk.halt_reason:
            return
        tools = self._tools
        for action in actions_on(latch, desk.account, desk.book, desk.market.instruments, tools.user_of):
            place = (latch.latch_id, desk.account.account_id, action.symbol, _kind(action), action.source_id)
            asked = self._asked.setdefault((*place, action.strategy_id), _Asked())
            if self._may_ask(asked):
                await self._ask(latch, desk, action, asked)

    def _may_ask(self, asked: _Asked) -> bool:
        if asked.request_id:
            state = self._tools.door.find_state(asked.request_id)
            if state is not None and state.is_pending:
                return False
        waited_ms = self._tools.clock.now_ms() - asked.at_ms
        return asked.rounds < ROUNDS_MAX and waited_ms >= ROUND_EVERY_MS

    async def _ask(self, latch: Latch, desk: AccountDesk, action: Action, asked: _Asked) -> None:
        while asked.rounds < ROUNDS_MAX:
            request = _request(latch, desk, action, asked.rounds, self._tools.clock.now_ms())
            asked.rounds += 1
            asked.request_id = request.request_id
            outcome = await self._tools.door.submit((), [request])
            # Before a restart this round was asked for already: it is pending, or the next one is due.
            state = self._tools.door.find_state(request.request_id)
            if not isinstance(outcome, DuplicateKey) or (state is not None and state.is_pending):
                break
        asked.at_ms = self._tools.clock.now_ms()
        if asked.rounds >= ROUNDS_MAX:
            self._tools.warn(
                f"{latch.subject}: {_kind(action)} of {action.symbol} on {desk.account.label} "
                f"did not succeed in {ROUNDS_MAX} rounds; look at the venue",
            )

    async def _clear(self, latch: Latch) -> None:
        desks = [desk for desk in self._tools.floor.desks if may_cover(latch, desk)]
        for desk in desks:
            if desk.halt_reason or not await self._tools.compare(desk):
                return
        self._tools.lift(latch)
        if await self._note_cleared(latch):
            # Only now: a crash before this line finds it still asked to be lifted.
            self._tools.latches.remove(latch.latch_id)

    async def _note_cleared(self, latch: Latch) -> bool:
        event = ev.KillSwitchCleared(latch=latch, at_ms=self._tools.clock.now_ms())
        unit = Unit(facts=(_fact(latch, event, latch.latch_id),), records=(_record(latch, None),))
        is_noted = isinstance(await self._tools.journal.commit(unit), Committed | DuplicateKey)
        if is_noted:
            self._known.pop(latch.latch_id, None)
        return is_noted


def may_cover(latch: Latch, desk: AccountDesk) -> bool:
    """Whether anything of an account can be under a latch: of narrow scopes any account of its tenant may be."""
    account = desk.account
    if latch.scope in {LatchScope.USER, LatchScope.INSTRUMENT, LatchScope.STRATEGY}:
        return not latch.tenant or latch.tenant == account.tenant
    return covers(latch, Aim(tenant=account.tenant, account_id=account.account_id, symbol=""))


def _request(latch: Latch, desk: AccountDesk, action: Action, number: int, now_ms: int) -> OrderRequest:
    account_id = desk.account.account_id
    parts = (latch.latch_id, action.symbol, _kind(action), action.source_id, action.strategy_id, str(number))
    return OrderRequest(
        request_id=ids.request_id(cause_at_ms=latch.set_ms, cause="\n".join(parts), account_id=account_id),
        tenant=desk.account.tenant,
        account_id=account_id,
        cause=latch.latch_id,
        cause_at_ms=latch.set_ms,
        source_kind=SourceKind.SYSTEM,
        source_id=action.source_id or SOURCE,
        strategy_id=action.strategy_id,
        risk_profile=PROFILE,
        symbol=action.symbol,
        intent=action.intent,
        valid_until_ms=now_ms + REQUEST_LIFE_MS,
    )


def _kind(action: Action) -> str:
    return "close" if isinstance(action.intent, Close) else "cancel"


def _fact(latch: Latch, event: ev.SwitchEvent, key: str) -> Fact:
    return Fact(
        tenant=latch.tenant,
        stream=KILL_STREAM,
        cause=latch.latch_id,
        at_ms=event.at_ms,
        event=event,
        key=key,
    )


def _record(latch: Latch, body: bytes | None) -> Record:
    return Record(space=LATCH_SPACE, owner=latch.tenant, key=latch.latch_id, body=body)
