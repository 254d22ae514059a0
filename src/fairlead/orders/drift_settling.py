"""Settles one drift as somebody decided: take the venue's view for ours, live with it, or undo it at the venue.

Whatever is decided is about the amount that was shown. The venue is asked again first, and when it says another amount
by then, nothing is done.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, assert_never

from fairlead.core.model import events as ev
from fairlead.core.model import ids
from fairlead.core.model.account import MarginMode, PositionSide
from fairlead.core.model.drift import Drift, DriftCause, DriftDecision, DriftKind, DriftWay
from fairlead.core.model.money import ZERO
from fairlead.core.model.reports import AccountReport, Rejected, Unknown, VenuePosition
from fairlead.core.model.request import Close, OrderRequest, Size, SizeUnit, SourceKind
from fairlead.core.rules.drift import find_drifts
from fairlead.core.rules.holdings import FUNDING
from fairlead.orders.desk_tools import DeskTools, RecordingDesk
from fairlead.orders.submit import OrderDoor

SOURCE: Final = "drift"
PROFILE: Final = "platform"
REQUEST_LIFE_MS: Final = 30_000
NOT_FOLLOWED: Final = "this order has filled in part, or is of a kind that is not followed here"
WHY_CANCELED: Final = "somebody else placed it, and its drift was closed"


@dataclass(frozen=True, slots=True)
class DriftSettler:
    """Carries decisions out; every change of the book is one unit with the fact that says who decided it."""

    tools: DeskTools
    door: OrderDoor

    async def settle(self, desk: RecordingDesk, decision: DriftDecision) -> str:
        """Carry out one decision; returns why it was not, or nothing when it was."""
        drift = desk.book.drifts.get(decision.drift_id)
        if drift is None:
            return "it is gone, or its amount is another one by now: see fairlead drift list"
        if decision.way is DriftWay.IGNORE:
            self._record(desk, drift, decision, ())
            return ""
        report = await desk.venue.read_account()
        if isinstance(report, Unknown):
            return f"the venue does not tell what the account holds: {report.message}"
        if not self._is_still_there(desk, drift, report):
            return "it has just changed: it is compared again, see fairlead drift list"
        if decision.way is DriftWay.ADOPT:
            return self._adopt(desk, drift, decision, report)
        return await self._close(desk, drift, decision, report)

    def _is_still_there(self, desk: RecordingDesk, drift: Drift, report: AccountReport) -> bool:
        instruments, now_ms = desk.market.instruments, self.tools.clock.now_ms()
        found = find_drifts(desk.book, report, instruments, now_ms)
        return any((one.place, one.change, one.order) == (drift.place, drift.change, drift.order) for one in found)

    def _adopt(self, desk: RecordingDesk, drift: Drift, decision: DriftDecision, report: AccountReport) -> str:
        if drift.kind is DriftKind.OUTSIDE_ORDER and drift.order is None:
            return f"{NOT_FOLLOWED}: cancel it at the venue, or ignore it here"
        if drift.subject not in desk.market.instruments and drift.kind is DriftKind.POSITION:
            return f"{drift.subject} is not an instrument that is traded here: close it at the venue, or ignore it"
        self._record(desk, drift, decision, self._adoption(desk, drift, report))
        return ""

    async def _close(self, desk: RecordingDesk, drift: Drift, decision: DriftDecision, report: AccountReport) -> str:
        match drift.kind:
            case DriftKind.BALANCE:
                return "cash cannot be closed: adopt it, or ignore it"
            case DriftKind.MISSING_ORDER:
                return "there is nothing at the venue to close: adopt it, and it counts as canceled here"
            case DriftKind.OUTSIDE_ORDER:
                return await self._cancel(desk, drift, decision)
            case DriftKind.POSITION:
                return await self._reduce(desk, drift, decision, report)
            case _:
                assert_never(drift.kind)

    async def _cancel(self, desk: RecordingDesk, drift: Drift, decision: DriftDecision) -> str:
        if drift.order is None:
            return f"{NOT_FOLLOWED}: cancel it at the venue"
        account_id = desk.account.account_id
        born = ev.VenueOrderBorn(account_id=account_id, report=drift.order)
        asked = ev.CancelRequested(
            request_id="",
            account_id=account_id,
            order_ids=(drift.subject,),
            at_ms=self.tools.clock.now_ms(),
            why=WHY_CANCELED,
        )
        self._record(desk, drift, decision, (born, asked))
        order = desk.book.orders.get(drift.subject)
        outcome = None if order is None else await desk.venue.cancel_order(order)
        if isinstance(outcome, Rejected | Unknown):
            return f"the order is followed here now, but the venue did not cancel it: {outcome.message}"
        return ""

    async def _reduce(self, desk: RecordingDesk, drift: Drift, decision: DriftDecision, report: AccountReport) -> str:
        excess = abs(drift.theirs) - abs(drift.ours)
        if excess <= ZERO or drift.ours * drift.theirs < ZERO:
            return "the venue does not hold more of it than we: closing would trade the other way; adopt it instead"
        if refused := self._adopt(desk, drift, decision, report):
            return refused
        # In the same turn as the adoption, so that both are queued for the same commit.
        await self.door.submit((), [self._request(desk, drift, Size(amount=excess, unit=SizeUnit.NATIVE))])
        return ""

    def _request(self, desk: RecordingDesk, drift: Drift, size: Size) -> OrderRequest:
        account, side = desk.account, drift.position_side
        intent = Close(position_side=None if side is PositionSide.NET else side, size=size)
        return OrderRequest(
            request_id=ids.request_id(cause_at_ms=drift.since_ms, cause=drift.drift_id, account_id=account.account_id),
            tenant=account.tenant,
            account_id=account.account_id,
            cause=drift.drift_id,
            cause_at_ms=drift.since_ms,
            source_kind=SourceKind.SYSTEM,
            source_id=SOURCE,
            strategy_id="",
            risk_profile=PROFILE,
            symbol=drift.subject,
            intent=intent,
            valid_until_ms=self.tools.clock.now_ms() + REQUEST_LIFE_MS,
        )

    def _adoption(self, desk: RecordingDesk, drift: Drift, report: AccountReport) -> Sequence[ev.AccountEvent]:
        account, now_ms = desk.account, self.tools.clock.now_ms()
        match drift.kind:
            case DriftKind.BALANCE:
                return (_cash(account.account_id, drift, now_ms),)
            case DriftKind.POSITION:
                position = _position(drift, report)
                return (
                    ev.PositionAdopted(
                        tenant=account.tenant, account_id=account.account_id, position=position, at_ms=now_ms
                    ),
                )
            case DriftKind.OUTSIDE_ORDER:
                assert drift.order is not None, drift
                return (ev.VenueOrderBorn(account_id=account.account_id, report=drift.order),)
            case DriftKind.MISSING_ORDER:
                return (
                    ev.OrderCanceled(
                        order_id=drift.subject,
                        account_id=account.account_id,
                        reason_code="drift_adopted",
                        message="the venue does not have it any more",
                        at_ms=now_ms,
                    ),
                )
            case _:
                assert_never(drift.kind)

    def _record(
        self, desk: RecordingDesk, drift: Drift, decision: DriftDecision, changes: Sequence[ev.AccountEvent]
    ) -> None:
        settled = ev.DriftSettled(
            account_id=desk.account.account_id,
            drift=drift,
            way=decision.way,
            decided_by=decision.decided_by,
            reason=decision.reason,
            at_ms=self.tools.clock.now_ms(),
        )
        desk.record([*changes, settled])


def _cash(account_id: str, drift: Drift, now_ms: int) -> ev.CashAdjusted:
    return ev.CashAdjusted(
        account_id=account_id,
        adjustment=f"drift:{drift.drift_id}",
        kind=_cash_kind(drift),
        currency=drift.subject,
        amount=drift.change,
        symbol="",
        position_side=None,
        at_ms=now_ms,
    )


def _cash_kind(drift: Drift) -> str:
    """Cash that a person moved is no profit and no loss; everything else is."""
    match drift.cause:
        case DriftCause.MANUAL_BALANCE:
            return "deposit" if drift.change > ZERO else "withdrawal"
        case DriftCause.FUNDING:
            return FUNDING
        case _:
            return drift.cause.value


def _position(drift: Drift, report: AccountReport) -> VenuePosition:
    place = (drift.subject, drift.position_side)
    found = next((one for one in report.positions if (one.symbol, one.position_side) == place), None)
    return found or VenuePosition(
        symbol=drift.subject,
        position_side=drift.position_side,
        margin_mode=MarginMode.CROSS,
        leverage=ZERO,
        quantity=ZERO,
        entry_price=ZERO,
        liquidation_price=None,
    )
