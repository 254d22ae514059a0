"""Which combination is best: by one figure, among those within bounds."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

import msgspec

from fairlead.backtest.sweeps.figures import LARGEST_BEST, Figures
from fairlead.backtest.sweeps.space import Space
from fairlead.backtest.sweeps.trials import Row

_BOUND: Final = re.compile(r"([a-z_]+)\s*=\s*(-?[0-9]+(?:\.[0-9]+)?)(%?)", re.ASCII)


class RankingError(ValueError):
    """No figure, or no bound; the message says what there is."""


class Objective(msgspec.Struct, frozen=True):
    """The figure that decides."""

    figure: str

    @property
    def is_largest_best(self) -> bool:
        """Whether more of it is better."""
        return LARGEST_BEST[self.figure]

    def value(self, figures: Figures | None) -> float | None:
        """The figure of a run; None where there is none."""
        found = None if figures is None else getattr(figures, self.figure)
        return None if found is None else float(found)

    def score(self, figures: Figures | None) -> float | None:
        """The same, so that more is better."""
        value = self.value(figures)
        return value if value is None or self.is_largest_best else -value


class Bound(msgspec.Struct, frozen=True):
    """What a run must keep to: at most, or at least."""

    figure: str
    limit: float
    is_most: bool

    def holds(self, figures: Figures) -> bool:
        """Whether it does; an unknown figure does not."""
        value = getattr(figures, self.figure)
        if value is None:
            return False
        return float(value) <= self.limit if self.is_most else float(value) >= self.limit


def read_objective(text: str) -> Objective:
    """Read the name of a figure.

    Raises:
        RankingError: there is none of this name.
    """
    return Objective(_known(text))


def read_bound(text: str, *, is_most: bool) -> Bound:
    """Read a bound such as ``max_drawdown=0.2``, or ``max_drawdown=20%``.

    Raises:
        RankingError: it is none.
    """
    found = _BOUND.fullmatch(text.strip())
    if found is None:
        raise RankingError(f"{text}: must be FIGURE=NUMBER, such as max_drawdown=0.2 or max_drawdown=20%")
    # Twenty percent and 0.2 are the same number only if both are read as text.
    limit = float(f"{found[2]}e-2") if found[3] else float(found[2])
    return Bound(_known(found[1]), limit, is_most)


def rank_rows(rows: Iterable[Row], objective: Objective, bounds: Iterable[Bound]) -> tuple[list[Row], list[Row]]:
    """Rows within all bounds, the best first, and the others in the same order; equal ones by their numbers."""
    within: list[tuple[float, int, Row]] = []
    beyond: list[tuple[float, int, Row]] = []
    limits = tuple(bounds)
    for row in rows:
        if row.figures is None:
            continue
        score = objective.score(row.figures)
        is_within = score is not None and all(bound.holds(row.figures) for bound in limits)
        key = float("inf") if score is None else -score
        (within if is_within else beyond).append((key, row.trial.number, row))
    within.sort(key=lambda one: one[:2])
    beyond.sort(key=lambda one: one[:2])
    return [row for *_, row in within], [row for *_, row in beyond]


class Stability(msgspec.Struct, frozen=True, kw_only=True):
    """How the combinations next to the best did: one that stands alone is likely luck.

    ``tried`` of ``neighbours`` were tried, ``profitable`` of them gained. ``median`` and ``worst`` are their figure,
    ``best`` that of the best itself.
    """

    neighbours: int
    tried: int
    profitable: int
    best: float
    median: float | None
    worst: float | None

    @property
    def kept(self) -> float | None:
        """The median neighbour's share of the best's figure; None where that says nothing."""
        return self.median / self.best if self.median is not None and self.best > 0 else None


def stability_of(best: Row, rows: Iterable[Row], space: Space, objective: Objective) -> Stability:
    """Look at the neighbours of the best."""
    beside = set(space.neighbours(best.trial.number))
    found = [row.figures for row in rows if row.trial.number in beside and row.figures is not None]
    values = sorted(value for one in found if (value := objective.value(one)) is not None)
    half = len(values) // 2
    best_value = objective.value(best.figures)
    assert best_value is not None, best
    return Stability(
        neighbours=len(beside),
        tried=len(found),
        profitable=sum(one.profit > 0 for one in found),
        best=best_value,
        median=None if not values else values[half] if len(values) % 2 else (values[half - 1] + values[half]) / 2,
        worst=None if not values else values[0] if objective.is_largest_best else values[-1],
    )


def _known(name: str) -> str:
    if name not in LARGEST_BEST:
        raise RankingError(f"{name}: no figure; there are {', '.join(LARGEST_BEST)}")
    return name
