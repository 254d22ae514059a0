"""Cancels of one instrument that come at the same moment go to OKX as one request, each with its own answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from fairlead.venues.okx.outcomes import Ack, Failure

BATCH_MAX: Final = 20
"""What OKX takes in one request (OKX API v5)."""

Fields = Mapping[str, str]
Outcome = Ack | Failure
SendOne = Callable[[str, Fields], Awaitable[Outcome]]
SendMany = Callable[[str, Sequence[Fields]], Awaitable[Sequence[Outcome]]]


@dataclass(frozen=True, slots=True)
class _Wanted:
    fields: Fields
    answer: asyncio.Future[Outcome]


class CancelBatches:
    """Collects what is asked within one turn of the event loop; what is asked alone is sent as ever."""

    def __init__(self, send_one: SendOne, send_many: SendMany) -> None:
        """Send with ``send_one`` what is alone, and with ``send_many`` the others, at most 20 at once."""
        self._send_one = send_one
        self._send_many = send_many
        self._wanted: dict[str, list[_Wanted]] = {}
        self._sending: set[asyncio.Task[None]] = set()

    async def cancel(self, symbol: str, fields: Fields) -> Outcome:
        """Have one order of an instrument canceled, named by ``fields``; the answer is about this one."""
        answer: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        wanted = self._wanted.setdefault(symbol, [])
        wanted.append(_Wanted(fields, answer))
        if len(wanted) == 1:
            sending = asyncio.create_task(self._send(symbol))
            self._sending.add(sending)
            sending.add_done_callback(self._sending.discard)
        return await answer

    async def _send(self, symbol: str) -> None:
        wanted = [one for one in self._wanted.pop(symbol) if not one.answer.done()]
        batches = [wanted[first : first + BATCH_MAX] for first in range(0, len(wanted), BATCH_MAX)]
        await asyncio.gather(*(self._send_some(symbol, batch) for batch in batches))

    async def _send_some(self, symbol: str, batch: Sequence[_Wanted]) -> None:
        try:
            if len(batch) == 1:
                outcomes: Sequence[Outcome] = [await self._send_one(symbol, batch[0].fields)]
            else:
                outcomes = await self._send_many(symbol, [one.fields for one in batch])
        except Exception as error:
            # Whoever waits for one of them hears it as if he had sent it himself.
            for one in batch:
                if not one.answer.done():
                    one.answer.set_exception(error)
            return
        for one, outcome in zip(batch, outcomes, strict=True):
            if not one.answer.done():
                one.answer.set_result(outcome)
