"""Our statistics against those of quantstats and scipy, on curves made up by hypothesis."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from fairlead.backtest.measures.statistics import statistics_of
from tests.backtest.runs import CASH, make_result

ORACLE = Path(__file__).with_name("quantstats_oracle.py")
Ask = Callable[[list[float]], dict[str, float]]

# No two alike: a return is read back from equity, where rounding would tell equal ones apart at the edge of the tail.
daily_returns = st.lists(
    st.integers(-200_000, 250_000).map(lambda value: value / 1_000_000), min_size=95, max_size=160, unique=True
)


@pytest.fixture(name="ask", scope="module")
def _ask() -> Iterator[Ask]:
    """A process that answers line by line."""
    with subprocess.Popen(
        [sys.executable, str(ORACLE)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        pipe_in, pipe_out = process.stdin, process.stdout

        def ask(returns: list[float]) -> dict[str, float]:
            pipe_in.write(json.dumps(returns).encode() + b"\n")
            pipe_in.flush()
            answer: dict[str, float] = json.loads(pipe_out.readline())
            return answer

        yield ask
        pipe_in.close()


@pytest.mark.slow
@settings(max_examples=30)
@given(returns=daily_returns)
def test_every_ratio_is_that_of_quantstats_with_a_year_of_365_days(ask: Ask, returns: list[float]) -> None:
    assume(np.std(returns) > 1e-3)
    assume(min(returns) < -1e-3)
    values = (float(CASH) * np.cumprod(1.0 + np.asarray(returns))).tolist()
    ours = statistics_of(make_result(values)).returns
    theirs = ask(returns)
    for name, expected in theirs.items():
        if name in {"var_95", "cvar_95"}:
            expected = max(0.0, expected)  # noqa: PLW2901 - what never loses has no loss
        found = getattr(ours, name)
        assert found is not None, name
        assert math.isclose(found, expected, rel_tol=1e-9, abs_tol=1e-9), (name, found, expected)
