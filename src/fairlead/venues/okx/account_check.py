"""Looks at an account when it connects: what its key may do, from where, and what will not work."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from fairlead.core.model.account import PositionMode, VenueAccount
from fairlead.venues.account_findings import Finding, Severity
from fairlead.venues.okx.rows import ConfigRow

WITHDRAW: Final = "withdraw"
TRADE: Final = "trade"
SKEW_NOTED_MS: Final = 1_000
SKEW_MAX_MS: Final = 25_000
"""OKX refuses what is off by 30 seconds."""

_LONG_SHORT: Final = "long_short_mode"
_SPOT_ONLY: Final = "1"
_FUTURES: Final = "2"


def check_account(
    account: VenueAccount, config: ConfigRow, *, clock_offset_ms: int = 0, may_withdraw: bool = False
) -> Sequence[Finding]:
    """Everything that is worth saying, worst first; ``may_withdraw``: the owner insists on a key that can."""
    findings = [
        *_check_key(config, may_withdraw=may_withdraw),
        *_check_modes(account, config),
        *_check_clock(clock_offset_ms),
    ]
    return sorted(findings, key=lambda finding: finding.severity)


def _check_key(config: ConfigRow, *, may_withdraw: bool) -> list[Finding]:
    found = []
    permissions = set(config.perm.split(","))
    if WITHDRAW in permissions:
        found.append(
            Finding(
                severity=Severity.WARN if may_withdraw else Severity.REFUSE,
                subject="key",
                message="this key may withdraw money",
                advice="make a key at OKX that may read and trade only, and use that one",
            )
        )
    if TRADE not in permissions:
        found.append(
            Finding(
                severity=Severity.REFUSE,
                subject="key",
                message="this key may not trade",
                advice="give it the permission to trade at OKX, or use another key",
            )
        )
    if not config.ip:
        found.append(
            Finding(
                severity=Severity.WARN,
                subject="key",
                message="this key works from any address, and expires when it is idle for 14 days",
                advice="bind it to the address of this machine at OKX",
            )
        )
    return found


def _check_modes(account: VenueAccount, config: ConfigRow) -> list[Finding]:
    found = []
    if config.acct_lv == _SPOT_ONLY:
        found.append(
            Finding(
                severity=Severity.WARN,
                subject="account mode",
                message="the account is in spot mode: perpetuals cannot be traded",
                advice="choose futures mode at OKX if you want to trade perpetuals",
            )
        )
    elif config.acct_lv != _FUTURES:
        found.append(
            Finding(
                severity=Severity.REFUSE,
                subject="account mode",
                message=f"the account is in mode {config.acct_lv}, where spot is traded on margin",
                advice="choose futures mode at OKX: multi-currency and portfolio margin are not supported",
            )
        )
    mode = PositionMode.LONG_SHORT if config.pos_mode == _LONG_SHORT else PositionMode.NET
    if mode is not account.position_mode:
        found.append(
            Finding(
                severity=Severity.NOTE,
                subject="position mode",
                message=f"OKX has the account in {mode.value} mode, here it says {account.position_mode.value}",
                advice="nothing must be done: OKX's mode is used",
            )
        )
    return found


def _check_clock(offset_ms: int) -> list[Finding]:
    if abs(offset_ms) < SKEW_NOTED_MS:
        return []
    is_far = abs(offset_ms) >= SKEW_MAX_MS
    return [
        Finding(
            severity=Severity.WARN if is_far else Severity.NOTE,
            subject="clock",
            message=f"this machine's clock is {offset_ms} ms behind OKX's",
            advice="switch on time synchronisation; until then requests are signed with OKX's time",
        )
    ]
