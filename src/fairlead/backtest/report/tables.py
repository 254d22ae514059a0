"""Tables and cards of a page as HTML: every text is escaped here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from html import escape
from typing import Final

from fairlead.backtest.measures.periods import MonthReturn
from fairlead.backtest.report.figures import Figure, FigureGroup, percent
from fairlead.backtest.sweeps.heat_map import HeatMap

MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_HEATS: Final = 8
DEAL_COLUMNS: Final = (
    ("cycle", "Deal", ""),
    ("bot", "Bot", "text"),
    ("began", "Began (UTC)", ""),
    ("lasted", "Took", ""),
    ("levels", "Levels", ""),
    ("fills", "Fills", ""),
    ("cost", "Cost at most", ""),
    ("profit", "Profit", ""),
    ("fees", "Fees", ""),
    ("funding", "Funding", ""),
    ("worst", "Worst moment", ""),
    ("why", "Why it ended", "text"),
)


def section(title: str, body: str, *, name: str) -> str:
    """A part of the page with its heading; nothing without a body."""
    return f'<section aria-labelledby="{name}"><h2 id="{name}">{escape(title)}</h2>{body}</section>' if body else ""


def warning_list(warnings: Sequence[str]) -> str:
    """What to mind."""
    if not warnings:
        return ""
    return f'<ul class="warnings" aria-label="Mind">{"".join(f"<li>{escape(one)}</li>" for one in warnings)}</ul>'


def cards(rows: Iterable[tuple[str, str, str, str]]) -> str:
    """Key numbers: label, value, a small line below, and whether it is a ``gain`` or a ``loss``."""
    cells = "".join(
        f'<div><dt>{escape(label)}</dt><dd class="{kind}">{escape(value)}<small>{escape(below)}</small></dd></div>'
        for label, value, below, kind in rows
    )
    return f'<dl class="cards">{cells}</dl>'


def figure_tables(groups: Sequence[FigureGroup]) -> str:
    """Statistics: a table for each group."""
    return f'<div class="columns">{"".join(figure_table(group.title, group.figures) for group in groups)}</div>'


def figure_table(title: str, figures: Sequence[Figure], *, kind: str = "figures") -> str:
    """A table of names and values; ``kind`` is ``terms`` where values are sentences."""
    rows = "".join(
        f'<tr><th scope="row">{escape(one.label)}</th><td>{escape(one.value)}</td>'
        f'<td class="about">{escape(one.about)}</td></tr>'
        for one in figures
    )
    caption = f"<caption>{escape(title)}</caption>"
    return f'<div class="scroll"><table class="{kind}">{caption}<tbody>{rows}</tbody></table></div>'


def setting_tables(rows: Sequence[tuple[str, list[tuple[str, str]]]]) -> str:
    """The settings of each bot."""
    tables = (
        figure_table(
            name, [Figure(setting, value) for setting, value in settings] or [Figure("defaults", "all of them")]
        )
        for name, settings in rows
    )
    return f'<div class="columns">{"".join(tables)}</div>'


def month_table(months: Sequence[MonthReturn]) -> str:
    """What each month gained: a row for each year, and the year at its end."""
    years: dict[int, dict[int, float]] = {}
    for one in months:
        years.setdefault(one.year, {})[one.month] = one.value
    head = "".join(f'<th scope="col">{name}</th>' for name in MONTHS)
    rows = []
    for year, values in years.items():
        whole = 1.0
        for value in values.values():
            whole *= 1.0 + value
        cells = "".join(_gain(values.get(month)) for month in range(1, len(MONTHS) + 1))
        rows.append(f'<tr><th scope="row">{year}</th>{cells}{_gain(whole - 1.0)}</tr>')
    return (
        '<div class="scroll"><table><caption>Percent of the equity at the beginning of the month, UTC</caption>'
        f'<thead><tr><th scope="col">Year</th>{head}<th scope="col">Year</th></tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def deal_table() -> str:
    """The frame of the table of deals: the script of the page fills it."""
    head = "".join(
        f'<th scope="col" data-column="{name}" aria-sort="none" class="{kind}">'
        f'<button type="button">{label}</button></th>'
        for name, label, kind in DEAL_COLUMNS
    )
    return (
        '<div class="deals"><div class="scroll"><table><caption>Choose one to see it in the charts</caption>'
        f"<thead><tr>{head}</tr></thead><tbody></tbody></table></div>"
        '<div class="pages"><button type="button">Earlier rows</button><button type="button">Later rows</button>'
        '<span class="told" aria-live="polite"></span></div></div>'
    )


def heat_table(heat: HeatMap) -> str:
    """How a figure goes with two settings, the best outlined."""
    known = [value for row in heat.cells for value in row if value is not None]
    low, high = min(known, default=0.0), max(known, default=0.0)
    head = "".join(f'<th scope="col">{escape(value)}</th>' for value in heat.x_values)
    rows = []
    for number, (name, row) in enumerate(zip(heat.y_values, heat.cells, strict=True)):
        cells = []
        for column, value in enumerate(row):
            shade = _shade(value, low, high, is_largest_best=heat.is_largest_best)
            best = " heat-best" if heat.best == (number, column) else ""
            cells.append(f'<td class="{shade}{best}">{"-" if value is None else f"{value:,.4g}"}</td>')
        rows.append(f'<tr><th scope="row">{escape(name)}</th>{"".join(cells)}</tr>')
    caption = f"{heat.figure}: {heat.x_name} across, {heat.y_name} down; the best of everything else in each cell"
    return (
        f'<div class="scroll heat"><table><caption>{escape(caption)}</caption><thead><tr>'
        f'<th scope="col">{escape(heat.y_name)}</th>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'
    )


def pane(name: str, title: str, about: str, legend: str = "") -> str:
    """A canvas with its caption; ``about`` is what somebody hears who cannot see it."""
    return (
        f'<figure class="pane pane-{name}"><figcaption><b>{escape(title)}</b>'
        f'<span class="legend">{legend}</span><span class="readout"></span></figcaption>'
        f'<canvas tabindex="0" role="img" aria-label="{escape(about)}"></canvas></figure>'
    )


def key(name: str, label: str) -> str:
    """One entry of a legend."""
    return f'<span><span class="key key-{name}"></span>{escape(label)}</span>'


def switch(name: str, label: str, line: str) -> str:
    """One entry of a legend that takes its line away, and brings it back."""
    shown = f'<span class="key key-{name}"></span>{escape(label)}'
    return f'<button type="button" aria-pressed="true" data-line="{escape(line)}">{shown}</button>'


def controls(symbols: Sequence[str]) -> str:
    """Buttons that move all charts together, and a choice of instruments where there are several."""
    buttons = (("in", "Zoom in"), ("out", "Zoom out"), ("left", "Earlier"), ("right", "Later"), ("all", "All"))
    shown = "".join(f'<button type="button" data-action="{name}">{label}</button>' for name, label in buttons)
    options = "".join(f"<option>{escape(symbol)}</option>" for symbol in symbols)
    choice = f'<select class="choose-symbol" aria-label="Instrument">{options}</select>' if len(symbols) > 1 else ""
    return (
        f'<div class="controls" role="toolbar" aria-label="Charts">{choice}{shown}'
        '<span class="span" aria-live="polite"></span>'
        '<span class="keys">drag, arrow keys, + and -, Ctrl and wheel</span></div>'
    )


def kind_of(value: float | Decimal) -> str:
    """``gain``, ``loss``, or nothing."""
    return "gain" if value > 0 else "loss" if value < 0 else ""


def _gain(value: float | None) -> str:
    if value is None:
        return "<td></td>"
    return f'<td class="{kind_of(value)}">{percent(value).removesuffix(" %")}</td>'


def _shade(value: float | None, low: float, high: float, *, is_largest_best: bool) -> str:
    if value is None or low == high:
        return "heat-0"
    share = (value - low) / (high - low)
    return f"heat-{min(_HEATS - 1, int((share if is_largest_best else 1.0 - share) * _HEATS))}"
