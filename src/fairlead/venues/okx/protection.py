"""The dead man's switch: OKX cancels what Fairlead has resting in the book when Fairlead has not been heard of."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Final

from fairlead.venues.okx.governor import Priority
from fairlead.venues.okx.outcomes import Answered, Failure
from fairlead.venues.okx.rest import OkxRest
from fairlead.venues.okx.rows import CountdownRow
from fairlead.venues.okx.wishes import TAG

TIMEOUT_S: Final = 60
"""OKX takes 10 to 120 seconds."""

ARMED_EVERY_MS: Final = 20_000
"""Two tries may fail before the switch acts."""

_ENDPOINT: Final = "trade/cancel-all-after"
_MS_PER_SECOND: Final = 1_000


class Protection(StrEnum):
    """Who takes back resting orders if something breaks."""

    ON_EXCHANGE = "on_exchange"
    BY_FAIRLEAD = "by_fairlead"
    NONE = "unprotected"


class DeadManSwitch:
    """One account's. It acts on orders with Fairlead's tag only: not on stops, and not on what others placed."""

    def __init__(self, rest: OkxRest, *, is_listening: Callable[[], bool]) -> None:
        """Off; ``is_listening`` says whether Fairlead itself hears what happens."""
        self._rest = rest
        self._is_listening = is_listening
        self._acts_at_ms = 0

    @property
    def acts_at_ms(self) -> int:
        """When OKX will cancel unless it hears of us before, by OKX's clock; 0: never."""
        return self._acts_at_ms

    @property
    def state(self) -> Protection:
        """Who would act now."""
        if self._acts_at_ms > self._rest.connection.server_ms:
            return Protection.ON_EXCHANGE
        return Protection.BY_FAIRLEAD if self._is_listening() else Protection.NONE

    async def arm(self, timeout_s: int = TIMEOUT_S) -> Failure | None:
        """Set the switch anew; None: OKX has it. A failed try leaves what was set before."""
        return await self._set(timeout_s)

    async def disarm(self) -> Failure | None:
        """Take it off, so that orders rest on while Fairlead is away."""
        return await self._set(0)

    async def run(self) -> None:
        """Keep it armed for ever."""
        while True:
            await self.arm()
            await self._rest.clock.sleep_ms(ARMED_EVERY_MS)

    async def _set(self, timeout_s: int) -> Failure | None:
        ask = self._rest.ask(_ENDPOINT, TAG, Priority.CANCEL)
        reply = await self._rest.post(ask, {"timeOut": str(timeout_s), "tag": TAG}, CountdownRow)
        if not isinstance(reply, Answered):
            return reply
        self._acts_at_ms = int(reply.rows[0].trigger_time) * _MS_PER_SECOND if reply.rows else 0
        return None
