"""Whatever happens to an account, its limits hold; ``bench/risk_properties.py`` runs the same with far more lives."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.core.risk_sequences import Life, Step

STEPS = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 65_535)), min_size=4, max_size=16)


@given(STEPS)
def test_no_sequence_of_events_breaks_a_property_of_the_risk_checks(steps: list[Step]) -> None:
    Life().run(steps)


def test_lives_are_not_empty() -> None:
    life = Life()
    life.run([(0, 4 * n + 2) for n in range(8)] + [(3, 800), (3, 800), (5, 4), (6, 0)])
    assert life.counts["approved"]
    assert life.counts["denied"]


def test_a_close_that_fills_first_leaves_more_of_a_flip() -> None:
    Life().run([(0, 242), (3, 0), (0, 0), (0, 33_628), (3, 0), (3, 56)])
