"""Carries out a fault on a request: the same for REST and for the operations of a WebSocket."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final, Generic, NamedTuple, Protocol, TypeVar

from fairlead.simulator.okx.codes import GatewayCode
from fairlead.simulator.okx.faults.rules import FaultKind

if TYPE_CHECKING:
    from fairlead.simulator.okx.faults.rules import Fault
    from fairlead.simulator.okx.venue import OkxVenue

EARLY_PUSH_MS: Final = 100
"""An answer that comes after its pushes is this late."""

STATUS_USUAL: Final = 502

CODES: Final = {
    FaultKind.CODE_50001: GatewayCode.UNAVAILABLE,
    FaultKind.CODE_50004: GatewayCode.TIMED_OUT,
    FaultKind.CODE_50011: GatewayCode.RATE_LIMIT,
    FaultKind.CODE_50013: GatewayCode.BUSY,
    FaultKind.CODE_50026: GatewayCode.SYSTEM_ERROR,
    FaultKind.CODE_50061: GatewayCode.ACCOUNT_RATE_LIMIT,
    FaultKind.CODE_54004: GatewayCode.BATCH_FAILED,
}

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")


class Break(StrEnum):
    """There is no answer."""

    SILENCE = "silence"
    CLOSE = "close"
    RESET = "reset"


class Errand(Protocol, Generic[T_co]):
    """One request on its way, whatever it came by."""

    @property
    def deadline_ms(self) -> int | None:
        """The deadline that its sender gave."""
        ...

    def carry_out(self) -> T_co:
        """Let the exchange do it; returns the true answer."""
        ...

    def refuse(self, code: GatewayCode) -> T_co:
        """Word a refusal that the exchange knows nothing of."""
        ...

    def break_down(self, status: int) -> T_co:
        """Word the answer of something in between that has broken down."""
        ...


async def strike(fault: Fault, errand: Errand[T], venue: OkxVenue) -> T | Break:
    """Do to a request what was decided; returns what its sender gets."""
    end = _ENDS.get(fault.kind)
    if end is not None:
        if end.is_taken:
            errand.carry_out()
        return end.sender_gets
    match fault.kind:
        case FaultKind.SLOW_REPLY | FaultKind.FILL_BEFORE_ACK:
            return await _answer_late(fault, errand, venue)
        case FaultKind.REQUEST_DELAYED | FaultKind.DEADLINE_MISSED | FaultKind.DEADLINE_WAITED_OUT:
            return await _delay(fault, errand, venue)
        case FaultKind.HTML_5XX:
            _carry_out_if_taken(fault, errand)
            return errand.break_down(fault.params.status or STATUS_USUAL)
        case kind if kind in CODES:
            _carry_out_if_taken(fault, errand)
            return errand.refuse(CODES[kind])
        case _:
            return errand.carry_out()


class _End(NamedTuple):
    is_taken: bool
    sender_gets: Break


_ENDS: Final = {
    FaultKind.REQUEST_LOST: _End(is_taken=False, sender_gets=Break.SILENCE),
    FaultKind.RESET_BEFORE: _End(is_taken=False, sender_gets=Break.RESET),
    FaultKind.ACCEPT_THEN_TIME_OUT: _End(is_taken=True, sender_gets=Break.SILENCE),
    FaultKind.REPLY_LOST: _End(is_taken=True, sender_gets=Break.CLOSE),
    FaultKind.RESET_AFTER: _End(is_taken=True, sender_gets=Break.RESET),
}


def _carry_out_if_taken(fault: Fault, errand: Errand[object]) -> None:
    if fault.params.taken:
        errand.carry_out()


async def _answer_late(fault: Fault, errand: Errand[T], venue: OkxVenue) -> T:
    answer = errand.carry_out()
    if fault.kind is FaultKind.FILL_BEFORE_ACK:
        venue.settle()
    delay_ms = fault.params.delay_ms
    await venue.clock.sleep_ms(EARLY_PUSH_MS if delay_ms is None else delay_ms)
    return answer


async def _delay(fault: Fault, errand: Errand[T], venue: OkxVenue) -> T:
    now_ms, deadline_ms, delay_ms = venue.now_ms(), errand.deadline_ms, fault.params.delay_ms or 0
    left_ms = 0 if deadline_ms is None else max(0, deadline_ms - now_ms)
    match fault.kind:
        case FaultKind.REQUEST_DELAYED:
            # Just in time is the worst that can happen to a request that has a deadline.
            await venue.clock.sleep_ms(delay_ms if deadline_ms is None else min(delay_ms, left_ms))
            return errand.carry_out()
        case FaultKind.DEADLINE_MISSED:
            await venue.clock.sleep_ms(left_ms + 1 + delay_ms)
            return errand.carry_out()
        case _:
            # The exchange has taken it into its queue, and does not come to it in time.
            await venue.clock.sleep_ms(left_ms + delay_ms)
            return errand.refuse(GatewayCode.DEADLINE_WAITED_OUT)
