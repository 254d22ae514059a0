"""The loss ladder over a curve says what it says close by close."""

from __future__ import annotations

from decimal import Decimal
from random import Random

import msgspec
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fairlead.backtest.checks.risk_losses import LossReplay
from fairlead.core.model.loss import LossLimits
from fairlead.core.model.money import ONE

BEGIN_MS = 1_735_689_600_000
HOUR_MS = 3_600_000
CASH = Decimal(10_000)
FIELDS = [name for name in LossLimits.__struct_fields__ if name != "halt_flattens"]


def draw_limits(random: Random) -> LossLimits:
    """Some limits, of sizes that the curves reach or just do not."""
    shares = {name: Decimal(random.randint(1, 300)) / 1000 for name in random.sample(FIELDS, random.randint(0, 4))}
    return msgspec.structs.replace(LossLimits(), **shares)


def draw_curve(random: Random) -> tuple[np.ndarray, np.ndarray]:
    """Two months of equity, an hour apart, some of the hours missing."""
    count = 24 * 60
    steps = np.random.default_rng(random.randrange(2**32)).normal(0, random.choice((0.0005, 0.003, 0.01)), count)
    equity = np.round(float(CASH) * np.exp(np.cumsum(steps)), 8)
    kept = np.array([random.random() < 0.9 for _ in range(count)])
    kept[0] = True
    return (BEGIN_MS + HOUR_MS * np.arange(1, count + 1, dtype=np.int64))[kept], equity[kept]


def fresh(limits: LossLimits) -> LossReplay:
    return LossReplay(limits, limits, CASH, BEGIN_MS)


@given(st.integers(0, 2**32))
def test_a_whole_curve_leaves_what_its_closes_leave_one_by_one(seed: int) -> None:
    random = Random(seed)
    limits = draw_limits(random)
    at_ms, equity = draw_curve(random)
    whole, single = fresh(limits), fresh(limits)
    cut = random.randrange(len(at_ms))
    whole.follow(at_ms[:cut], equity[:cut])
    whole.follow(at_ms[cut:], equity[cut:])
    for moment, value in zip(at_ms.tolist(), equity.tolist(), strict=True):
        single.look(moment, Decimal(f"{value:.8f}"))
    assert whole.standing == single.standing
    assert (whole.is_halted, whole.is_calm) == (single.is_halted, single.is_calm)


@given(st.integers(0, 2**32))
def test_what_matters_to_no_entry_at_any_close_changes_nothing(seed: int) -> None:
    random = Random(seed)
    limits = draw_limits(random)
    at_ms, equity = draw_curve(random)
    cut = random.randint(1, len(at_ms))
    if fresh(limits).matters(at_ms[:cut], equity[:cut], np.arange(cut)):
        return
    watched = fresh(limits)
    for moment, value in zip(at_ms[:cut].tolist(), equity[:cut].tolist(), strict=True):
        standing = watched.look(moment, Decimal(f"{value:.8f}"))
        assert watched.is_calm
        assert not standing.latches
        assert standing.size_factor == ONE


def test_a_day_that_loses_its_limit_matters_from_that_close_on() -> None:
    at_ms = BEGIN_MS + HOUR_MS * np.arange(1, 49, dtype=np.int64)
    equity = np.full(48, 10_000.0)
    equity[30] = 9_499.0
    ladder = fresh(LossLimits(day_reduce=Decimal("0.05")))
    assert not ladder.matters(at_ms, equity, np.arange(30))
    assert ladder.matters(at_ms, equity, np.array([30]))
    equity[30] = 9_501.0
    assert not ladder.matters(at_ms, equity, np.arange(48))


@given(st.integers(0, 2**32))
def test_what_does_not_matter_to_entries_at_some_closes_changes_nothing_there(seed: int) -> None:
    random = Random(seed)
    limits = draw_limits(random)
    at_ms, equity = draw_curve(random)
    asked = np.array(sorted(random.sample(range(len(at_ms)), random.randint(0, 5))), dtype=np.int64)
    if fresh(limits).matters(at_ms, equity, asked):
        return
    watched = fresh(limits)
    for number, (moment, value) in enumerate(zip(at_ms.tolist(), equity.tolist(), strict=True)):
        watched.look(moment, Decimal(f"{value:.8f}"))
        assert not watched.is_halted
        assert watched.is_calm or number not in asked


def test_a_day_of_losses_holds_back_entries_of_that_day_only() -> None:
    at_ms = BEGIN_MS + HOUR_MS * np.arange(1, 73, dtype=np.int64)
    equity = np.full(72, 10_000.0)
    equity[30:40] = 9_400.0
    ladder = fresh(LossLimits(day_reduce=Decimal("0.05")))
    assert not ladder.matters(at_ms, equity, np.array([29, 47]))
    assert ladder.matters(at_ms, equity, np.array([29, 45]))
