from __future__ import annotations

from itertools import product

import pytest

from fairlead.core.model.account import ExecutionMode
from fairlead.core.rules.modes import RISK, check_mode, effective_mode, mode_label
from tests.core.risk_world import account, request

LIVE, DEMO, PAPER, DRY_RUN = ExecutionMode.LIVE, ExecutionMode.DEMO, ExecutionMode.PAPER, ExecutionMode.DRY_RUN


@pytest.mark.parametrize(("has", "wish"), list(product(ExecutionMode, ExecutionMode)))
def test_a_request_never_raises_the_mode_of_its_account(has: ExecutionMode, wish: ExecutionMode) -> None:
    asked, owned = request(mode=wish), account(mode=has)
    assert RISK[effective_mode(owned, asked)] <= min(RISK[has], RISK[wish])
    if RISK[wish] > RISK[has]:
        refused = check_mode(owned, asked, live_enabled=True)
        assert refused is not None
        assert f"asks for {wish}, and main is {has}" in refused.message


@pytest.mark.parametrize("has", list(ExecutionMode))
def test_every_account_can_be_asked_for_a_dry_run_or_its_own_mode(has: ExecutionMode) -> None:
    for asked in (request(dry_run=True), request(mode=DRY_RUN), request(mode=has), request()):
        assert check_mode(account(mode=has), asked, live_enabled=True) is None
    assert effective_mode(account(mode=has), request(dry_run=True, mode=has)) is DRY_RUN


@pytest.mark.parametrize(("has", "wish"), [(LIVE, PAPER), (LIVE, DEMO), (DEMO, PAPER), (PAPER, DEMO)])
def test_where_no_other_account_is_linked_a_lower_mode_is_refused_clearly(
    has: ExecutionMode, wish: ExecutionMode
) -> None:
    refused = check_mode(account(mode=has), request(mode=wish), live_enabled=True)
    assert refused is not None
    assert f"no {wish} account is linked to main, which is {has}" in refused.message


def test_a_live_account_trades_only_where_the_installation_may() -> None:
    refused = check_mode(account(mode=LIVE), request(), live_enabled=False)
    assert refused is not None
    assert "FAIRLEAD_ENABLE_LIVE_TRADING is not true" in refused.message
    assert check_mode(account(mode=LIVE), request(dry_run=True), live_enabled=False) is None


def test_whatever_is_not_live_is_marked() -> None:
    assert mode_label(account(mode=LIVE), dry_run=False) == ""
    assert mode_label(account(mode=LIVE), dry_run=True) == "DRY RUN"
    assert mode_label(account(mode=PAPER), dry_run=False) == "PAPER"
    assert mode_label(None, dry_run=False) == "UNKNOWN MODE"
