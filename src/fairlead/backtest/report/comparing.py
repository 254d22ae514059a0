"""Two runs side by side: the figures of both, and the settings in which they differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from fairlead.backtest.measures.statistics import Statistics
from fairlead.backtest.report.figures import figure_groups
from fairlead.backtest.report.words import flatten, setting_text
from fairlead.backtest.spec import BacktestSpec


class Pair(msgspec.Struct, frozen=True):
    """One line: a name, and its value in both."""

    label: str
    first: str
    second: str

    @property
    def differs(self) -> bool:
        """Whether the values are not the same."""
        return self.first != self.second


def compare_figures(first: tuple[BacktestSpec, Statistics], second: tuple[BacktestSpec, Statistics]) -> list[Pair]:
    """Every figure of both."""
    sides = [_figures(statistics, spec.currency) for spec, statistics in (first, second)]
    names = list(dict.fromkeys((*sides[0], *sides[1])))
    return [Pair(name, sides[0].get(name, ""), sides[1].get(name, "")) for name in names]


def compare_specs(first: BacktestSpec, second: BacktestSpec) -> list[Pair]:
    """What was asked otherwise: candles, terms, cash, and settings of bots."""
    sides = [_asked(spec) for spec in (first, second)]
    names = list(dict.fromkeys((*sides[0], *sides[1])))
    pairs = (Pair(name, sides[0].get(name, "default"), sides[1].get(name, "default")) for name in names)
    return [pair for pair in pairs if pair.differs]


def pair_lines(pairs: Sequence[Pair], heads: tuple[str, str]) -> list[str]:
    """A table of pairs as text."""
    rows = [("", *heads), *((pair.label, pair.first, pair.second) for pair in pairs)]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return [f"{label:<{widths[0]}}  {one:>{widths[1]}}  {two:>{widths[2]}}".rstrip() for label, one, two in rows]


def _figures(statistics: Statistics, currency: str) -> dict[str, str]:
    return {
        f"{group.title}: {figure.label}": figure.value
        for group in figure_groups(statistics, currency)
        for figure in group.figures
    }


def _asked(spec: BacktestSpec) -> dict[str, str]:
    plain: dict[str, Any] = msgspec.to_builtins(spec)
    bots = plain.pop("bots")
    told = {name: setting_text(value) for name, value in flatten(plain)}
    for number, bot in enumerate(bots, 1):
        place = f"bot {number} " if len(bots) > 1 else ""
        told[f"{place}symbol"] = bot["symbol"]
        told.update({f"{place}{name}": setting_text(value) for name, value in flatten(bot["settings"])})
    return told
