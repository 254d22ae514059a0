"""`fairlead migrate` and `fairlead verify`: the database itself."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from fairlead.cli.bot_names import find_bot_names
from fairlead.cli.config import load_settings
from fairlead.cli.days import DAY_HELP, read_day
from fairlead.cli.failures import database_failures_explained
from fairlead.cli.options import PrintOptions, add_command
from fairlead.cli.output import StopError, say, say_json, tell
from fairlead.cli.records import check_database, prepare_database

if TYPE_CHECKING:
    from fairlead.reporting.decision_check import DecisionReport
    from fairlead.store.verify import Report


@dataclass(frozen=True, kw_only=True)
class MigrateOptions(PrintOptions):
    """Whether to look only."""

    check: Annotated[bool, typer.Option("--check", help="Change nothing; exit with 1 when something is missing.")] = (
        False
    )


@dataclass(frozen=True, kw_only=True)
class VerifyOptions(PrintOptions):
    """What to check."""

    decisions: Annotated[
        str, typer.Option("--decisions", metavar="DAY", help=f"Make the bots' decisions of a day again. {DAY_HELP}")
    ] = ""


def add_storage_commands(app: typer.Typer) -> None:
    """Hang the commands into the command line."""
    add_command(app, "migrate", "fairlead migrate", "fairlead migrate --check")(migrate)
    add_command(
        app,
        "verify",
        "fairlead verify",
        "fairlead verify --data /srv/fairlead --json",
        "fairlead verify --decisions yesterday",
    )(verify)


def migrate(options: MigrateOptions) -> None:
    """Bring the database to the newest layout.

    Every command that changes something does this first; those that only read ask for it. Not beside a running server.
    """
    settings = load_settings(options)
    if options.check:
        from fairlead.store.migrate import pending

        with database_failures_explained(settings):
            missing = pending(settings.store_url)
        _show_revisions("missing", missing, options)
        if missing:
            raise StopError(f"the database lacks {len(missing)} revision(s): run fairlead migrate")
    else:
        _show_revisions("applied", prepare_database(settings), options)


def verify(options: VerifyOptions) -> None:
    """Rebuild every table from the journal, compare, and check the hash chain. Changes nothing.

    With --decisions DAY every decision that bots made on that day is made again from the journal instead, and compared
    to the last digit. Exits with 1 and names what differs when anything does. May run beside a server.
    """
    if options.decisions:
        verify_decisions(options, options.decisions)
    else:
        verify_tables(options)


def verify_tables(options: PrintOptions) -> None:
    """Rebuild every table and compare."""
    from fairlead import wiring
    from fairlead.store.verify import verify as verify_store

    settings = load_settings(options)
    check_database(settings)
    with database_failures_explained(settings):
        fold = wiring.journal_fold(settings.store_url)
        report = verify_store(settings.store_url, fold, show_progress, records=wiring.record_kinds())
    problems = tell_problems(report)
    if options.as_json:
        say_json({"rows": report.rows, "streams": report.streams, "problems": problems})
    else:
        for problem in problems:
            say(problem)
        say(f"{report.rows} journal rows in {report.streams} streams: {len(report.problems) or 'no'} problems")
    if report.problems:
        raise StopError("the tables and the journal disagree; keep a copy of the data folder before anything else")


def verify_decisions(options: PrintOptions, day_text: str) -> None:
    """Make the decisions of a day again and compare."""
    from fairlead.clock import SystemClock
    from fairlead.reporting.decision_check import check_decisions
    from fairlead.wiring.rule_files import RuleFiles

    settings = load_settings(options)
    day = read_day(day_text, SystemClock())
    check_database(settings)
    with database_failures_explained(settings):
        find_rule = RuleFiles(settings.rules_dir).find
        report = check_decisions(
            settings.store_url, day.begin_ms, day.end_ms, find_rule=find_rule, progress=show_progress
        )
    if options.as_json:
        say_json(decision_values(day.name, report))
    else:
        names = find_bot_names(options)
        for one in report.differences:
            say(one.text(names))
        unchecked = f", {report.unchecked} of them by an older version and not checked" if report.unchecked else ""
        differing = report.differing or "no"
        say(f"{day.name}: {report.decisions} decisions of {report.bots} bots{unchecked}: {differing} differences")
        say(f"hash of all answers: {report.digest}")
    if report.differing:
        raise StopError("what the journal says was not decided by these rules from what they heard")


def decision_values(day: str, report: DecisionReport) -> dict[str, object]:
    """What a check of decisions found, for a program."""
    from msgspec import to_builtins

    return {"day": day, **to_builtins(report)}


def tell_problems(report: Report) -> list[str]:
    """The problems of a check as they may be shown: what is damaged may hold anything, a secret too."""
    from fairlead.observing.redaction import Redactor

    return list(map(Redactor().redact_text, report.problems))


def _show_revisions(what: str, revisions: list[str], options: PrintOptions) -> None:
    if options.as_json:
        say_json({what: revisions})
    else:
        say(f"{what}: {', '.join(revisions) or 'nothing'}")


def show_progress(done: int, total: int) -> None:
    """Say how far a check has come, to whoever is watching."""
    if sys.stderr.isatty():
        tell(f"{done} of {total} journal rows")
