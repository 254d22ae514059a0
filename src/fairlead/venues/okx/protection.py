"""The dead man's switch: OKX cancels what Fairlead has resting in the book when Fairlead has not been heard of."""

from __future__ import annotations

from math import inf
from typing import Final

import structlog

from fairlead.core.model.protection import DEAD_MAN_S
from fairlead.venues.okx.governor import Priority
from fairlead.venues.okx.outcomes import Answered, Failure
from fairlead.venues.okx.rest import OkxRest
from fairlead.venues.okx.rows import CountdownRow
from fairlead.venues.okx.wishes import TAG

SIGNS_PER_TIMEOUT: Final = 3
"""Signs of life that OKX gets while its countdown runs once: two may be lost before the switch acts."""

AGAIN_MS: Final = 2_000
"""When OKX did not take it."""

_ENDPOINT: Final = "trade/cancel-all-after"
_MS_PER_SECOND: Final = 1_000
_log = structlog.get_logger("fairlead.venues.okx")


class DeadManSwitch:
    """One account's. It acts on orders with Fairlead's tag only: not on stops, and not on what others placed."""

    def __init__(self, rest: OkxRest) -> None:
        """Off, as far as this process knows."""
        self._rest = rest
        self._acts_at_ms = 0
        self._wanted_s: int | None = None
        self._due_ms: float = 0
        self._is_failing = False

    @property
    def acts_at_ms(self) -> int:
        """When OKX will cancel unless it hears of us before, by OKX's clock; 0: never."""
        return self._acts_at_ms

    @property
    def is_armed(self) -> bool:
        """Whether OKX has said that it will act by itself, and has not yet."""
        return self._acts_at_ms > self._rest.connection.server_ms

    async def arm(self, timeout_s: int = DEAD_MAN_S) -> Failure | None:
        """Set the switch anew; None: OKX has it. A failed try leaves what was set before."""
        return await self._set(timeout_s)

    async def disarm(self) -> Failure | None:
        """Take it off, so that orders rest on while Fairlead is away."""
        return await self._set(0)

    async def follow(self, timeout_s: int) -> None:
        """Tell OKX what is wanted, where it is time to: a sign of life, or once that the switch is off (0).

        Call it at least each second; what OKX did not take is sent again.
        """
        now_ms = self._rest.clock.now_ms()
        if timeout_s != self._wanted_s:
            self._wanted_s, self._due_ms = timeout_s, now_ms
        if now_ms < self._due_ms:
            return
        failure = await self._set(timeout_s)
        if failure is not None:
            self._due_ms = now_ms + AGAIN_MS
            if not self._is_failing:
                _log.warning("dead_man_not_set", account=self._rest.account_id, reason=failure.message)
        else:
            self._due_ms = now_ms + timeout_s * _MS_PER_SECOND // SIGNS_PER_TIMEOUT if timeout_s else inf
        self._is_failing = failure is not None

    async def _set(self, timeout_s: int) -> Failure | None:
        ask = self._rest.ask(_ENDPOINT, TAG, Priority.CANCEL)
        reply = await self._rest.post(ask, {"timeOut": str(timeout_s), "tag": TAG}, CountdownRow)
        if not isinstance(reply, Answered):
            return reply
        self._acts_at_ms = int(reply.rows[0].trigger_time) * _MS_PER_SECOND if reply.rows else 0
        return None
