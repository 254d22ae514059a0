"""The loss ladder: what was lost counts, what was moved does not, and what was reached stays reached."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.core.model.loss import (
    LimitLifted,
    LimitReached,
    LossLimits,
    LossState,
    LossStep,
    PeriodKind,
    PeriodStarted,
)
from fairlead.core.model.risk import TradingState
from fairlead.core.rules.loss_state import (
    add_transfer,
    apply_change,
    drawdown_factor,
    observe,
    period_bounds,
    standing_of,
)

BERLIN = ZoneInfo("Europe/Berlin")
LIMITS = LossLimits(
    day_reduce=Decimal("0.03"),
    day_halt=Decimal("0.05"),
    week_halve=Decimal("0.07"),
    month_halt=Decimal("0.15"),
    drawdown_taper=Decimal("0.05"),
    drawdown_halve=Decimal("0.10"),
    drawdown_reduce=Decimal("0.15"),
    drawdown_halt=Decimal("0.20"),
)


def at(text: str, zone: str = "Europe/Berlin") -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()) * 1000


def see(state: LossState, equity: str, when: str) -> LossState:
    for change in observe(state, Decimal(equity), now_ms=at(when), zone=BERLIN, limits=LIMITS):
        state = apply_change(state, change)
    return state


def standing(state: LossState, equity: str, when: str) -> tuple[TradingState, Decimal]:
    found = standing_of(state, Decimal(equity), now_ms=at(when), limits=LIMITS)
    return found.trading_state, found.size_factor


# Fifteen in the week, so that neither a week nor a month begins with the day.
@pytest.fixture
def morning() -> LossState:
    return see(LossState(), "10000", "2026-07-15T09:00")


def test_three_percent_of_a_day_leave_only_reducing_until_the_next_local_day(morning: LossState) -> None:
    assert standing(see(morning, "9700.01", "2026-07-15T10:00"), "9700.01", "2026-07-15T10:00")[0] == "active"

    lost = see(morning, "9700", "2026-07-15T10:00")

    assert standing(lost, "9700", "2026-07-15T23:59")[0] == "reducing"
    assert standing(lost, "9700", "2026-07-16T00:00")[0] == "active"


def test_a_recovering_price_undoes_nothing(morning: LossState) -> None:
    lost = see(see(morning, "9690", "2026-07-15T10:00"), "10500", "2026-07-15T11:00")

    assert standing(lost, "10500", "2026-07-15T11:00")[0] == "reducing"


def test_five_percent_of_a_day_halt_until_a_person_resumes(morning: LossState) -> None:
    lost = see(see(morning, "9500", "2026-07-15T10:00"), "9500", "2026-07-17T10:00")
    assert standing(lost, "9500", "2026-07-17T10:00")[0] == "halted"

    resumed = apply_change(lost, LimitLifted(step=LossStep.DAY_HALT, equity=Decimal(9500)))

    assert standing(see(resumed, "9499", "2026-07-17T10:01"), "9499", "2026-07-17T10:01")[0] == "active"


def test_seven_percent_of_a_week_halve_sizes_until_monday(morning: LossState) -> None:
    lost = see(see(morning, "9800", "2026-07-16T10:00"), "9300", "2026-07-17T09:00")

    assert standing(lost, "9999", "2026-07-19T23:59")[1] == Decimal("0.5")
    assert standing(lost, "9999", "2026-07-20T00:00")[1] == 1


def test_many_small_losses_reach_the_limit_that_none_of_them_reaches_alone(morning: LossState) -> None:
    state = morning
    for minute, equity in enumerate(range(9990, 9690, -10)):
        state = see(state, str(equity), f"2026-07-15T10:{minute:02}")

    assert {latch.step for latch in state.latches} == {LossStep.DAY_REDUCE}


def test_a_deposit_does_not_hide_a_loss_and_a_withdrawal_does_not_make_one(morning: LossState) -> None:
    paid_in = add_transfer(morning, Decimal(5000), Decimal(10000))
    assert standing(see(paid_in, "14690", "2026-07-15T10:00"), "14690", "2026-07-15T10:00")[0] == "reducing"

    paid_out = add_transfer(morning, Decimal(-5000), Decimal(10000))
    after = see(paid_out, "5000", "2026-07-15T10:00")
    assert standing(after, "5000", "2026-07-15T10:00") == (TradingState.ACTIVE, Decimal(1))


@pytest.mark.parametrize(
    ("drawdown", "factor"),
    [("0.05", "1"), ("0.075", "0.8125"), ("0.0999", "0.62575"), ("0.1", "0.5"), ("0.125", "0.4375"), ("0.15", "0.25")],
)
def test_the_smaller_of_line_and_half_counts_never_their_product(drawdown: str, factor: str) -> None:
    assert drawdown_factor(Decimal(drawdown), LIMITS) == Decimal(factor)


def test_a_deep_drawdown_stays_until_a_person_resumes_from_there() -> None:
    state = LossState()
    # Over the end of a month, so that only the peak remembers all of it.
    days = ("07-27", "07-28", "07-29", "07-30", "07-31", "08-01", "08-02")
    for day, equity in zip(days, ("10000", "9750", "9500", "9250", "9000", "8750", "8500"), strict=True):
        state = see(state, equity, f"2026-{day}T09:00")
    assert standing(state, "8500", "2026-08-30T09:00")[0] == "reducing"

    resumed = apply_change(state, LimitLifted(step=LossStep.DRAWDOWN_REDUCE, equity=Decimal(8500)))

    assert LossStep.DRAWDOWN_REDUCE not in {latch.step for latch in see(resumed, "8490", "2026-08-30T09:00").latches}


def test_a_restart_forgets_neither_the_day_nor_its_halt(morning: LossState) -> None:
    lost = see(morning, "9690", "2026-07-15T10:00")

    again = msgspec.json.decode(msgspec.json.encode(lost), type=LossState)

    assert again == lost
    assert observe(again, Decimal(9690), now_ms=at("2026-07-15T10:01"), zone=BERLIN, limits=LIMITS) == ()


def test_without_equity_nothing_is_counted() -> None:
    assert observe(LossState(), Decimal(0), now_ms=at("2026-07-15T10:00"), zone=BERLIN, limits=LIMITS) == ()


@pytest.mark.parametrize(
    ("zone", "noon", "hours"),
    [
        ("Europe/Berlin", "2026-03-29T12:00", 23),
        ("Europe/Berlin", "2026-10-25T12:00", 25),
        ("America/New_York", "2026-11-01T12:00", 25),
        ("America/Sao_Paulo", "2018-11-04T12:00", 23),
        ("Africa/Cairo", "2026-04-24T12:00", 23),
        ("Asia/Kathmandu", "2026-04-24T12:00", 24),
        ("Australia/Lord_Howe", "2026-10-04T12:00", 23.5),
        ("Pacific/Apia", "2011-12-29T12:00", 24),
        ("Pacific/Apia", "2011-12-31T12:00", 24),
        ("UTC", "2026-06-30T12:00", 24),
    ],
)
def test_a_local_day_is_as_long_as_its_clocks_make_it(zone: str, noon: str, hours: float) -> None:
    start_ms, end_ms = period_bounds(PeriodKind.DAY, at(noon, zone), ZoneInfo(zone))

    assert (end_ms - start_ms) / 3_600_000 == hours


@given(
    now_ms=st.integers(at("1990-01-01T00:00", "UTC"), at("2037-12-31T00:00", "UTC")),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "America/Sao_Paulo", "Pacific/Apia", "America/Havana", "Asia/Gaza"]),
    kind=st.sampled_from(PeriodKind),
)
def test_every_instant_lies_in_the_period_that_is_found_for_it(now_ms: int, zone: str, kind: PeriodKind) -> None:
    start_ms, end_ms = period_bounds(kind, now_ms, ZoneInfo(zone))

    assert start_ms <= now_ms < end_ms
    assert period_bounds(kind, end_ms, ZoneInfo(zone))[0] == end_ms


@given(st.lists(st.integers(1, 20_000), min_size=1, max_size=30))
def test_what_was_reached_stays_and_no_change_comes_twice(equities: list[int]) -> None:
    state = see(LossState(), "10000", "2026-07-15T09:00")
    steps: set[LossStep] = set()
    for equity in equities:
        changes = observe(state, Decimal(equity), now_ms=at("2026-07-15T10:00"), zone=BERLIN, limits=LIMITS)
        reached = [change.latch.step for change in changes if isinstance(change, LimitReached)]
        assert steps.isdisjoint(reached)
        assert not any(isinstance(change, PeriodStarted) for change in changes)
        steps.update(reached)
        for change in changes:
            state = apply_change(apply_change(state, change), change)
        assert {latch.step for latch in state.latches} == steps


@given(equity=st.integers(1, 12_000), tighter=st.integers(1, 99))
def test_a_tighter_limit_never_allows_more(equity: int, tighter: int) -> None:
    share = Decimal(tighter) / 100
    shares = {name: value * share for name, value in msgspec.structs.asdict(LIMITS).items() if name != "halt_flattens"}
    tight = LossLimits(**shares)
    start = see(LossState(), "10000", "2026-07-15T09:00")
    found = []
    for limits in (LIMITS, tight):
        state = start
        for change in observe(state, Decimal(equity), now_ms=at("2026-07-15T10:00"), zone=BERLIN, limits=limits):
            state = apply_change(state, change)
        found.append(standing_of(state, Decimal(equity), now_ms=at("2026-07-15T10:00"), limits=limits))
    loose, strict = found

    strictness = [TradingState.ACTIVE, TradingState.REDUCING, TradingState.HALTED]
    assert strictness.index(strict.trading_state) >= strictness.index(loose.trading_state)
    assert strict.size_factor <= loose.size_factor
