"""The one door: every source's wish enters here, with the fact that caused it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from fairlead.core.model import events as ev
from fairlead.core.model.order import Order
from fairlead.core.model.request import OrderRequest
from fairlead.core.model.state import RequestState, State
from fairlead.orders.facts import account_fact
from fairlead.orders.floor import TradingFloor
from fairlead.orders.waits import SettledRequests
from fairlead.ports import AppendOutcome, Committed, Fact, Journal, Record, Unit

UNFINISHED_REQUESTS_MAX: Final = 20_000


class OrderDoor:
    """Takes requests from every source; nothing else leads to a venue."""

    def __init__(
        self,
        *,
        journal: Journal,
        floor: TradingFloor,
        settled: SettledRequests,
        unfinished_max: int = UNFINISHED_REQUESTS_MAX,
    ) -> None:
        """Open the door in front of a floor."""
        self.unfinished_max = unfinished_max
        self._journal = journal
        self._floor = floor
        self._settled = settled
        # The account of each.
        self._unfinished: dict[str, str] = {}

    @property
    def unfinished(self) -> int:
        """Accepted requests whose outcome is open: sources slow down on it, and refuse beyond ``unfinished_max``."""
        return len(self._unfinished)

    async def submit(
        self,
        cause: tuple[Fact, ...],
        requests: Sequence[OrderRequest],
        *,
        states: tuple[State, ...] = (),
        records: tuple[Record, ...] = (),
    ) -> AppendOutcome:
        """Append the cause and its requests as one unit, then give each request to its account's desk.

        The ids are derived from the cause, so doing it again stores nothing twice and answers ``DuplicateKey``.
        """
        facts = [*cause, *(_fact(request) for request in requests)]
        rows = [*states, *(RequestState(request=request, updated_ms=request.cause_at_ms) for request in requests)]
        outcome = await self._journal.commit(Unit(facts=tuple(facts), states=tuple(rows), records=records))
        if isinstance(outcome, Committed):
            for request in requests:
                self._unfinished[request.request_id] = request.account_id
                self._floor.give(request)
        return outcome

    def expect(self, requests: Iterable[OrderRequest]) -> None:
        """Count requests that recovery found unfinished."""
        self._unfinished.update((request.request_id, request.account_id) for request in requests)

    def announce(self, state: RequestState) -> None:
        """Hear from a desk that a request is settled."""
        self._unfinished.pop(state.request.request_id, None)
        self._settled.announce(state)

    async def wait_settled(self, request_ids: Sequence[str], wait_ms: int) -> None:
        """Return when all these requests are settled, or after ``wait_ms`` milliseconds."""
        await self._settled.wait(request_ids, wait_ms)

    def find_state(self, request_id: str) -> RequestState | None:
        """The newest state of a recent request: settled, or still at its desk."""
        desk = self._floor.find(self._unfinished.get(request_id, ""))
        return self._settled.find(request_id) or (None if desk is None else desk.book.requests.get(request_id))

    def find_order(self, account_id: str, order_id: str) -> Order | None:
        """The newest state of a recent order, as its desk knows it."""
        desk = self._floor.find(account_id)
        return None if desk is None else desk.book.shelf.find(order_id)


def _fact(request: OrderRequest) -> Fact:
    return account_fact(
        tenant=request.tenant,
        account_id=request.account_id,
        cause=request.cause,
        at_ms=request.cause_at_ms,
        event=ev.OrderRequested(request=request),
    )
