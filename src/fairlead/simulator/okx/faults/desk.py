"""Stands between socket and gateway: asks the plan about each request, and lets the fault happen that it decides."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlsplit

import msgspec

from fairlead.core.model.instrument import InstrumentState
from fairlead.core.model.money import ZERO
from fairlead.simulator.okx.codes import GatewayCode, fault
from fairlead.simulator.okx.faults.acts import ActRefusedError, Acts
from fairlead.simulator.okx.faults.plan import FaultPlan, PlanError, names_endpoint
from fairlead.simulator.okx.faults.rules import Facts, Fault, FaultKind, FaultRule, Moment
from fairlead.simulator.okx.faults.striking import Break, strike
from fairlead.simulator.okx.gateway import Gateway, RawAnswer
from fairlead.simulator.okx.signing import RawRequest
from fairlead.simulator.okx.sockets.operations import OPERATIONS

if TYPE_CHECKING:
    from fairlead.simulator.okx.sockets.connection import SocketDesk
    from fairlead.simulator.okx.timekeeping import JumpingClock

TASKS_MAX: Final = 10_000
"""Requests and messages that are held back at once; more are let through as if nothing was wrong with them."""

NOTICE_MS: Final = 60_000
"""From the notice to the closing of the sockets."""

HOLD_MS: Final = 60_000
"""A request that nobody answers is kept open for so long."""

_PREFIX: Final = "/api/v5/"
_ANYTHING: Final = msgspec.json.Decoder(Any)
_PAGE: Final = (
    b"<html>\r\n<head><title>%d</title></head>\r\n<body>\r\n<center><h1>%d</h1></center>\r\n</body>\r\n</html>\r\n"
)


class FaultDesk:
    """The plan in force, the hand that acts, and whatever waits."""

    def __init__(
        self, gateway: Gateway, sockets: SocketDesk, clock: JumpingClock, rules: Iterable[FaultRule] = ()
    ) -> None:
        """Stand before a gateway.

        Raises:
            PlanError: a rule names no endpoint, operation or channel of this exchange.
        """
        self.venue = gateway.venue
        self.gateway = gateway
        self.plan = FaultPlan()
        self.acts = Acts(gateway.venue, sockets, clock)
        self._tasks: set[asyncio.Task[None]] = set()
        paths = {path.removeprefix(_PREFIX) for path in gateway.paths}
        self._endpoints = frozenset(paths | set(OPERATIONS) | set(sockets.hub.channels))
        for rule in rules:
            self.add(rule)

    def add(self, rule: FaultRule) -> None:
        """Put a rule in force.

        Raises:
            PlanError: it is about no endpoint, operation or channel of this exchange, or cannot be taken.
        """
        if not any(names_endpoint(rule.match.endpoint, endpoint) for endpoint in self._endpoints):
            message = f"rule {rule.id!r}: there is no endpoint, operation or channel {rule.match.endpoint!r}"
            raise PlanError(message)
        self.plan.add(rule)

    async def answer(self, request: RawRequest) -> RawAnswer | Break:
        """Answer a request over REST, or not."""
        if self.plan.watches(Moment.REST):
            facts = self._facts(request)
            decided = self.plan.decide(facts)
            if decided is not None:
                self.act(decided, facts)
                return await self._strike(decided, request)
        return self.carry_out(request)

    async def _strike(self, decided: Fault, request: RawRequest) -> RawAnswer | Break:
        answer = await strike(decided, _RestErrand(self, request), self.venue)
        if answer is Break.SILENCE:
            hold_ms = decided.params.delay_ms
            await self.venue.clock.sleep_ms(HOLD_MS if hold_ms is None else hold_ms)
        return answer

    def carry_out(self, request: RawRequest) -> RawAnswer:
        """Let the gateway answer; those who listen hear when the answer is on its way."""
        answer = self.gateway.answer(request)
        self.settle_soon()
        return answer

    def settle_soon(self) -> None:
        """Let those who listen hear what happened, after whoever asked unless the venue is told otherwise."""
        if self.venue.options.pushes_first:
            self.venue.settle()
        else:
            asyncio.get_running_loop().call_soon(self.venue.settle)

    def act(self, decided: Fault, facts: Facts) -> None:
        """Do to the exchange what a fault says, if it is one that does; what cannot be done is noted at its rule."""
        deed = _DEEDS.get(decided.kind)
        if deed is None:
            return
        try:
            deed(self, decided, facts)
        except ActRefusedError as error:
            self.plan.note_refused(decided.rule_id, str(error))
        self.venue.settle()

    def announce(self, delay_ms: int | None = None, duration_ms: int | None = None) -> None:
        """Announce a maintenance: sockets close after ``delay_ms`` (a minute), it lasts ``duration_ms``."""
        row = self.acts.announce(duration_ms)
        begins_ms = NOTICE_MS if delay_ms is None else delay_ms
        lasts_ms = max(0, int(row["end"]) - int(row["begin"]))
        self.later(begins_ms, lambda: self.acts.begin_maintenance(row))
        self.later(begins_ms + lasts_ms, lambda: self.acts.end_maintenance(row))

    def later(self, delay_ms: int, act: Callable[[], object]) -> None:
        """Do something after a while, by the clock of the exchange."""

        async def wait() -> None:
            await self.venue.clock.sleep_ms(delay_ms)
            act()

        self.spawn(wait())

    def spawn(self, work: Coroutine[Any, Any, None]) -> bool:
        """Let something go on by itself; False when too much does."""
        if len(self._tasks) >= TASKS_MAX:
            work.close()
            return False
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True

    async def stop(self) -> None:
        """Forget whatever waits."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _facts(self, request: RawRequest) -> Facts:
        key = self.venue.keys.find(request.headers.get("ok-access-key", ""))
        parts = urlsplit(request.target)
        if request.method == "GET":
            items: object = [dict(parse_qsl(parts.query))]
        else:
            try:
                items = _ANYTHING.decode(request.body) if request.body else []
            except (msgspec.DecodeError, UnicodeDecodeError):
                items = []
        return Facts(
            moment=Moment.REST,
            endpoint=parts.path.removeprefix(_PREFIX),
            account="" if key is None else key.account_id,
            symbols=self.symbols_of(items),
        )

    def symbols_of(self, items: object) -> tuple[str, ...]:
        """The instruments that the items of a request name."""
        listed = items if isinstance(items, list) else [items]
        found: dict[str, None] = {}
        for item in listed:
            if isinstance(item, Mapping):
                code = str(item.get("instIdCode") or "")
                name = self.venue.catalogue.symbol_of(code) or str(item.get("instId") or "")
                found[name] = None
        found.pop("", None)
        return tuple(found)


