"""Writes the head of an answer together with its body: each write costs a call of the system and a wake-up."""

from __future__ import annotations

import asyncio
from typing import Final

# Told to a caller who asked before sending; the answer itself is still to come.
_INTERIM: Final = b"HTTP/1.1 100 "


class JoinedWrites(asyncio.Transport):
    """What uvicorn writes one answer to: the head waits for the first piece of the body, later pieces go as they come.

    A head without a body must be ended by ``close``, so answers to HEAD are not written through it.
    """

    __slots__ = ("_head", "_transport")

    def __init__(self, transport: asyncio.Transport) -> None:
        """Write to a connection."""
        super().__init__()
        self._transport = transport
        self._head: bytes | None = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Write what goes now, keep the head."""
        if self._head is None:
            self._transport.write(data)
        elif self._head:
            whole, self._head = self._head + data, None
            self._transport.write(whole)
        elif bytes(data[: len(_INTERIM)]) == _INTERIM:
            self._transport.write(data)
        else:
            self._head = bytes(data)

    def close(self) -> None:
        """Write what is left, then end the connection."""
        if self._head:
            self.write(b"")
        self._transport.close()

    def is_closing(self) -> bool:
        """Whether nothing can be written any more."""
        return self._transport.is_closing()
