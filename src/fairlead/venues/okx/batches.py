"""What comes at the same moment and may share a request goes to OKX as one, each part with its own answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from fairlead.venues.okx.outcomes import Ack, Failure

BATCH_MAX: Final = 20
"""What OKX takes in one request (OKX API v5)."""

Shared = TypeVar("Shared", bound=Hashable)
"""What all parts of a request have in common."""

Item = TypeVar("Item")
Outcome = Ack | Failure
SendOne = Callable[[Shared, Item], Awaitable[Outcome]]
Gather = Callable[[Shared], Awaitable[None]]
SendMany = Callable[[Shared, Sequence[Item]], Awaitable[Sequence[Outcome]]]


@dataclass(frozen=True, slots=True)
class _Wanted(Generic[Item]):
    item: Item
    answer: asyncio.Future[Outcome]


class Batches(Generic[Shared, Item]):
    """Collects what is asked within one turn of the event loop; what is asked alone is sent as ever.

    ``gather`` may take longer than a turn: what is asked meanwhile goes along.
    """

    def __init__(
        self,
        send_one: SendOne[Shared, Item],
        send_many: SendMany[Shared, Item],
        gather: Gather[Shared] | None = None,
    ) -> None:
        """Send with ``send_one`` what is alone, and with ``send_many`` the others, at most 20 at once."""
        self._send_one = send_one
        self._send_many = send_many
        self._gather = gather
        self._wanted: dict[Shared, list[_Wanted[Item]]] = {}
        self._sending: set[asyncio.Task[None]] = set()

    async def send(self, shared: Shared, item: Item) -> Outcome:
        """Have one thing done that may go along with others of the same ``shared``; the answer is about this one."""
        answer: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        wanted = self._wanted.setdefault(shared, [])
        wanted.append(_Wanted(item, answer))
        if len(wanted) == 1:
            sending = asyncio.create_task(self._send_all(shared))
            self._sending.add(sending)
            sending.add_done_callback(self._sending.discard)
        return await answer

    async def _send_all(self, shared: Shared) -> None:
        if self._gather is not None:
            await self._gather(shared)
        wanted = [one for one in self._wanted.pop(shared) if not one.answer.done()]
        batches = [wanted[first : first + BATCH_MAX] for first in range(0, len(wanted), BATCH_MAX)]
        await asyncio.gather(*(self._send_some(shared, batch) for batch in batches))

    async def _send_some(self, shared: Shared, batch: Sequence[_Wanted[Item]]) -> None:
        try:
            if len(batch) == 1:
                outcomes: Sequence[Outcome] = [await self._send_one(shared, batch[0].item)]
            else:
                outcomes = await self._send_many(shared, [one.item for one in batch])
        except Exception as error:
            # Whoever waits for one of them hears it as if he had sent it himself.
            for one in batch:
                if not one.answer.done():
                    one.answer.set_exception(error)
            return
        for one, outcome in zip(batch, outcomes, strict=True):
            if not one.answer.done():
                one.answer.set_result(outcome)
