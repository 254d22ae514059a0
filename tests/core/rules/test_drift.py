"""What differs between a book and its venue's report, and what most likely made it differ."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.core.model.account import Balance, MarginMode, Position, PositionSide
from fairlead.core.model.drift import Drift, DriftCause, DriftKind
from fairlead.core.model.reports import AccountReport, VenuePosition
from fairlead.core.rules.account_book import AccountBook
from fairlead.core.rules.drift import LOOKS_MIN, Sightings, find_drifts, next_drifts, sight
from fairlead.simulator.instruments import DEFAULT_INSTRUMENTS

D = Decimal
NOW_MS = 1_790_000_000_000
PERPETUAL = "BTC-USDT-SWAP"
INSTRUMENTS = {one.symbol: one for one in DEFAULT_INSTRUMENTS}


def book(*, contracts: str = "0", **cash: str) -> AccountBook:
    made = AccountBook(tenant="t1", account_id="a1")
    for currency, total in cash.items():
        made.balances[currency] = Balance(tenant="t1", account_id="a1", currency=currency, total=D(total))
    if D(contracts):
        made.positions[PERPETUAL, PositionSide.NET] = Position(
            tenant="t1",
            account_id="a1",
            symbol=PERPETUAL,
            position_side=PositionSide.NET,
            margin_mode=MarginMode.CROSS,
            leverage=D(3),
            quantity=D(contracts),
            entry_price=D(60_000),
        )
    return made


def report(*, contracts: str = "0", **cash: str) -> AccountReport:
    position = VenuePosition(
        symbol=PERPETUAL,
        position_side=PositionSide.NET,
        margin_mode=MarginMode.CROSS,
        leverage=D(3),
        quantity=D(contracts),
        entry_price=D(60_000),
        liquidation_price=None,
    )
    return AccountReport(
        balances={currency: D(total) for currency, total in cash.items()},
        positions=(position,) if D(contracts) else (),
        open_order_ids=(),
        at_ms=NOW_MS,
    )


def found(ours: AccountBook, theirs: AccountReport) -> dict[tuple[str, str], DriftCause]:
    return {(one.kind.value, one.subject): one.cause for one in find_drifts(ours, theirs, INSTRUMENTS, NOW_MS)}


def drift_of(change: int, subject: str = "USDT") -> Drift:
    return Drift(
        drift_id=f"{subject}{change}",
        kind=DriftKind.BALANCE,
        cause=DriftCause.MANUAL_BALANCE,
        subject=subject,
        since_ms=NOW_MS,
        theirs=D(change),
    )


def test_equal_accounts_and_roundings_do_not_differ() -> None:
    assert found(book(USDT="100", contracts="2"), report(USDT="100.0000005", contracts="2")) == {}
    assert found(book(BTC="1"), report(BTC="1.00000001")) == {}
    assert found(book(BTC="1"), report(BTC="1.00000002")) == {("balance", "BTC"): DriftCause.MANUAL_BALANCE}


@pytest.mark.parametrize(
    ("ours", "theirs", "causes"),
    [
        (book(USDT="100"), report(USDT="190"), {("balance", "USDT"): DriftCause.MANUAL_BALANCE}),
        (
            book(USDT="1000", contracts="2"),
            report(USDT="994", contracts="2"),
            {("balance", "USDT"): DriftCause.FUNDING},
        ),
        (
            book(USDT="1000", contracts="2"),
            report(USDT="900", contracts="2"),
            {("balance", "USDT"): DriftCause.MANUAL_BALANCE},
        ),
        (
            book(USDT="1000", contracts="2"),
            report(USDT="600"),
            {("balance", "USDT"): DriftCause.LIQUIDATION, ("position", PERPETUAL): DriftCause.LIQUIDATION},
        ),
        (
            book(USDT="1000"),
            report(USDT="999", contracts="3"),
            {("balance", "USDT"): DriftCause.OUTSIDE_POSITION, ("position", PERPETUAL): DriftCause.OUTSIDE_POSITION},
        ),
        (
            book(USDT="1000", BTC="1"),
            report(USDT="400", BTC="1.01"),
            {("balance", "USDT"): DriftCause.OUTSIDE_ORDER, ("balance", "BTC"): DriftCause.OUTSIDE_ORDER},
        ),
    ],
)
def test_the_likely_cause_is_told(
    ours: AccountBook, theirs: AccountReport, causes: dict[tuple[str, str], DriftCause]
) -> None:
    assert found(ours, theirs) == causes


def test_the_same_difference_at_another_time_is_another_drift() -> None:
    ours, theirs = book(USDT="1"), report(USDT="2")
    ids = {find_drifts(ours, theirs, INSTRUMENTS, NOW_MS + later)[0].drift_id for later in (0, 0, 1)}
    assert len(ids) == 2


@given(st.lists(st.lists(st.integers(-2, 2), min_size=2, max_size=2), max_size=30))
def test_what_is_open_was_seen_twice_alike_or_often_and_ends_when_it_is_gone(looks: list[list[int]]) -> None:
    seen: Sightings = {}
    known: tuple[Drift, ...] = ()
    history: list[list[int]] = []
    for changes in looks:
        history.append(changes)
        now = [drift_of(change, subject) for subject, change in zip(("USDT", "BTC"), changes, strict=True) if change]
        seen = sight(seen, now)
        known = next_drifts(known, now, seen)
        open_now = {drift.subject: int(drift.change) for drift in known}
        for place, subject in enumerate(("USDT", "BTC")):
            amounts = [row[place] for row in history]
            if not amounts[-1]:
                assert subject not in open_now
            elif amounts[-2:] == [amounts[-1]] * 2:
                assert open_now[subject] == amounts[-1]
            elif subject in open_now and len(amounts) < LOOKS_MIN:
                assert any(amounts[at : at + 2] == [open_now[subject]] * 2 for at in range(len(amounts)))


def test_what_is_ignored_stays_so_while_its_amount_does() -> None:
    ignored = msgspec.structs.replace(drift_of(5), is_ignored=True)
    assert next_drifts([ignored], [drift_of(5)], None) == (ignored,)
    assert next_drifts([ignored], [drift_of(6)], None) == (drift_of(6),)
    assert next_drifts([ignored], [], None) == ()
