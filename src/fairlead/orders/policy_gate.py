"""Stands between planning and risk: asks the policies, and lets wait what a policy delays."""

from __future__ import annotations

from collections.abc import Callable

from fairlead.core.model.request import OrderRequest
from fairlead.core.model.state import RequestStatus
from fairlead.core.rules.account_view import AccountView
from fairlead.core.rules.plan import Plan
from fairlead.core.rules.policy import Forbidden, Permitted, Postponed, apply_policies, is_superseded
from fairlead.orders import refusals
from fairlead.orders.desk_tools import DeskTools, RecordingDesk


class PolicyGate:
    """The gate of one desk; it holds back no more requests than the door lets in unfinished."""

    def __init__(self, desk: RecordingDesk, tools: DeskTools, again: Callable[[OrderRequest], None]) -> None:
        """``again`` queues a request whose time has come."""
        self._desk = desk
        self._tools = tools
        self._again = again
        self._waiting: set[str] = set()

    def judge(self, request: OrderRequest, plan: Plan, view: AccountView) -> Permitted | None:
        """Pass on what may go on; None when the request ended here or waits, which is written down."""
        decision = apply_policies(request, plan, view, self._tools.policing(self._desk.account, request))
        match decision:
            case Permitted():
                return decision
            case Forbidden():
                self._desk.record([refusals.ended_by_policy(request, decision, view.now_ms)])
            case Postponed() if request.dry_run:
                self._desk.record([refusals.would_wait(request, decision, view)])
            case Postponed():
                self._postpone(request, decision, view.now_ms)
        return None

    def supersede(self, newer: OrderRequest, now_ms: int) -> None:
        """End what waits for an older signal of the same instrument: an entry must not come after its own close.

        It is written down at once, because the newer request may have ended, and be forgotten, when the wait is over.
        """
        for request_id in sorted(self._waiting):
            state = self._desk.book.requests.get(request_id)
            if state is None or state.status is not RequestStatus.QUEUED or not is_superseded(state.request, newer):
                continue
            self._waiting.discard(request_id)
            self._desk.record([refusals.superseded(state.request, now_ms)])

    def _postpone(self, request: OrderRequest, postponed: Postponed, now_ms: int) -> None:
        # A request that plans further legs is looked at again whenever one of its orders changes.
        if request.request_id in self._waiting:
            return
        self._waiting.add(request.request_id)
        self._desk.record([refusals.warned(request, (postponed.message,), now_ms)])
        self._tools.spawn(self._desk, self._wait(request, postponed.until_ms - now_ms))

    async def _wait(self, request: OrderRequest, duration_ms: int) -> None:
        # Nothing of this is kept: after a restart the same rules find the same moment.
        await self._tools.clock.sleep_ms(duration_ms)
        self._waiting.discard(request.request_id)
        self._again(request)
        self._desk.wake()
