"""Which mode a request runs in: that of its account, or lower where it asks for that; never higher."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from fairlead.core.model.account import ExecutionMode, VenueAccount
from fairlead.core.model.request import OrderRequest

MODE_NOT_ALLOWED: Final = "mode_not_allowed"
LIVE_SWITCH: Final = "FAIRLEAD_ENABLE_LIVE_TRADING"

# Demo and paper trade pretend money both, so neither is above the other.
RISK: Final[Mapping[ExecutionMode, int]] = {
    ExecutionMode.DRY_RUN: 0,
    ExecutionMode.PAPER: 1,
    ExecutionMode.DEMO: 1,
    ExecutionMode.LIVE: 2,
}


class ModeRefused(msgspec.Struct, frozen=True, kw_only=True):
    """Why a request may not run in the mode that it, or its account, asks for."""

    message: str


def effective_mode(account: VenueAccount, request: OrderRequest) -> ExecutionMode:
    """The lower of what the account has and what the request wishes; a dry run is the lowest."""
    if request.dry_run:
        return ExecutionMode.DRY_RUN
    return account.mode if request.mode is None else min(account.mode, request.mode, key=RISK.__getitem__)


def check_mode(account: VenueAccount, request: OrderRequest, *, live_enabled: bool) -> ModeRefused | None:
    """Refuse what would raise the mode, or lower it to where this account cannot go, or trade live when nobody may."""
    wish, has = request.mode, account.mode
    if wish is not None and RISK[wish] > RISK[has]:
        return ModeRefused(message=f"the request asks for {wish}, and {account.label} is {has}: a request only lowers")
    mode = effective_mode(account, request)
    if wish is not None and mode is not ExecutionMode.DRY_RUN and wish is not has:
        return ModeRefused(
            message=f"the request asks for {wish}, but no {wish} account is linked to {account.label}, which is {has}; "
            f"name a {wish} account in the alert, or ask for {ExecutionMode.DRY_RUN}"
        )
    if mode is ExecutionMode.LIVE and not live_enabled:
        return ModeRefused(message=f"{account.label} is live, and {LIVE_SWITCH} is not true in this installation")
    return None


def mode_label(account: VenueAccount | None, *, dry_run: bool) -> str:
    """Mark of whatever is not live, such as ``PAPER``; empty for live."""
    if dry_run:
        return "DRY RUN"
    if account is None:
        return "UNKNOWN MODE"
    return "" if account.mode is ExecutionMode.LIVE else account.mode.value.replace("_", " ").upper()
