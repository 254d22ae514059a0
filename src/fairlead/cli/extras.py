"""Says what to install where an extra is missing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from fairlead.cli.output import StopError

_OF_BACKTEST: Final = frozenset({"numba", "numpy", "optuna", "polars"})


@contextmanager
def backtest_extra() -> Iterator[None]:
    """Around whatever imports candles or replays.

    Raises:
        StopError: a library of the extra is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name not in _OF_BACKTEST:
            raise
        raise StopError(f"{error.name} is not installed: pip install 'fairlead[backtest]'") from None
