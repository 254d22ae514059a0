"""Orders over the private socket: numbered requests, and a clear line between "never sent" and "nobody knows"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from fairlead.ports import Clock
from fairlead.venues.okx.outcomes import Ack, Envelope, Lost, NotSent, Reply, read_envelope
from fairlead.venues.okx.socket_line import SocketLine

REPLY_WAIT_MS: Final = 5_000


class OrderSocket:
    """Uses whichever line is up now; each request goes over one line, once."""

    def __init__(self, clock: Clock) -> None:
        """Start without a line."""
        self._clock = clock
        self._line: SocketLine | None = None
        self._number = 0

    @property
    def is_up(self) -> bool:
        """Whether an order could be sent now."""
        return self._line is not None and self._line.is_up

    def use(self, line: SocketLine | None) -> None:
        """Send over this line from now on, or over none."""
        self._line = line

    async def ask(self, operation: str, items: Sequence[Mapping[str, Any]], *, deadline_ms: int | None) -> Reply[Ack]:
        """Send one operation on one order, or on several where OKX takes a batch.

        ``deadline_ms`` is by OKX's clock and goes along as ``expTime``.
        """
        line = self._line
        if line is None:
            return NotSent("no socket is open")
        self._number += 1
        message: dict[str, Any] = {"op": operation, "args": items}
        if deadline_ms is not None:
            message["expTime"] = str(deadline_ms)
        frame = await line.ask(str(self._number), message, REPLY_WAIT_MS)
        if isinstance(frame, Lost | NotSent):
            return frame
        return read_envelope(Envelope(frame.code, frame.msg, frame.data), Ack)
