"""Looks at an account over ccxt when it connects: what will not work there, and what is in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from fairlead.core.model.account import PositionMode, VenueAccount
from fairlead.core.model.money import format_amount
from fairlead.core.model.reports import AccountReport
from fairlead.venues.account_findings import Finding, Severity
from fairlead.venues.ccxt.survey import MEANING, Support, Survey

CURRENCIES_SHOWN_MAX: Final = 10
_GRAVE: Final = frozenset({"lost answers", "stops"})


def check_account(
    account: VenueAccount, surveyed: Survey, report: AccountReport, mode: PositionMode
) -> Sequence[Finding]:
    """Everything that is worth saying, worst first; ``mode`` is how the exchange has the account."""
    found = [*_check_exchange(surveyed), *_check_mode(account, mode), _balance(report)]
    return sorted(found, key=lambda finding: finding.severity)


def _check_exchange(surveyed: Survey) -> Iterator[Finding]:
    if surveyed.own_venue:
        yield Finding(
            severity=Severity.NOTE,
            subject="venue",
            message=f"{surveyed.name} has a venue of its own here, which does more",
            advice=f"add the account again with --kind {surveyed.exchange}",
        )
    if surveyed.support is not Support.TESTED:
        yield Finding(
            severity=Severity.WARN,
            subject="support",
            message=f"{surveyed.support.value}: {MEANING[surveyed.support]}",
            advice="begin with an amount that you can lose",
        )
    for one in surveyed.findings:
        if not one.works:
            severity = Severity.WARN if one.topic in _GRAVE else Severity.NOTE
            yield Finding(severity=severity, subject=one.topic, message=one.text, advice="docs/ccxt.md says more")
    yield Finding(
        severity=Severity.NOTE,
        subject="key",
        message="ccxt does not tell what a key may do: nobody here has seen whether this one may withdraw",
        advice=f"look at {surveyed.name} that it may read and trade only, and bind it to the address of this machine",
    )


def _check_mode(account: VenueAccount, mode: PositionMode) -> Iterator[Finding]:
    if mode is not account.position_mode:
        yield Finding(
            severity=Severity.NOTE,
            subject="position mode",
            message=f"the exchange has the account in {mode.value} mode, here it says {account.position_mode.value}",
            advice="nothing must be done: the exchange's mode is used",
        )


def _balance(report: AccountReport) -> Finding:
    shown = [f"{currency} {format_amount(total)}" for currency, total in sorted(report.balances.items())]
    more = f" and {len(shown) - CURRENCIES_SHOWN_MAX} more" if len(shown) > CURRENCIES_SHOWN_MAX else ""
    held = ", ".join(shown[:CURRENCIES_SHOWN_MAX]) or "nothing"
    positions = f"; {len(report.positions)} positions, {len(report.open_order_ids)} open orders"
    return Finding(
        severity=Severity.NOTE,
        subject="balance",
        message=f"the key reads the account: {held}{more}{positions}",
        advice="compare it with what the exchange shows you",
    )
