"""What the venue said, as facts about our orders."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import assert_never

from fairlead.core.model import events as ev
from fairlead.core.model import reports as rp


def events_of_reports(account_id: str, reports: Sequence[rp.ExecutionReport]) -> list[ev.AccountEvent]:
    """Turn a venue's reports into the facts they state, in order; the book drops those it knows already."""
    return [apply_report(account_id, report) for report in reports]


def in_venue_order(reports: Iterable[rp.ExecutionReport]) -> list[rp.ExecutionReport]:
    """Sort reports about several orders as they happened: by time, fills of one moment by their trade numbers."""
    return sorted(reports, key=_moment)


def _moment(report: rp.ExecutionReport) -> tuple[int, int, int]:
    match report:
        case rp.ReportFill(fill=fill):
            # Trade ids of a venue rise within an instrument, where they are numbers.
            return fill.at_ms, 1, int(fill.trade_id) if fill.trade_id.isdecimal() else 0
        case rp.ReportCanceled() | rp.ReportRejected():
            return report.at_ms, 2, 0
        case _:
            return report.at_ms, 0, 0


def apply_report(account_id: str, report: rp.ExecutionReport) -> ev.AccountEvent:
    """The fact that one report states."""
    match report:
        case rp.ReportAccepted():
            return ev.OrderAccepted(
                order_id=report.order_id,
                account_id=account_id,
                venue_order_id=report.venue_order_id,
                at_ms=report.at_ms,
            )
        case rp.ReportFill():
            return ev.OrderFilled(account_id=account_id, fill=report.fill, is_last=report.is_last)
        case rp.ReportCanceled():
            return ev.OrderCanceled(
                order_id=report.order_id,
                account_id=account_id,
                reason_code=report.reason_code,
                message=report.message,
                at_ms=report.at_ms,
            )
        case rp.ReportRejected():
            return ev.OrderRejected(
                order_id=report.order_id,
                account_id=account_id,
                reason_code=report.code,
                message=report.message,
                at_ms=report.at_ms,
            )
        case rp.ReportBorn():
            return ev.VenueOrderBorn(account_id=account_id, report=report)
        case rp.ReportAdjusted():
            return ev.CashAdjusted(
                account_id=account_id,
                adjustment=report.key,
                kind=report.kind,
                currency=report.currency,
                amount=report.amount,
                symbol=report.symbol,
                position_side=report.position_side,
                at_ms=report.at_ms,
            )
        case _:
            assert_never(report)
