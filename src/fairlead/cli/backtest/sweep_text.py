"""What a sweep found, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from fairlead.cli.output import table_lines

if TYPE_CHECKING:
    from fairlead.backtest.sweeps.figures import Figures
    from fairlead.backtest.sweeps.heat_map import HeatMap
    from fairlead.backtest.sweeps.monte_carlo import MonteCarlo
    from fairlead.backtest.sweeps.spread import Spread
    from fairlead.backtest.sweeps.start_times import StartTimes
    from fairlead.backtest.sweeps.sweep import SweepResult
    from fairlead.backtest.sweeps.trials import Row
    from fairlead.backtest.sweeps.walk_forward import WalkForward

FAULTS_SHOWN: Final = 5
LUCK_LIKELY: Final = 0.95
SHARES: Final = frozenset({"gain", "max_drawdown", "win_rate"})
COLUMNS: Final = ("profit", "gain", "max_drawdown", "sharpe", "profit_factor", "deals")


def sweep_lines(found: SweepResult, top: int) -> Iterator[str]:
    """The best of a sweep, and how far they can be believed."""
    plan = found.plan
    axes = " x ".join(f"{len(axis.values)} {axis.name}" for axis in plan.space.axes)
    beyond = f", {len(found.beyond)} beyond the bounds" if plan.bounds else ""
    faults = f", {len(found.faults)} failed" if found.faults else ""
    yield f"{found.tried} combinations ({axes}), ranked by {plan.objective.figure}{beyond}{faults}:"
    shown = found.rows[:top]
    if shown:
        yield ""
        yield from (f"  {line}" for line in table_lines([_table_row(found, row) for row in shown]))
    else:
        yield "  none of them is within the bounds, or has this figure"
    yield ""
    yield from trust_lines(found)
    for row in found.faults[:FAULTS_SHOWN]:
        choice = ", ".join(f"{name}={value}" for name, value in plan.space.choice(row.trial.number).items())
        yield f"Failed: {choice}: {row.fault}"
    if len(found.faults) > FAULTS_SHOWN:
        yield f"Failed: {len(found.faults) - FAULTS_SHOWN} more, in the file of rows"


def trust_lines(found: SweepResult) -> Iterator[str]:
    """How many were tried, and what the best proves after that."""
    yield f"Mind: the best of {found.tried} is partly luck; {found.trials} runs were ever made in this data folder."
    if found.best is None:
        return
    share = found.deflated_sharpe
    if share is None:
        yield "Too few daily returns to tell skill from luck (deflated Sharpe ratio: at least 30 days)."
    else:
        likely = "" if share >= LUCK_LIKELY else "; below 95 % it is best taken for luck"
        yield f"The probability that it is more than the luck of so many: {share:.0%} (deflated Sharpe ratio){likely}."
    near = found.stability
    if near is not None and near.tried:
        kept = "" if near.kept is None else f", and the median one keeps {near.kept:.0%} of its {_figure(found)}"
        yield f"Of {near.neighbours} neighbours of the best {near.tried} were tried: {near.profitable} gained{kept}."


def heat_lines(drawn: HeatMap) -> Iterator[str]:
    """A heat map as a table; the best cell is marked."""
    yield f"{drawn.figure.replace('_', ' ')}, the best for each pair ({drawn.y_name} down, {drawn.x_name} across):"
    rows: list[dict[str, object]] = []
    for place, (name, cells) in enumerate(zip(drawn.y_values, drawn.cells, strict=True)):
        row: dict[str, object] = {drawn.y_name: name}
        for column, (value, cell) in enumerate(zip(drawn.x_values, cells, strict=True)):
            mark = "*" if drawn.best == (place, column) else ""
            row[value] = "-" if cell is None else f"{figure_text(drawn.figure, cell)}{mark}"
        rows.append(row)
    yield from (f"  {line}" for line in table_lines(rows))


def walk_lines(found: WalkForward, currency: str) -> Iterator[str]:
    """What choosing again and again led to."""
    from fairlead.cli.moments import moment_text

    rows: list[dict[str, object]] = []
    figure = found.plan.objective.figure
    for step in found.steps:
        chosen = ", ".join(f"{name}={value}" for name, value in step.choice.items()) or "none within bounds"
        rows.append(
            {
                "tested from": moment_text(step.window.split_ms),
                "to": moment_text(step.window.end_ms),
                "chosen": chosen,
                f"{figure} chosen": _of(step.chosen, figure),
                f"{figure} tested": _of(step.tested, figure),
                "profit tested": _of(step.tested, "profit"),
            }
        )
    yield from (f"  {line}" for line in table_lines(rows))
    yield ""
    gained = f"{found.profitable} of {len(found.steps)} stretches gained"
    profit = figure_text("profit", found.profit)
    yield f"Tested profit {profit} {currency}: {gained}; deepest fall {found.max_drawdown:.1%}."
    if found.efficiency is None:
        yield "Nothing was gained while choosing, so there is no efficiency."
    else:
        yield f"A day of testing gained {found.efficiency:.0%} of what a day of choosing did (walk-forward efficiency)."
    yield f"{found.trials} runs were ever made in this data folder."


def monte_carlo_lines(found: MonteCarlo, currency: str) -> Iterator[str]:
    """What other orders of the same deals would have led to."""
    how = "drawn with repeats" if found.redraw.value == "bootstrap" else "in another order"
    yield f"{found.deals} deals {how}, {found.draws} times (seed {found.seed}):"
    yield ""
    rows = [_spread_row(f"profit, {currency}", found.profit, "profit")]
    rows.append(_spread_row("deepest fall", found.max_drawdown, "max_drawdown"))
    yield from (f"  {line}" for line in table_lines(rows))
    yield ""
    yield f"Lost {found.ruin_at:.0%} of the cash at some moment: {found.ruin:.1%} of all draws."


def start_lines(found: StartTimes) -> Iterator[str]:
    """What other first days would have led to."""
    from fairlead.cli.moments import moment_text

    yield f"{found.runs} runs of {found.length_ms / 86_400_000:g} days from random moments (seed {found.seed}):"
    yield ""
    rows = [_spread_row("gain", found.gain, "gain"), _spread_row("deepest fall", found.max_drawdown, "max_drawdown")]
    yield from (f"  {line}" for line in table_lines(rows))
    yield ""
    worst, best = moment_text(found.worst_ms), moment_text(found.best_ms)
    yield f"{found.profitable:.0%} of them gained; the worst began {worst}, the best {best}."
    for row in found.faults[:FAULTS_SHOWN]:
        yield f"Failed: from {moment_text(row.trial.begin_ms)}: {row.fault}"


def figure_text(name: str, value: Decimal | float | None) -> str:
    """A figure as people read it; shares as percent."""
    if value is None:
        return "-"
    if name in SHARES:
        return f"{value:.1%}"
    return f"{value}" if isinstance(value, int) else f"{value:.2f}"


def _table_row(found: SweepResult, row: Row) -> Mapping[str, object]:
    figures, name = row.figures, found.plan.objective.figure
    columns = (name, *(one for one in COLUMNS if one != name))
    return {**found.plan.space.choice(row.trial.number), **{one: _of(figures, one) for one in columns}}


def _of(figures: Figures | None, name: str) -> str:
    return "-" if figures is None else figure_text(name, getattr(figures, name))


def _figure(found: SweepResult) -> str:
    return found.plan.objective.figure.replace("_", " ")


def _spread_row(name: str, spread: Spread, figure: str) -> dict[str, object]:
    shown = {"5 %": spread.p5, "25 %": spread.p25, "half": spread.p50, "75 %": spread.p75, "95 %": spread.p95}
    return {"": name, **{share: figure_text(figure, value) for share, value in shown.items()}}
