"""One writer per venue account: takes requests in order, checks, journals, and only then sends."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Final, assert_never, get_args

from msgspec.structs import replace

from fairlead.core.model import events as ev
from fairlead.core.model.account import Balance, ExecutionMode, Position, SubPosition, VenueAccount
from fairlead.core.model.order import ApprovedOrder, Order
from fairlead.core.model.protection import ProtectionChanged
from fairlead.core.model.reports import ExecutionReport
from fairlead.core.model.request import OrderRequest
from fairlead.core.model.state import AlertState, RequestState, RequestStatus, State
from fairlead.core.rules.account_book import AccountBook
from fairlead.core.rules.account_view import AccountView
from fairlead.core.rules.book_rebuild import book_header
from fairlead.core.rules.cautions import cautions_of
from fairlead.core.rules.modes import check_mode, effective_mode
from fairlead.core.rules.order_state import InvariantBroken
from fairlead.core.rules.planning import CancelPlan, LeverageChange, Nothing, Plan, Refusal, plan_request
from fairlead.core.rules.risk import Denied, check_orders
from fairlead.core.rules.valuation import worth_of
from fairlead.orders import refusals
from fairlead.orders.desk_inbox import DeskInbox
from fairlead.orders.desk_tools import DeskTools
from fairlead.orders.dispatch import ask_cancels, cancel_orders, send_order, set_leverage
from fairlead.orders.exits import ExitKeeper
from fairlead.orders.exposure import ExposureKeeper
from fairlead.orders.facts import account_fact, account_stream
from fairlead.orders.losses import LossKeeper
from fairlead.orders.policy_gate import PolicyGate
from fairlead.orders.quote_gate import QuoteGate
from fairlead.orders.reports import events_of_reports
from fairlead.ports import AppendOutcome, Committed, Fact, Record, Unit, Venue

SEND_DEADLINE_MS: Final = 5_000
BOOK_SPACE: Final = "book"
"""Records of what a book holds beside its rows, by account."""

# Facts that are kept although they change no state of the book.
_NOTES: Final = frozenset(
    {
        ev.CancelRequested,
        ev.DriftFound,
        ev.DriftSettled,
        ev.PositionAdopted,
        ev.AccountRecovered,
        ev.AccountAdopted,
        ev.LeverageChanged,
        ev.DeskRebuilt,
        ProtectionChanged,
        *get_args(ev.LossEvent),
    }
)


# What a book holds beside its rows is written down again after these.
_CHANGES_HEADER: Final = frozenset(
    {
        ev.DriftFound,
        ev.DriftSettled,
        ev.PositionAdopted,
        ev.AccountRecovered,
        ev.AccountAdopted,
        ev.LeverageChanged,
        ev.CashAdjusted,
        ProtectionChanged,
        *get_args(ev.LossEvent),
    }
)


class AccountDesk:
    """The one writer of a venue account.

    Nothing here waits for a commit before the next request is taken: a decision is applied to the book in memory at
    once (so the next one sees the reservation), appended, and acted on from the commit's callback. The writer is first
    in, first out, so order is kept. If a unit is refused, memory is ahead of the disk: the desk halts and is rebuilt.
    """

    def __init__(self, account: VenueAccount, book: AccountBook, venue: Venue, tools: DeskTools) -> None:
        """Open with a recovered book; nothing is sent before a request arrives."""
        self.account = account
        self.book = book
        self.venue = venue
        self.market = tools.market
        self.halt_reason = ""
        self.losses = LossKeeper(self, tools)
        self.exposure = ExposureKeeper(self, tools)
        self._tools = tools
        self._inbox = DeskInbox()
        self._exits = ExitKeeper(self, tools)
        self._policies = PolicyGate(self, tools, again=self._inbox.push)
        self._quotes = QuoteGate(self, tools, self._inbox)
        self._setting_leverage = False
        # Closes whose entries were taken back; each only until it ends.
        self._cleared: set[str] = set()

    @property
    def stream(self) -> str:
        """Journal stream of the account."""
        return account_stream(self.account.account_id)

    @property
    def waiting(self) -> int:
        """Requests not yet decided."""
        return len(self._inbox)

    def wake(self) -> None:
        """Ask the floor for a turn."""
        self._tools.wake(self)

    def receive(self, requests: Iterable[OrderRequest]) -> None:
        """Queue requests whose ``OrderRequested`` is committed."""
        for request in requests:
            self.book.apply(ev.OrderRequested(request=request), self._tools.market.instruments)
            self._inbox.push(request)
        self.wake()

    def resume(self) -> None:
        """Queue again what recovery found undecided."""
        for state in list(self.book.requests.values()):
            if (state.is_pending and not state.order_ids) or self._wants_more(state):
                self._inbox.push(state.request)
            elif state.is_pending or state.status is RequestStatus.UNKNOWN:
                self._inbox.begin(state.request)
        self._exits.look()
        self.wake()

    def take_next(self) -> bool:
        """Decide the next request that is ready; False when there is none."""
        if self.halt_reason or self._setting_leverage:
            return False
        request = self._inbox.pop_ready()
        if request is None:
            return False
        try:
            if not self._quotes.holds_back(request):
                self._decide(request)
        except InvariantBroken as error:
            self.halt(str(error))
        return True

    def on_reports(self, reports: Sequence[ExecutionReport]) -> None:
        """Take what the venue said, in its order."""
        self.record(events_of_reports(self.account.account_id, reports))

    def record(self, events: Sequence[ev.AccountEvent], then: Callable[[], None] | None = None) -> None:
        """Apply events to the book, append what changed as one unit, and call ``then`` once that is durable.

        An event that the book knows already is dropped. A halted desk records nothing: its book is not the truth.
        """
        if self.halt_reason:
            return
        states: dict[tuple[str, ...], State] = {}
        facts: list[Fact] = []
        now_ms, instruments = self._tools.clock.now_ms(), self._tools.market.instruments
        try:
            for event in self.losses.with_transfers(events):
                changed = self.book.apply(event, instruments)
                if changed or type(event) in _NOTES:
                    facts.append(_fact(self.account, event, now_ms))
                for state in changed:
                    states[_identity(state)] = state
        except InvariantBroken as error:
            self.halt(str(error))
            return
        if facts:
            rows = tuple(states.values())
            unit = Unit(facts=tuple(facts), states=rows, records=_header(self.book, facts), chain=self.stream)
            self._tools.journal.append(unit, partial(self._stored, rows, then))
        elif then is not None:
            then()

    def stop_waiting(self, order: Order) -> None:
        """Let others of the instrument go on: what became of this order may never be known."""
        self._inbox.settle(order.symbol, order.request_id)
        self.wake()

    def halt(self, reason: str) -> None:
        """Stop taking, sending and recording: memory and journal may differ, so the desk must be rebuilt."""
        if not self.halt_reason:
            self.halt_reason = reason
            self._tools.halted(self)

    def _decide(self, request: OrderRequest) -> None:
        state = self.book.requests.get(request.request_id)
        # Several commits may each find the first legs done and queue the request: only the first plans the next ones.
        if state is None or (state.order_ids and not self._wants_more(state)):
            return
        now_ms = self._tools.clock.now_ms()
        if now_ms > request.valid_until_ms:
            self.record([refusals.expired(request, now_ms)])
            return
        if refused := check_mode(self.account, request, live_enabled=self._tools.live_enabled):
            self.record([refusals.denied_by_mode(request, refused, now_ms)])
            return
        if effective_mode(self.account, request) is ExecutionMode.DRY_RUN:
            request = replace(request, dry_run=True)
        self._policies.supersede(request, now_ms)
        view = self._view(request, now_ms)
        if state.status is RequestStatus.QUEUED and (warnings := cautions_of(request, view)):
            self.record([refusals.warned(request, warnings, now_ms)])
        deadline_ms = min(request.valid_until_ms, now_ms + SEND_DEADLINE_MS)
        plan = plan_request(
            request,
            view,
            first_leg=len(state.order_ids),
            deadline_ms=deadline_ms,
            may_cancel=request.request_id not in self._cleared,
        )
        match plan:
            case Refusal() as refusal:
                self.record([refusals.denied_by_sizing(request, refusal, now_ms)])
            case Nothing() as nothing:
                self.record([refusals.skipped(request, nothing, now_ms)])
            case CancelPlan():
                self._cancel(request, plan, now_ms)
            case Plan():
                self._approve(request, plan, view)
            case other:
                assert_never(other)

    def _approve(self, request: OrderRequest, wished: Plan, view: AccountView) -> None:
        permitted = self._policies.judge(request, wished, view)
        if permitted is None:
            return
        plan = permitted.plan
        verdicts = check_orders(plan.legs, request, view)
        approved = [verdict for verdict in verdicts if isinstance(verdict, ApprovedOrder)]
        denied = next((verdict for verdict in verdicts if isinstance(verdict, Denied)), None)
        if denied is not None:
            self.record([refusals.denied_by_risk(request, permitted, denied, view.now_ms)])
        elif request.dry_run:
            self.record([refusals.dry_run(request, permitted, approved[0], view)])
        elif plan.leverage_changes:
            self._setting_leverage = True
            self._tools.spawn(self, self._set_leverage(request, plan.leverage_changes))
        else:
            self._inbox.begin(request)
            events = [
                ev.OrderApproved(
                    order=one.order,
                    verdict=one.verdict,
                    sizing=plan.sizing,
                    more=plan.more,
                    policies=permitted.verdicts,
                )
                for one in approved
            ]
            self.record(events, then=partial(_send_all, self, self._tools, approved))

    def _cancel(self, request: OrderRequest, plan: CancelPlan, now_ms: int) -> None:
        self._inbox.begin(request)
        work = self._clear if plan.first else partial(cancel_orders, self, self._tools)

        def act() -> None:
            self._tools.spawn(self, work(request, plan.orders))

        if self.book.requests[request.request_id].status is not RequestStatus.QUEUED:
            # We stopped in the middle of it, so it is on record already.
            act()
            return
        event = ev.CancelRequested(
            request_id=request.request_id,
            account_id=request.account_id,
            order_ids=tuple(order.order_id for order in plan.orders),
            at_ms=now_ms,
        )
        self.record([event], then=act)

    async def _clear(self, request: OrderRequest, orders: Sequence[Order]) -> None:
        """Take entries back before a close; what the venue does not take back does not keep the close waiting."""
        await ask_cancels(self, orders)
        self._cleared.add(request.request_id)
        self._inbox.settle(request.symbol, request.request_id)
        self._inbox.push(request, first=True)
        self.wake()

    async def _set_leverage(self, request: OrderRequest, changes: Sequence[LeverageChange]) -> None:
        # Until the venue has answered, nothing else of this account is decided: it would be sized at the old leverage.
        if await set_leverage(self, self._tools, request, changes):
            self._inbox.push(request, first=True)
        self._setting_leverage = False
        self.wake()

    def _stored(self, states: Sequence[State], then: Callable[[], None] | None, outcome: AppendOutcome) -> None:
        if not isinstance(outcome, Committed):
            self.halt(f"a unit was refused: {outcome}")
            return
        for state in states:
            if isinstance(state, RequestState):
                self._after(state)
        self._exits.look(states)
        self._tools.heard(self.account, states)
        if then is not None:
            then()

    def _after(self, state: RequestState) -> None:
        wants_more = self._wants_more(state)
        if state.is_pending and not wants_more:
            return
        # While a doubt may still be settled, a close of the instrument waits: it could not close what turns up later.
        if state.status is not RequestStatus.UNKNOWN:
            self._inbox.settle(state.request.symbol, state.request.request_id)
        if wants_more:
            self._inbox.push(state.request, first=True)
        else:
            self._cleared.discard(state.request.request_id)
            self._tools.settled(state)
        if self._inbox:
            self.wake()

    def _wants_more(self, state: RequestState) -> bool:
        return state.more and not any(order_id in self.book.orders for order_id in state.order_ids)

    def _view(self, request: OrderRequest, now_ms: int) -> AccountView:
        limits, profile = self._tools.limits(self.account, request)
        quotes, instruments = self._tools.market.quotes, self._tools.market.instruments
        worth = worth_of(self.book, quotes, instruments)
        return AccountView(
            account=self.account,
            book=self.book,
            quotes=quotes,
            instruments=instruments,
            limits=limits,
            profile=profile,
            now_ms=now_ms,
            latches=self._tools.latches(self.account, request),
            losses=self.losses.look(worth),
            others=None if limits.user_exposure_max is None else self._tools.others(self.account),
            valued=worth,
        )


def _header(book: AccountBook, facts: Iterable[Fact]) -> tuple[Record, ...]:
    is_changed = book.trades.take_change()
    if not is_changed and not any(type(fact.event) in _CHANGES_HEADER for fact in facts):
        return ()
    return (Record(space=BOOK_SPACE, owner=book.tenant, key=book.account_id, body=book_header(book)),)


def _send_all(desk: AccountDesk, tools: DeskTools, approved: Sequence[ApprovedOrder]) -> None:
    for one in approved:
        tools.spawn(desk, send_order(desk, tools, one))


def _fact(account: VenueAccount, event: ev.AccountEvent, now_ms: int) -> Fact:
    return account_fact(
        tenant=account.tenant,
        account_id=account.account_id,
        cause=_cause(event),
        at_ms=now_ms,
        event=event,
    )


def _cause(event: ev.AccountEvent) -> str:
    match event:
        case ev.OrderRequested():
            return event.request.cause
        case ev.OrderApproved():
            return event.order.request_id
        case ev.OrderFilled():
            return event.fill.order_id
        case ev.VenueOrderBorn():
            return event.report.parent_id
        case ev.LeverageChanged() | ev.CancelRequested():
            return event.request_id or event.account_id
        case ev.RequestDenied() | ev.RequestSkipped() | ev.RequestExpired() | ev.RequestWarned():
            return event.request_id
        case ev.OrderAccepted() | ev.OrderRejected() | ev.OrderUnknown() | ev.OrderCanceled() | ev.OrderExpired():
            return event.order_id
        case _:
            return event.account_id


def _identity(state: State) -> tuple[str, ...]:
    match state:
        case RequestState():
            return ("request", state.request.request_id)
        case Order():
            return ("order", state.order_id)
        case Position():
            return ("position", state.symbol, state.position_side)
        case SubPosition():
            return ("share", state.symbol, state.position_side, state.source_id, state.strategy_id)
        case Balance():
            return ("balance", state.currency)
        case AlertState():
            return ("alert", state.alert_id)
        case _:
            assert_never(state)
