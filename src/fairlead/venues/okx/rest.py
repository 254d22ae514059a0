"""One account's requests over REST: governed, signed, sent once, and classified."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

import msgspec

from fairlead.ports import Clock
from fairlead.venues.okx.connection import OkxConnection
from fairlead.venues.okx.governor import Ask, Priority, RateGovernor
from fairlead.venues.okx.outcomes import (
    ACCOUNT_RATE,
    CLOCK_OFF,
    CODES,
    Answered,
    Lost,
    NotSent,
    Refused,
    Reply,
    read_answer,
    write_body,
    write_query,
)
from fairlead.venues.okx.signing import OkxKeys, sign_request

QUERY_WAIT_MAX_MS: Final = 10_000
ORDER_WAIT_MAX_MS: Final = 4_000
SOCKET_WAIT_MAX_MS: Final = 60_000
GET_TIMES_MAX: Final = 3
GET_PAUSE_FIRST_MS: Final = 100
GET_AGAIN_MS_MAX: Final = 6_000
"""A question whose answer was lost is asked again at once, while no more than this has passed since it was first asked:
after one time-out, but not after two."""

SOCKET: Final = "SOCKET open"
TOO_LATE: Final = "OKX's rate limit leaves no room for it in time"

T = TypeVar("T")


class _ServerTime(msgspec.Struct, frozen=True):
    ts: str


class OkxRest:
    """Speaks for one account, or for nobody where no keys are given."""

    def __init__(
        self,
        connection: OkxConnection,
        governor: RateGovernor,
        clock: Clock,
        *,
        account_id: str = "",
        keys: Callable[[], OkxKeys] | None = None,
    ) -> None:
        """Use a shared connection; ``keys`` is asked for each signature, so that nothing keeps them."""
        self.connection = connection
        self.governor = governor
        self.clock = clock
        self.account_id = account_id
        self._keys = keys

    async def get(
        self, endpoint: str, row: type[T], *, subject: str = "", query: Mapping[str, str] | None = None
    ) -> Reply[T]:
        """Ask a question, and ask again when the answer is lost: many reads make one picture, and one gap spoils it."""
        begun_ms, pause_ms = self.clock.now_ms(), GET_PAUSE_FIRST_MS
        reply = await self._get_once(endpoint, row, subject, query)
        for _ in range(GET_TIMES_MAX - 1):
            if not isinstance(reply, Lost) or self.clock.now_ms() - begun_ms > GET_AGAIN_MS_MAX:
                break
            await self.clock.sleep_ms(pause_ms)
            pause_ms *= 2
            reply = await self._get_once(endpoint, row, subject, query)
        return reply

    async def _get_once(
        self, endpoint: str, row: type[T], subject: str = "", query: Mapping[str, str] | None = None
    ) -> Reply[T]:
        ask = Ask(endpoint=f"GET {endpoint}", account=self.account_id, subject=subject)
        admission = await self.governor.admit(ask, wait_max_ms=QUERY_WAIT_MAX_MS)
        if admission is None:
            return NotSent(TOO_LATE)
        text = write_query(query or {})
        target = f"/api/v5/{endpoint}{'?' if text else ''}{text}"
        try:
            return await self._send(ask, "GET", target, row)
        finally:
            admission.done()

    async def post(self, ask: Ask, body: Any, row: type[T], *, deadline_ms: int | None = None) -> Reply[T]:  # noqa: ANN401  # whatever becomes JSON
        """Do something, once. After ``deadline_ms`` (our clock) OKX must refuse it (``expTime``)."""
        admission = await self.governor.admit(ask, wait_max_ms=wait_max_ms(self.clock, deadline_ms))
        if admission is None:
            return NotSent(TOO_LATE)
        headers = {} if deadline_ms is None else {"expTime": str(deadline_ms + self.connection.clock_offset_ms)}
        _, endpoint = ask.endpoint.split(" ")
        try:
            return await self._send(ask, "POST", f"/api/v5/{endpoint}", row, body=write_body(body), headers=headers)
        finally:
            admission.done()

    def ask(self, endpoint: str, subject: str, priority: Priority) -> Ask:
        """Name a POST for the governor."""
        return Ask(endpoint=f"POST {endpoint}", account=self.account_id, subject=subject, priority=priority)

    async def admit_socket(self) -> None:
        """Wait until one more socket may be opened from this address."""
        ask = Ask(endpoint=SOCKET, account=self.account_id)
        while (admission := await self.governor.admit(ask, wait_max_ms=SOCKET_WAIT_MAX_MS)) is None:
            await self.clock.sleep_ms(SOCKET_WAIT_MAX_MS)
        admission.done()

    async def measure_clock(self) -> bool:
        """Ask OKX for its time, and note how far ours is off; False when it did not answer."""
        before_ms = self.clock.now_ms()
        # Once: a repeat would make "before" too early.
        reply = await self._get_once("public/time", _ServerTime)
        if not isinstance(reply, Answered) or not reply.rows:
            return False
        # The answer was written somewhere between asking and reading.
        middle_ms = (before_ms + self.clock.now_ms()) // 2
        self.connection.clock_offset_ms = int(reply.rows[0].ts) - middle_ms
        return True

    def note_refusal(self, ask: Ask, code: str) -> None:
        """Hold back what OKX says comes too often."""
        pause_ms = CODES.retry_after_ms.get(code, 0)
        if pause_ms and code != CLOCK_OFF:
            self.governor.close(ask, for_ms=pause_ms, all_orders=code == ACCOUNT_RATE)

    async def _send(
        self,
        ask: Ask,
        method: str,
        target: str,
        row: type[T],
        *,
        body: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> Reply[T]:
        signed = {}
        if self._keys is not None:
            server_ms = self.connection.server_ms
            try:
                signed = sign_request(self._keys(), method=method, target=target, body=body, server_ms=server_ms)
            except Exception as error:
                # Whatever opens them may fail in its own way; a text of it could tell too much.
                return NotSent(f"the keys could not be opened: {type(error).__name__}")
        answer = await self.connection.send(method, target, body=body, headers={**signed, **(headers or {})})
        if isinstance(answer, Lost | NotSent):
            return answer
        reply = read_answer(answer.status, answer.body, row)
        if isinstance(reply, Refused):
            self.note_refusal(ask, reply.code)
            if reply.code == CLOCK_OFF:
                await self.measure_clock()
        return reply


def wait_max_ms(clock: Clock, deadline_ms: int | None) -> int:
    """How long a request may wait for its turn: not beyond its deadline."""
    if deadline_ms is None:
        return ORDER_WAIT_MAX_MS
    return max(0, min(ORDER_WAIT_MAX_MS, deadline_ms - clock.now_ms()))
