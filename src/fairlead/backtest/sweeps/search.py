"""Which combinations are tried: all, some by chance, or those that an optimiser proposes after what it has seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from fairlead.backtest.sweeps.ranking import Bound, Objective
from fairlead.backtest.sweeps.space import Axis, Space, SpaceError
from fairlead.backtest.sweeps.trials import Row, Trial
from fairlead.core.model.money import AmountError, parse_amount

if TYPE_CHECKING:
    import optuna

COMBINATIONS_MAX: Final = 100_000
"""Rows of one search, all of which are kept in memory."""

ASKED_AT_ONCE: Final = 16
"""Proposals that are run before the optimiser hears of any: the same ones, however many workers there are."""

STARTUP_MIN: Final = 10

RunTrials = Callable[[Sequence[Trial]], list[Row]]


class Search(StrEnum):
    """How combinations are chosen."""

    GRID = "grid"
    RANDOM = "random"
    OPTUNA = "optuna"


def count_tries(space: Space, search: Search, tries: int) -> int:
    """How many combinations a search runs; ``tries`` 0: all of them.

    Raises:
        SpaceError: more than are kept.
    """
    count = space.total if search is Search.GRID or not tries else min(tries, space.total)
    if count > COMBINATIONS_MAX:
        advice = "fewer values, or --search random --tries N"
        raise SpaceError(f"{count} combinations: at most {COMBINATIONS_MAX} in one sweep; {advice}")
    return count


def draw_numbers(total: int, count: int, seed: int) -> Sequence[int]:
    """So many different numbers below ``total``, by chance; the same for the same seed."""
    if count >= total:
        return range(total)
    dice = np.random.default_rng(seed)
    drawn: dict[int, None] = {}
    while len(drawn) < count:
        drawn.update(dict.fromkeys(dice.integers(0, total, count - len(drawn)).tolist()))
    return list(drawn)


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A search through a space, on one window of candles; ``tries`` 0: every combination."""

    space: Space
    search: Search = Search.GRID
    tries: int = 0
    seed: int = 0
    objective: Objective = Objective("sharpe")
    bounds: tuple[Bound, ...] = ()

    @property
    def count(self) -> int:
        """How many combinations it runs.

        Raises:
            SpaceError: more than are kept.
        """
        return count_tries(self.space, self.search, self.tries)


def search_through(plan: Plan, run: RunTrials, *, begin_ms: int = 0, end_ms: int = 0) -> list[Row]:
    """Run what the plan says, on candles from ``begin_ms`` to before ``end_ms``; the same rows for the same seed.

    Raises:
        SpaceError: more combinations than are kept.
        ValueError: the optimiser is not installed.
    """
    count = plan.count
    if plan.search is Search.OPTUNA:
        return _ask_optuna(plan, count, lambda numbers: run([Trial(one, begin_ms, end_ms) for one in numbers]))
    numbers = range(count) if plan.search is Search.GRID else draw_numbers(plan.space.total, count, plan.seed)
    return run([Trial(number, begin_ms, end_ms) for number in numbers])


def _ask_optuna(plan: Plan, count: int, run: Callable[[Sequence[int]], list[Row]]) -> list[Row]:
    """Propose, run and tell, some at once; what was proposed twice is run once and counts twice."""
    study = _open_study(plan.seed, count)
    rows: dict[int, Row] = {}
    for begin in range(0, count, ASKED_AT_ONCE):
        asked = [study.ask() for _ in range(min(ASKED_AT_ONCE, count - begin))]
        numbers = [plan.space.number(tuple(_propose(one, axis) for axis in plan.space.axes)) for one in asked]
        for trial, row in zip(asked, run(numbers), strict=True):
            rows[row.trial.number] = row
            _tell(study, trial, row, plan)
    return list(rows.values())


def _open_study(seed: int, count: int) -> optuna.Study:
    try:
        import optuna
    except ImportError as error:
        message = f"guided search needs an extra: pip install 'fairlead[backtest]' ({error})"
        raise ValueError(message) from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    startup = max(STARTUP_MIN, count // 10)
    sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=startup)
    return optuna.create_study(direction="maximize", sampler=sampler)


def _propose(trial: optuna.Trial, axis: Axis) -> int:
    """Which value of an axis to take: numbers have an order that the optimiser can use, words have none."""
    if _is_ordered(axis):
        return trial.suggest_int(axis.name, 0, len(axis.values) - 1)
    return int(trial.suggest_categorical(axis.name, tuple(range(len(axis.values)))))


def _is_ordered(axis: Axis) -> bool:
    try:
        numbers = [parse_amount(value) for value in axis.values]
    except AmountError:
        return False
    return numbers == sorted(numbers)


def _tell(study: optuna.Study, trial: optuna.Trial, row: Row, plan: Plan) -> None:
    from optuna.trial import TrialState

    score = plan.objective.score(row.figures)
    if row.figures is None:
        study.tell(trial, state=TrialState.FAIL)
    elif score is None or not all(bound.holds(row.figures) for bound in plan.bounds):
        # The optimiser takes what was pruned at once for worse than everything that has a value.
        study.tell(trial, state=TrialState.PRUNED)
    else:
        study.tell(trial, score)
