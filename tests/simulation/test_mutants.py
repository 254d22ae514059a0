"""A file of its own, so that another worker than that of the sound product's seeds may take it."""

from __future__ import annotations

import pytest

from tests.simulation.mutants import MUTANTS
from tests.simulation.seeds import run_seed

# The one that is hardest to see shows itself in one seed of twenty or thirty.
SEEDS_PER_MUTANT = 160

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


@pytest.mark.parametrize("name", MUTANTS)
def test_a_product_that_does_one_thing_wrong_is_caught(name: str) -> None:
    assert any(run_seed(seed, MUTANTS[name]).problems for seed in range(SEEDS_PER_MUTANT))
