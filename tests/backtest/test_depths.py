"""How deep and how long a curve fell: the blocks must say what a look at every value says."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fairlead.backtest.measures.depths import BLOCK, Depths, Fall, Spell
from fairlead.backtest.result import Curve
from tests.backtest.runs import BEGIN_MS, DAY_MS, make_curve

MINUTE_MS = 60_000


def look_at_all(curve: Curve, start: float) -> tuple[Fall, Spell]:
    """The same, one value after the other."""
    fall, spell = Fall(), Spell(from_ms=BEGIN_MS, until_ms=BEGIN_MS)
    top, top_ms, last_ms = start, BEGIN_MS, BEGIN_MS
    is_below = False
    for at_ms, value in zip(curve.at_ms.tolist(), curve.values.tolist(), strict=True):
        last_ms = at_ms
        if value >= top:
            if is_below and at_ms - top_ms > spell.length_ms:
                spell = Spell(from_ms=top_ms, until_ms=at_ms)
            if fall.peak_ms == top_ms and not fall.recovered_ms and fall.share:
                fall = Fall(share=fall.share, peak_ms=top_ms, trough_ms=fall.trough_ms, recovered_ms=at_ms)
            top, top_ms, is_below = value, at_ms, False
        else:
            is_below = True
            if 1.0 - value / top > fall.share:
                fall = Fall(share=1.0 - value / top, peak_ms=top_ms, trough_ms=at_ms)
    if is_below and last_ms - top_ms > spell.length_ms:
        spell = Spell(from_ms=top_ms, until_ms=last_ms, is_over=False)
    return fall, spell


def test_a_curve_that_never_fell_has_no_depth() -> None:
    depths = Depths(make_curve([101.0, 102.0, 103.0]), 100.0, BEGIN_MS)
    assert depths.deepest_fall() == Fall()
    assert depths.longest_spell().length_ms == 0


def test_no_candle_at_all_has_no_depth() -> None:
    depths = Depths(make_curve([]), 100.0, BEGIN_MS)
    assert depths.deepest_fall() == Fall()
    assert depths.longest_spell().length_ms == 0


def test_the_value_at_the_beginning_counts() -> None:
    depths = Depths(make_curve([90.0, 80.0, 100.0]), 100.0, BEGIN_MS)
    fall = depths.deepest_fall()
    assert fall.share == 1.0 - 80.0 / 100.0
    assert (fall.peak_ms, fall.trough_ms, fall.recovered_ms) == (
        BEGIN_MS,
        BEGIN_MS + 2 * DAY_MS,
        BEGIN_MS + 3 * DAY_MS,
    )
    assert depths.longest_spell() == Spell(from_ms=BEGIN_MS, until_ms=BEGIN_MS + 3 * DAY_MS)


def test_a_fall_that_was_not_made_good_says_so() -> None:
    depths = Depths(make_curve([120.0, 60.0, 90.0]), 100.0, BEGIN_MS)
    assert depths.deepest_fall().recovered_ms == 0
    assert depths.longest_spell() == Spell(from_ms=BEGIN_MS + DAY_MS, until_ms=BEGIN_MS + 3 * DAY_MS, is_over=False)


@given(
    seed=st.integers(0, 2**32),
    count=st.integers(1, 5 * BLOCK),
    drift=st.sampled_from([-0.4, 0.0, 0.05, 0.5]),
    grain=st.sampled_from([0, 3]),
)
def test_blocks_say_what_a_look_at_every_value_says(seed: int, count: int, drift: float, grain: int) -> None:
    steps = np.random.default_rng(seed).normal(drift, 1.0, count)
    # Rounded curves have many equal values, where the first and the last of them differ.
    curve = make_curve(np.round(5_000.0 + np.cumsum(steps), grain), MINUTE_MS)
    depths = Depths(curve, 5_000.0, BEGIN_MS)
    fall, spell = look_at_all(curve, 5_000.0)
    found = depths.deepest_fall()
    assert (found.share, found.trough_ms) == (fall.share, fall.trough_ms)
    assert found.recovered_ms == fall.recovered_ms
    assert depths.longest_spell().length_ms == spell.length_ms
