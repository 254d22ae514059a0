"""The page of a run: one file that carries its numbers, its style and its script along, and reaches nobody."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from functools import lru_cache
from hashlib import sha256
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import msgspec

from fairlead.backtest.measures.periods import monthly_returns
from fairlead.backtest.measures.statistics import Statistics
from fairlead.backtest.report import tables
from fairlead.backtest.report.comparing import Pair
from fairlead.backtest.report.embedding import compared_numbers, run_numbers
from fairlead.backtest.report.figures import figure_groups, money, percent
from fairlead.backtest.report.words import (
    Surroundings,
    assumptions_of,
    period_of,
    settings_rows,
    title_of,
    verdict_of,
    warnings_of,
)
from fairlead.backtest.result import BacktestResult
from fairlead.market.candles.series import CandleSeries
from fairlead.store.private_files import write_private_file

SCRIPTS: Final = ("columns.js", "view.js", "pane.js", "painters.js", "deals.js", "main.js")
_NO_SCRIPT: Final = '<noscript><p class="empty">The charts and the list of deals need JavaScript.</p></noscript>'
_FOOT: Final = (
    "All times are UTC. History does not repeat itself: what is shown here was computed afterwards from candles, "
    "with the assumptions above."
)


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """One of two runs: its id, what came of it, and its statistics."""

    run_id: str
    result: BacktestResult
    statistics: Statistics


def write_report(
    path: Path,
    result: BacktestResult,
    statistics: Statistics,
    market: Mapping[str, CandleSeries],
    around: Surroundings | None = None,
) -> None:
    """Write the page of a run; ``market`` has the candles that are shown, by symbol, and may lack some.

    Raises:
        OSError: it cannot be written.
    """
    write_private_file(path, report_page(result, statistics, market, around or Surroundings()).encode())


def report_page(
    result: BacktestResult, statistics: Statistics, market: Mapping[str, CandleSeries], around: Surroundings
) -> str:
    """The page of a run."""
    spec = result.spec
    months = monthly_returns(result.equity, float(spec.cash), result.begin_ms)
    heat = around.heat_map
    sections = (
        tables.section("Months", tables.month_table(months) if months else "", name="months"),
        tables.section("Statistics", tables.figure_tables(figure_groups(statistics, spec.currency)), name="statistics"),
        tables.section("Deals", tables.deal_table(), name="deals"),
        tables.section("Sweep", "" if heat is None else tables.heat_table(heat), name="sweep"),
        tables.section(
            "What was assumed",
            tables.figure_table("Terms", assumptions_of(result, around), kind="figures terms"),
            name="assumptions",
        ),
        tables.section("Settings", tables.setting_tables(settings_rows(spec)), name="settings"),
    )
    return _page(
        run_numbers(result, market),
        title=f"Backtest of {title_of(spec)}",
        heading=title_of(spec),
        period=f"Backtest, {period_of(result)}, {money(spec.cash, spec.currency)}",
        verdict=verdict_of(result, statistics),
        warnings=tables.warning_list(warnings_of(result, statistics, around)),
        cards=tables.cards(_cards(statistics, spec.currency)),
        charts=_charts(result, market),
        sections="".join(sections),
        footer=escape(f"Run {around.run_id}. {_FOOT}" if around.run_id else _FOOT),
    )


def write_comparison(
    path: Path, first: Compared, second: Compared, rows: Sequence[Pair], settings: Sequence[Pair]
) -> None:
    """Write the page of two runs.

    Raises:
        OSError: it cannot be written.
    """
    write_private_file(path, compare_page(first, second, rows, settings).encode())


def compare_page(first: Compared, second: Compared, rows: Sequence[Pair], settings: Sequence[Pair]) -> str:
    """The page of two runs; ``rows`` have both values of each figure, as ``settings`` of what differs."""
    names = [f"{title_of(one.result.spec)} ({one.run_id})" for one in (first, second)]
    lines = (f"A {first.run_id}", f"B {second.run_id}")
    numbers = compared_numbers([(lines[0], first.result), (lines[1], second.result)])
    legend = "".join(tables.switch(name, line, line) for name, line in (("first", lines[0]), ("second", lines[1])))
    about = "Equity of both runs over time"
    charts = (
        f'<section class="charts" aria-label="Charts">{tables.controls(())}<p class="charts-note">{_NO_SCRIPT}</p>'
        f"{tables.pane('equity', 'Equity', about, legend)}"
        f"{tables.pane('depth', 'Below the top', 'How far each was below its highest equity')}</section>"
    )
    sections = (
        tables.section(
            "Settings that differ",
            _both(settings, "Setting") or "<p>None: they differ in candles.</p>",
            name="settings",
        ),
        tables.section("Statistics", _both(rows, "Figure"), name="statistics"),
    )
    return _page(
        numbers,
        title="Two backtests compared",
        heading="Two backtests compared",
        period=f"A: {names[0]}, {period_of(first.result)}",
        verdict=f"A: {verdict_of(first.result, first.statistics)} B: {verdict_of(second.result, second.statistics)}",
        warnings="",
        cards=f'<p class="soft">{escape(f"B: {names[1]}, {period_of(second.result)}")}</p>',
        charts=charts,
        sections="".join(sections),
        footer=escape(_FOOT),
    )


def _page(numbers: Mapping[str, Any], **parts: str) -> str:
    style, script, page = _assets()
    for name in ("title", "heading", "period", "verdict"):
        # A number and its percent sign stay on one line.
        parts[name] = escape(parts[name]).replace(" %", "&nbsp;%")
    # A name may hold what ends a script; between the marks of JSON it can stand as an escape.
    told = json.dumps(numbers, separators=(",", ":")).replace("<", "\\u003c")
    return _fill(
        page,
        {
            **parts,
            "style": style,
            "script": script,
            "style_hash": _hash(style),
            "script_hash": _hash(script),
            "numbers": told,
        },
    )


def _fill(page: str, parts: Mapping[str, str]) -> str:
    """Put parts into the page in one pass, so that nothing in a part is taken for the place of another."""
    pieces = page.split("{{")
    filled = [pieces[0]]
    for piece in pieces[1:]:
        name, rest = piece.split("}}", 1)
        filled += (parts[name], rest)
    return "".join(filled)


@lru_cache(maxsize=1)
def _assets() -> tuple[str, str, str]:
    folder = files("fairlead.backtest.report").joinpath("assets")
    scripts = "\n".join(folder.joinpath(name).read_text(encoding="utf-8") for name in SCRIPTS)
    style = folder.joinpath("page.css").read_text(encoding="utf-8")
    return (
        style,
        f'"use strict";\n(() => {{\n{scripts}\n}})();\n',
        folder.joinpath("page.html").read_text(encoding="utf-8"),
    )


def _hash(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"


def _cards(statistics: Statistics, currency: str) -> list[tuple[str, str, str, str]]:
    returns, deals, costs = statistics.returns, statistics.deals, statistics.costs
    kind = tables.kind_of(statistics.profit)
    sharpe = statistics.reasons["returns.sharpe"] if returns.sharpe is None else f"{returns.sharpe:.2f}"
    won = f"{deals.wins} won, {deals.losses} lost"
    held = percent(statistics.hold.total, is_signed=True)
    return [
        ("Profit", money(statistics.profit, currency, is_signed=True), "open positions at the last close", kind),
        ("Return", percent(returns.total, is_signed=True), f"holding {held}", kind),
        ("Deepest fall", percent(statistics.fall.share), f"holding {percent(statistics.hold.max_drawdown)}", ""),
        ("Sharpe ratio", sharpe, "daily returns, a year", ""),
        ("Closed deals", f"{deals.closed:,}", won, ""),
        ("Fees", money(costs.fees, currency), f"{statistics.fills:,} fills", ""),
    ]


def _charts(result: BacktestResult, market: Mapping[str, CandleSeries]) -> str:
    symbols = list(dict.fromkeys(bot.symbol for bot in result.spec.bots if bot.symbol in market))
    orders = tables.key("order", "resting order") if result.orders else ""
    fills = tables.key("buy", "buy") + tables.key("sell", "sell") + orders
    lines = tables.switch("equity", "this run", "equity") + tables.switch("hold", "buying and holding", "hold")
    about = f"Price of {', '.join(symbols)} with orders and fills; arrows move, plus and minus zoom"
    panes = [
        tables.pane("price", "Price", about, fills)
        if symbols
        else '<p class="empty">The candles are not here any more, so there is no chart of prices.</p>',
        tables.pane("equity", "Equity", "Equity of the run and of buying and holding over time", lines),
        tables.pane("depth", "Below the top", "How far the equity was below its highest value, in percent"),
        tables.pane("ladder", "Levels filled", "How many levels of all bots were filled over time")
        if result.fills
        else '<p class="empty">Nothing was filled, so there are no levels and no deals to show.</p>',
    ]
    return (
        f'<section class="charts" aria-label="Charts"><h2 class="hidden">Charts</h2>{tables.controls(symbols)}'
        f'<div class="charts-note">{_NO_SCRIPT}</div>{"".join(panes)}</section>'
    )


def _both(rows: Sequence[Pair], head: str) -> str:
    if not rows:
        return ""
    body = "".join(
        f'<tr><th scope="row">{escape(row.label)}</th><td>{escape(row.first)}</td><td>{escape(row.second)}</td></tr>'
        for row in rows
    )
    heads = "".join(f'<th scope="col">{name}</th>' for name in (head, "A", "B"))
    return f'<div class="scroll"><table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>'