class _RestErrand:
    def __init__(self, desk: FaultDesk, request: RawRequest) -> None:
        self._desk = desk
        self._request = request

    @property
    def deadline_ms(self) -> int | None:
        text = self._request.headers.get("exptime", "")
        return int(text) if text.isascii() and text.isdigit() else None

    def carry_out(self) -> RawAnswer:
        return self._desk.carry_out(self._request)

    def refuse(self, code: GatewayCode) -> RawAnswer:
        error = fault(code)
        body = {"code": error.code, "msg": error.message, "data": []}
        return RawAnswer(status=error.status, body=msgspec.json.encode(body))

    def break_down(self, status: int) -> RawAnswer:
        return RawAnswer(status=status, body=_PAGE % (status, status), content_type="text/html")


Deed = Callable[[FaultDesk, Fault, Facts], object]


def _symbol(facts: Facts) -> str:
    return facts.symbols[0] if facts.symbols else ""


_DEEDS: Final[Mapping[FaultKind, Deed]] = {
    FaultKind.MAINTENANCE_NOTICE: lambda desk, one, _: desk.announce(one.params.delay_ms, one.params.duration_ms),
    FaultKind.CLOCK_JUMP: lambda desk, one, _: desk.acts.jump_clock(one.params.jump_ms or 0),
    FaultKind.KEY_REVOKED: lambda desk, _, facts: desk.acts.revoke_keys(facts.account),
    FaultKind.KEY_FROZEN: lambda desk, _, facts: desk.acts.freeze_keys(facts.account, is_frozen=True),
    FaultKind.INSTRUMENT_SUSPENDED: lambda desk, _, facts: desk.acts.set_state(
        _symbol(facts), InstrumentState.SUSPENDED
    ),
    FaultKind.INSTRUMENT_CHANGED: lambda desk, one, facts: desk.acts.change_steps(
        _symbol(facts), tick_size=one.params.tick_size, lot_size=one.params.lot_size
    ),
    FaultKind.BALANCE_CHANGED: lambda desk, one, facts: desk.acts.change_balance(
        facts.account, one.params.currency or "", one.params.amount or ZERO
    ),
    FaultKind.POSITION_CLOSED: lambda desk, _, facts: desk.acts.close_position(facts.account, _symbol(facts)),
    FaultKind.LIQUIDATION: lambda desk, _, facts: desk.acts.liquidate(facts.account, _symbol(facts)),
}
"""Faults that change the exchange before the request goes on as usual."""
