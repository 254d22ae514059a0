"""`fairlead drift-report`: what bots did on a day beside what a replay of that day does."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Final

import typer

from fairlead.cli.bot_names import find_bot_names
from fairlead.cli.config import load_settings
from fairlead.cli.days import DayArgument, read_day
from fairlead.cli.extras import backtest_extra
from fairlead.cli.failures import database_failures_explained
from fairlead.cli.options import PrintOptions, add_command
from fairlead.cli.output import EXIT_NO, StopError, say, say_json, table_lines, tell
from fairlead.cli.progress import progress_shown
from fairlead.cli.records import check_database

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fairlead.backtest.parity.comparing import Difference
    from fairlead.backtest.parity.report import BotDrift
    from fairlead.wiring.parity import DriftReport

PARTS: Final = ("fees", "slippage", "latency", "missed", "bug")
LINES_MAX: Final = 40
_CENT: Final = Decimal("0.01")


@dataclass(frozen=True, kw_only=True)
class DriftReportOptions(PrintOptions):
    """Which day, and on which candles."""

    day: DayArgument
    timeframe: Annotated[str, typer.Option(help="Candles to replay on.")] = "1m"
    exchange: Annotated[
        str, typer.Option(help="Whose candles, where those of several are kept. Default: those that fit the prices.")
    ] = ""
    every: Annotated[bool, typer.Option("--every", help="Name every difference, however many.")] = False


def add_drift_report(app: typer.Typer) -> None:
    """Hang the command into the command line."""
    add_command(
        app, "drift-report", "fairlead drift-report yesterday", "fairlead drift-report 2026-11-20 --exchange okx --json"
    )(drift_report)


def drift_report(options: DriftReportOptions) -> None:
    """Replay what bots did on a day, and split every difference into fees, slippage, latency, missed fills and bugs.

    Candles are those of fairlead candles; where none are kept of a market, they are made of the prices that bots heard.
    Exits with 1 when anything is a bug: when the same rule, told the same, would have done otherwise. Changes nothing.
    """
    with backtest_extra():
        from fairlead.clock import SystemClock
        from fairlead.market.candles.archive import NoCandlesError
        from fairlead.wiring.parity import DriftPlan, make_drift_report
        from fairlead.wiring.rule_files import RuleFiles

    settings = load_settings(options)
    day = read_day(options.day, SystemClock())
    check_database(settings)
    plan = DriftPlan(
        url=settings.store_url,
        begin_ms=day.begin_ms,
        end_ms=day.end_ms,
        candles_dir=settings.data_dir / "candles",
        find_rule=RuleFiles(settings.rules_dir).find,
        timeframe=options.timeframe,
        exchange=options.exchange,
    )
    with database_failures_explained(settings), progress_shown(f"decisions of {day.name}") as progress:
        try:
            report = make_drift_report(plan, progress)
        except NoCandlesError as error:
            raise StopError(str(error)) from error
    _say(options, day.name, report, find_bot_names(options))


def _say(options: DriftReportOptions, day: str, report: DriftReport, names: Mapping[str, str]) -> None:
    if options.as_json:
        from msgspec import to_builtins

        say_json({"day": day, "names": dict(names), **to_builtins(report)})
    else:
        for line in report_lines(report, names, lines_max=10**9 if options.every else LINES_MAX):
            say(line)
    bugs = report.decisions.differing + sum(_is_bug(one) for bot in report.bots for one in bot.differences)
    if bugs:
        raise StopError(f"{bugs} differences are bugs: what was decided does not follow from what was heard", EXIT_NO)
    if not report.bots:
        tell("no bot did anything on that day")


def report_lines(report: DriftReport, names: Mapping[str, str], *, lines_max: int = LINES_MAX) -> Iterator[str]:
    """The report as people read it: a line for each bot, then each difference with its reason."""
    from fairlead.reporting.times import time_text

    if report.bots:
        yield from table_lines([_row(bot, names) for bot in report.bots])
    for bot in report.bots:
        name = names.get(bot.bot, bot.bot)
        if bot.bot in report.heard_only:
            yield f"{name}: replayed on the prices that bots heard, for no candles of its market are kept"
        for one in bot.differences[:lines_max]:
            yield f"{name}, {time_text(one.at_ms)}, {_text(one)} ({_money(one.parts.total)} {bot.currency})"
        if len(bot.differences) > lines_max:
            yield f"{name}: {len(bot.differences) - lines_max} more differences; see them with --every or --json"
        for why in dict.fromkeys(one.why for one in bot.skipped):
            of_it = [one for one in bot.skipped if one.why is why]
            yield f"{name}: {len(of_it)} stretches with {sum(one.fills for one in of_it)} fills not replayed: {why}"
    for difference in report.decisions.differences:
        yield difference.text(names)
    unchecked = report.decisions.unchecked
    yield f"{report.decisions.decisions} decisions made again: {report.decisions.differing or 'no'} differences" + (
        f", {unchecked} of an older version not checked" if unchecked else ""
    )


def _row(bot: BotDrift, names: Mapping[str, str]) -> dict[str, object]:
    parts = {name: _money(getattr(bot.parts, name)) for name in PARTS}
    return {
        "bot": names.get(bot.bot, bot.bot),
        "symbol": bot.symbol,
        "fills": bot.fills,
        "live": _money(bot.live_profit),
        "replayed": _money(bot.replayed_profit),
        **parts,
        "currency": bot.currency,
    }


def _text(one: Difference) -> str:
    live = "not filled" if one.live_price is None else f"{one.live_quantity.normalize():f} at {_price(one.live_price)}"
    other = (
        "not filled"
        if one.replayed_price is None
        else f"{one.replayed_quantity.normalize():f} at {_price(one.replayed_price)}"
    )
    return f"cycle {one.cycle} {one.slot}: live {live}, replayed {other}: {one.why}"


def _price(price: Decimal) -> str:
    return f"{round(price, 8).normalize():f}"


def _money(amount: Decimal) -> str:
    return f"{amount.quantize(_CENT)}" if abs(amount) >= _CENT or not amount else f"{amount:.2g}"


def _is_bug(one: Difference) -> bool:
    return bool(one.parts.bug)
